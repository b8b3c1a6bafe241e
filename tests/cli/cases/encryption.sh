# Encrypted snapshots, with passwords from files and descriptors.
kdf="--kdf-memory 1M --kdf-passes 1 --kdf-lanes 1"
printf 'correct horse\n' >right
printf 'wrong horse\n' >wrong

encrypt() { # OUTPUT SOURCE OPTION...
    local output=$1 source=$2
    shift 2
    # shellcheck disable=SC2086
    hexz build "$T/$source" "$output" --quiet --encrypt $kdf "$@"
}

# What goes in comes out again.
for options in "" "--cdc" "--profile eda" "--profile embedded --cdc" "--profile ml --cdc" \
    "--compression none" "--threads 1 --block-size 4K"; do
    # shellcheck disable=SC2086
    expect "'$options': build" 0 '' \
        encrypt a.hxz disk --memory "$T/memory" --password-file right $options
    expect "'$options': verify" 0 '' hexz verify a.hxz --password-file right
    expect "'$options': extract" 0 '' hexz extract a.hxz disk.out --password-fd 7 7<right
    expect "'$options': extract the memory" 0 '' \
        hexz extract a.hxz memory.out --stream memory --password-fd 0 <right
    check "'$options': the disk is the same" cmp "$T/disk" disk.out
    check "'$options': the memory is the same" cmp "$T/memory" memory.out
    check "'$options': cat gives the disk" cmp "$T/disk" <(hexz cat a.hxz --password-file right)
    check "'$options': cat from the middle" cmp <(tail -c +1234568 "$T/disk" | head -c 70000) \
        <(hexz cat a.hxz --password-file right --offset 1234567 --length 70000)
    rm a.hxz disk.out memory.out
done
for source in empty one small holes; do
    expect "$source: build" 0 '' encrypt a.hxz "$source" --password-file right
    expect "$source: verify" 0 '' hexz verify a.hxz --password-file right
    check "$source: the same" cmp "$T/$source" <(hexz cat a.hxz --password-file right)
    rm a.hxz
done

encrypt a.hxz disk --memory "$T/memory" --password-file right
hexz build "$T/disk" plain.hxz --memory "$T/memory" --quiet
hexz info a.hxz --password-file right --json >info.json
json "info tells that it is encrypted" info.json "d['encrypted'] is True"
json "info tells its streams" info.json \
    "[(s['name'], s['size']) for s in d['streams']] ==
     [('disk', $(size_of "$T/disk")), ('memory', $(size_of "$T/memory"))]"
expect "info as text" 0 '' hexz info a.hxz --password-file right
check "info as text tells that it is encrypted" grep -qE '^encrypted +yes$' "$T/stdout"
expect "info of a plain one" 0 '' hexz info plain.hxz
check "info of a plain one tells so" grep -qE '^encrypted +no$' "$T/stdout"
hexz extents a.hxz --password-file right --json >map.json
hexz extents plain.hxz --json >plain.json
check "the map is the plain one's" cmp map.json plain.json
hexz build "$T/disk" report.hxz --encrypt --kdf-memory 1M --kdf-passes 2 --kdf-lanes 2 \
    --password-file right --quiet --json >report.json
json "the report tells of the sealing" report.json "d['seal_ns'] > 0"
json "the report's root is the file's" <(hexz info report.hxz --password-file right --json) \
    "d['root'] == json.load(open('report.json'))['root']"
compare "sealing costs little room" "$(size_of a.hxz)" -lt $(($(size_of plain.hxz) * 102 / 100 + 65536))

# What must not be in the file, nor the same in two files.
check "no plaintext, no password, no stream name" python3 - a.hxz "$T/noise" "$T/disk" <<'PYTHON'
import sys
file, noise, disk = (open(name, "rb").read() for name in sys.argv[1:])
assert b"correct horse" not in file and b"memory" not in file
step = 4096
windows = {disk[i : i + 16] for i in range(0, len(disk) - 16, step)} - {bytes(16)}
assert len(windows) > 500
assert not any(window in file for window in windows)
PYTHON
encrypt b.hxz disk --memory "$T/memory" --password-file right
check "two builds share nothing" python3 - a.hxz b.hxz <<'PYTHON'
import sys
a, b = (open(name, "rb").read() for name in sys.argv[1:])
blocks = lambda data: {data[i : i + 16] for i in range(0, len(data) - 16, 16)} - {bytes(16)}
shared = [piece for piece in blocks(a[12288:-4096]) & blocks(b[12288:-4096])]
assert not shared, shared[:4]
PYTHON

