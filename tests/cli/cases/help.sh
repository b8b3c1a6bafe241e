# help, version, and what was meant by a slip of the finger.
hexz --help >all
check "help is --help" cmp all <(hexz help)
check "-h too" cmp all <(hexz -h)
check "version is --version" cmp <(hexz version) <(hexz --version)
check "-V too" cmp <(hexz version) <(hexz -V)
for command in build convert info verify extract cat extents rekey profiles help version; do
    check "help tells of $command" grep -q "^  $command " all
    hexz "$command" --help >one
    check "help $command" cmp one <(hexz help "$command")
    check "--help $command" cmp one <(hexz --help "$command")
    check "$command -h" cmp one <(hexz "$command" -h)
    check "help $command: no line over 100 columns" bash -c '! grep -qE "^.{101}" one'
done
expect "help of nothing there is" 2 "unknown command 'nothing'" hexz help nothing
expect "help of a slip" 2 "did you mean 'build'?" hexz help biuld

while read -r typed meant; do
    expect "$typed" 2 "unknown command '$typed', did you mean '$meant'?" hexz "$typed"
done <<'SLIPS'
buld build
biuld build
builld build
verfy verify
veryfi verify
extrat extract
extents- extents
inof info
rekye rekey
prfiles profiles
SLIPS
expect "--hlep" 2 "unknown option '--hlep', did you mean '--help'?" hexz --hlep
expect "--versoin" 2 "did you mean '--version'?" hexz --versoin
while read -r command typed meant; do
    expect "$command $typed" 2 "unknown option '${typed%%=*}', did you mean '$meant'?" hexz "$command" "$typed"
done <<'SLIPS'
build --overwite --overwrite
build --ovewrite=yes --overwrite
build --alow-backing --allow-backing
build --formt=raw --format
build --compresion --compression
build -overwrite --overwrite
extract --inplace --in-place
verify --jsno --json
rekey --new-pasword-file=x --new-password-file
info --hepl --help
SLIPS
for typed in frobnicate x '' "$(head -c 100000 /dev/zero | tr '\0' b)" bu ls $'buil\xff\n\e[31m'; do
    expect "'${typed:0:20}' is like nothing" 2 "unknown command '" hexz "$typed"
    if [[ $typed != buil* ]]; then
        check "'${typed:0:20}': no guess" bash -c '! grep -q "did you mean" "$T/stderr"'
    fi
done
check "no way into the terminal" bash -c '! grep -q "$(printf "\033")" "$T/stderr"'
expect "--frobnicate is like nothing" 2 "unknown option '--frobnicate' (see hexz build --help)" hexz build --frobnicate
expect "short for more than one" 2 "option '--kdf' is short for more than one: --kdf-memory, --kdf-passes, --kdf-lanes" \
    hexz build --kdf 1
expect "short for one" 0 '' hexz build "$T/one" short.hxz --qui --overw

# The tables themselves.
hexz help --json >tables.json
json "tables: the commands" tables.json "[c['name'] for c in d['commands']] ==
    ['build', 'convert', 'flatten', 'info', 'verify', 'extract', 'cat', 'extents', 'diff', 'rekey', 'profiles', 'help', 'version']"
json "tables: all have help" tables.json \
    "all(any(o['name'] == 'help' and o['letter'] == 'h' for o in c['options']) for c in d['commands'])"
json "tables: names are given once" tables.json \
    "all(len({o['name'] for o in c['options']}) == len(c['options']) for c in d['commands'])"
expect "tables of one" 2 "of all commands" hexz help --json build
