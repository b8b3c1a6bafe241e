# The man page and the shells' completions are what the tool's tables say.
root=$(cd "$here/../.." && pwd)
check "the files are those that the tables make" python3 "$root/tools/manual.py" "$HEXZ" --check
page=$root/man/hexz.1
hexz help --json >tables.json
check "the page tells every command and option" python3 - "$page" <<'PYTHON'
import json, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
sections = dict(zip(*[iter(re.split(r'^\.SS "hexz (\w+)"\n', page, flags=re.MULTILINE)[1:])] * 2))
tables = json.load(open("tables.json", encoding="utf-8"))
assert list(sections) == [c["name"] for c in tables["commands"]]
for command in tables["commands"]:
    text = sections[command["name"]].split("\n.SH ")[0]
    told = re.findall(r"^(?:\\fB\\-\w\\fR, )?\\fB\\-\\-([\w\\-]+)\\fR", text, re.MULTILINE)
    assert [t.replace("\\", "") for t in told] == [o["name"] for o in command["options"]], command["name"]
PYTHON
if command -v groff >/dev/null; then
    expect "groff has nothing to say" 0 '' groff -man -Tutf8 -ww -z "$page"
else
    skip "groff is not installed"
fi
if command -v mandoc >/dev/null; then
    expect "mandoc has nothing to say" 0 '' mandoc -T lint -W error "$page"
else
    skip "mandoc is not installed"
fi

touch "a file" disk.img
mkdir folder
# LINE: what bash offers at its end, one a line, sorted
offers() {
    bash -c '
        . "$1"
        line=$2
        IFS=" " read -r -a COMP_WORDS <<<"${line//=/ = }"
        case $line in *" " | *=) COMP_WORDS+=("") ;; esac
        [ "${line: -1}" != = ] || COMP_WORDS=("${COMP_WORDS[@]:0:${#COMP_WORDS[@]}-1}")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _hexz
        printf "%s\n" "${COMPREPLY[@]}"' - "$root/completions/hexz.bash" "$1" | sort
}
offered() { # NAME LINE WORD...
    local name=$1 line=$2 got want
    shift 2
    got=$(offers "$line")
    want=$(printf '%s\n' "$@" | sort)
    if [ "$got" = "$want" ]; then pass; else fail "bash: $name" "offers: $got"; fi
}
offered "commands" "hexz " build convert flatten info verify extract cat extents diff rekey profiles help version --help --version
offered "a command begun" "hexz ve" verify version
offered "words of a value" "hexz build --profile " generic eda embedded ml
offered "words of a value, begun" "hexz build --compression z" zstd
offered "behind =" "hexz build --format=" auto raw qcow2
offered "behind = and a letter" "hexz build --format=q" qcow2
offered "the short form" "hexz build -p e" eda embedded
offered "files of an option" "hexz build --memory d" disk.img
offered "files of an operand" "hexz build d" disk.img
offered "a name with a blank" "hexz info a" "a file"
offered "an operation, and files" "hexz rekey disk.img r" replace remove
offered "no value that cannot be known" "hexz build --level " ''
offered "help of a command" "hexz help ex" extract extents
offered "no options behind --" "hexz build -- --pro" ''
offered "nothing of no command" "hexz nothing --" ''
for command in build convert flatten info verify extract cat extents diff rekey profiles help version; do
    mapfile -t options < <(python3 -c 'import json, sys
for command in json.load(open("tables.json"))["commands"]:
    if command["name"] == sys.argv[1]:
        print("\n".join("--" + option["name"] for option in command["options"]))' "$command")
    offered "options of $command" "hexz $command --" "${options[@]}"
done

if command -v fish >/dev/null; then
    fishes() { HOME=$PWD fish --no-config -c "source $root/completions/hexz.fish; complete -C '$1'" 2>&1 | cut -f 1 | sort | paste -sd ' '; }
    fish_offers() {
        local got
        got=$(fishes "$1")
        if [ "$got" = "$2" ]; then pass; else fail "fish: '$1'" "offers: $got"; fi
    }
    fish_offers "hexz ve" "verify version"
    fish_offers "hexz build --prof" "--profile"
    fish_offers "hexz build --profile " "eda embedded generic ml"
    fish_offers "hexz verify --q" "--quiet"
else
    skip "fish is not installed"
fi
if command -v zsh >/dev/null; then
    tally python3 "$here/zsh.py" "$root/completions"
else
    skip "zsh is not installed"
fi