# A wrong password, or none, for every command that opens.
for command in info verify cat extents "extract -q"; do
    read -r -a words <<<"$command"
    target=()
    [ "${words[0]}" != extract ] || target=(out)
    run=(hexz "${words[@]}" a.hxz "${target[@]}")
    expect "$command: wrong password" 1 '(HEXZ_ERR_WRONG_PASSWORD)' "${run[@]}" --password-file wrong
    check "$command: it is not in the text" bash -c '! grep -qi horse "$T/stderr"'
    compare "$command: nothing is printed" "$(size_of "$T/stdout")" -eq 0
    expect "$command: wrong password from a descriptor" 1 '(HEXZ_ERR_WRONG_PASSWORD)' \
        "${run[@]}" --password-fd 7 7<wrong
    expect "$command: no terminal" 1 '(HEXZ_ERR_PASSWORD_REQUIRED)' setsid -w "$HEXZ" "${run[@]:1}"
    check "$command: no terminal: the ways out" grep -q -- '--password-file or --password-fd' "$T/stderr"
    expect "$command: a plain file is refused" 1 '(HEXZ_ERR_NOT_ENCRYPTED)' \
        hexz "${words[@]}" plain.hxz "${target[@]}" --password-file right
    expect "$command: a plain file, password from a descriptor" 1 '(HEXZ_ERR_NOT_ENCRYPTED)' \
        hexz "${words[@]}" plain.hxz "${target[@]}" --password-fd 7 7<right
    expect "$command: a plain file needs none" 0 '' \
        setsid -w "$HEXZ" "${words[@]}" plain.hxz "${target[@]}"
    rm -f out
done
expect "build: no terminal" 1 '(HEXZ_ERR_PASSWORD_REQUIRED)' setsid -w "$HEXZ" build "$T/disk" x --encrypt
check "build: no terminal: the ways out" grep -q -- '--password-file or --password-fd' "$T/stderr"

# Passwords are bytes: one line's end is cut, nothing else.
opens() { # NAME BYTES: as printf writes them
    check "$1" hexz verify bytes.hxz --password-file <(printf "$2") --quiet
}
does_not() {
    expect "$1" 1 '(HEXZ_ERR_WRONG_PASSWORD)' hexz info bytes.hxz --password-file <(printf "$2")
}
expect "a password with blanks" 0 '' encrypt bytes.hxz one --password-fd 0 < <(printf ' two words \n')
opens "the same" ' two words \n'
opens "without the newline" ' two words '
opens "with the line's end of DOS" ' two words \r\n'
does_not "with another newline" ' two words \n\n'
does_not "with a lone carriage return" ' two words \r'
does_not "with another carriage return" ' two words \r\r\n'
does_not "without blanks" 'two words'
expect "a line of DOS" 0 '' encrypt bytes.hxz one --overwrite --password-file <(printf 'dos\r\n')
opens "the same line" 'dos\r\n'
opens "without its end" 'dos'
opens "with the end of Unix" 'dos\n'
does_not "its carriage return alone" 'dos\r'
expect "a password of odd bytes" 0 '' \
    encrypt bytes.hxz one --overwrite --password-file <(printf 'a\xff\x1a\xc3b\t\x1b')
opens "the same bytes" 'a\xff\x1a\xc3b\t\x1b'
does_not "another byte behind it" 'a\xff\x1a\xc3c\t\x1b'
expect "a password from standard input" 0 '' encrypt bytes.hxz one --overwrite --password-file - < <(printf 'from -\n')
opens "the same" 'from -'
expect "opened from standard input" 0 '' hexz verify bytes.hxz --password-file - --quiet <<<'from -'
refuse "no file of that name is asked for" test -e -
# What nobody meant, and could not type: refused when a password is made, and only then.
for bytes in 'two\nlines\n' 'two\r\nlines' 'a\n\n' 'a\r' '\nb\n' 'a\r\r\n'; do
    expect "new: $bytes" 1 "more than one line" encrypt x one --password-file <(printf "$bytes")
done
for bytes in '\xef\xbb\xbfbom\n' '\xff\xfeb\0o\0m\0\n\0' '\xfe\xff\0b\0o\0m' '\xef\xbb\xbf'; do
    expect "new: $bytes" 1 "byte order mark" encrypt x one --password-file <(printf "$bytes")
    expect "new, of a rekey: $bytes" 1 "byte order mark" \
        hexz rekey bytes.hxz add --password-file <(printf 'from -') --new-password-fd 7 7< <(printf "$bytes")
done
for bytes in 'u\0t\0f\0001\0006\0\n\0' '\0' 'a\0b\n'; do
    expect "new: $bytes" 1 "NUL bytes" encrypt x one --password-file <(printf "$bytes")
done
for bytes in 'two\nlines\n' '\xef\xbb\xbfbom\n' 'a\0b\n'; do does_not "old: $bytes" "$bytes"; done
refuse "new: nothing was made" test -e x
long=$(head -c 1024 /dev/zero | tr '\0' x)
for end in '' '\n' '\r\n'; do
    expect "1024 bytes and '$end'" 0 '' encrypt bytes.hxz one --overwrite \
        --password-file <(printf "$long$end")
    opens "1024 bytes" "$long"
    does_not "1023 bytes" "${long:1}"
done
for bytes in '' '\n' "${long}y" "${long}y\n" "$long$long$long"; do
    for option in "--password-file /dev/fd/7" "--password-fd 7"; do
        # shellcheck disable=SC2086
        expect "build: ${#bytes} bytes, $option" 1 '(HEXZ_ERR_INVALID_PASSWORD)' \
            encrypt x one $option 7< <(printf "$bytes")
        # shellcheck disable=SC2086
        expect "info: ${#bytes} bytes, $option" 1 '(HEXZ_ERR_INVALID_PASSWORD)' \
            hexz info bytes.hxz $option 7< <(printf "$bytes")
        check "it names the option" grep -q -- "${option% *}" "$T/stderr"
    done
done
expect "no such password file" 1 "gone': No such file" encrypt x one --password-file gone
expect "a folder as password file" 1 "Is a directory" encrypt x one --password-file .
expect "a descriptor that is not open" 1 "Bad file descriptor" encrypt x one --password-fd 77
expect "a descriptor that cannot be read" 1 "Bad file descriptor" encrypt x one --password-fd 7 7>write-only
expect "no such descriptor" 1 "Bad file descriptor" encrypt x one --password-fd 4000000000
rm write-only

# Options that make no sense.
expect "both ways" 2 "both given" encrypt x one --password-file right --password-fd 0
for fd in '' x -1 1.5 4294967296; do
    expect "descriptor '$fd'" 2 "'$fd' is not a count" encrypt x one --password-fd "$fd"
done
for option in "--password-file right" "--password-fd 0" "--kdf-memory 1M" "--kdf-passes 1" "--kdf-lanes 1"; do
    # shellcheck disable=SC2086
    expect "${option% *} without --encrypt" 2 "means nothing without --encrypt" \
        hexz build "$T/one" x $option
done
for memory in 0 1 1025 1M1 5T; do
    expect "kdf memory '$memory'" 2 "--kdf-memory '$memory'" \
        hexz build "$T/one" x --encrypt --password-file right --kdf-memory "$memory"
done
for option in "memory 512K" "memory 2G" "passes 65" "lanes 17"; do
    # shellcheck disable=SC2086
    expect "kdf $option" 2 "(HEXZ_ERR_INVALID_ARGUMENT)" \
        hexz build "$T/one" x --encrypt --password-file right --kdf-$option
done
for option in passes lanes; do
    expect "kdf $option 0" 2 "'0' is not a cost" \
        hexz build "$T/one" x --encrypt --password-file right --kdf-$option 0
done
refuse "nothing was made" test -e x

# The root that a file must have.
root_of() { python3 -c 'import json, sys; print(json.load(sys.stdin)["root"])'; }
root=$(hexz info a.hxz --password-file right --json | root_of)
other=$(hexz info b.hxz --password-file right --json | root_of)
for command in info verify cat extents; do
    expect "$command: the expected root" 0 '' \
        hexz "$command" a.hxz --password-file right --expect-root "$root"
    expect "$command: another root" 3 '(HEXZ_ERR_CORRUPT)' \
        hexz "$command" b.hxz --password-file right --expect-root "$root"
    expect "$command: no root" 2 "is not 64 hex digits" hexz "$command" a.hxz --expect-root "${root:1}"
done
expect "extract: the expected root" 0 '' \
    hexz extract a.hxz out --password-file right --expect-root "${root^^}"
expect "extract: another root" 3 '(HEXZ_ERR_CORRUPT)' \
    hexz extract a.hxz out2 --password-file right --expect-root "$other"
refuse "extract: another root: nothing was made" test -e out2
expect "the root comes before the password" 3 '(HEXZ_ERR_CORRUPT)' \
    setsid -w "$HEXZ" info b.hxz --expect-root "$root"
plain_root=$(hexz info plain.hxz --json | root_of)
expect "the root of a plain file" 0 '' hexz verify plain.hxz --expect-root "$plain_root"
expect "not the root of a plain file" 3 '(HEXZ_ERR_CORRUPT)' hexz verify plain.hxz --expect-root "$root"
for text in '' "${root}0" "0x${root:2}" "${root:1}g" "${root:1} "; do
    expect "root '$text'" 2 "is not 64 hex digits" hexz info plain.hxz --expect-root "$text"
done

# A password that never comes holds nobody up.
mkfifo silent
expect "waiting for a password can be ended" 143 '' \
    timeout --preserve-status -k 20 0.2 "$HEXZ" verify a.hxz --password-fd 7 7<>silent
