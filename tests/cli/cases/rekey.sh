# Passwords added, replaced and removed; the data and the root stay.
kdf="--kdf-memory 1M --kdf-passes 1 --kdf-lanes 1"
for name in one two three; do printf 'password %s\n' "$name" >"$name"; done

# FILE OPERATION CURRENT [NEW]
rekey() {
    if [ $# -eq 4 ]; then
        # shellcheck disable=SC2086
        hexz rekey "$1" "$2" --password-file "$3" --new-password-file "$4" $kdf
    else
        hexz rekey "$1" "$2" --password-file "$3"
    fi
}
opens() { check "$1 opens with $2" hexz verify "$1" --password-file "$2" --quiet; }
refuses() {
    expect "$1 refuses $2" 1 '(HEXZ_ERR_WRONG_PASSWORD)' hexz info "$1" --password-file "$2"
}

# shellcheck disable=SC2086
hexz build "$T/disk" a.hxz --encrypt --password-file one --quiet $kdf
hexz info a.hxz --password-file one --json >before.json
cp a.hxz before.hxz

expect "add" 0 '' rekey a.hxz add one two
check "add says what it did" grep -qF 'a.hxz: a password was added' "$T/stdout"
opens a.hxz one
opens a.hxz two
refuses a.hxz three
expect "replace" 0 '' rekey a.hxz replace one three
opens a.hxz three
opens a.hxz two
refuses a.hxz one
expect "remove" 0 '' rekey a.hxz remove two
opens a.hxz three
refuses a.hxz two
expect "the last one stays" 1 'last' rekey a.hxz remove three
opens a.hxz three
expect "from descriptors" 0 '' hexz rekey --password-fd 7 --new-password-fd 8 -q a.hxz replace \
    --kdf-memory 2M --kdf-passes 2 --kdf-lanes 2 7<three 8<one
compare "quiet" "$(size_of "$T/stdout")" -eq 0
opens a.hxz one
refuses a.hxz three
check "the data is what it was" cmp <(tail -c +12289 a.hxz) <(tail -c +12289 before.hxz)
refuse "the key slots are not" cmp -s a.hxz before.hxz
check "so is all that info tells" cmp before.json <(hexz info a.hxz --password-file one --json)
check "the disk too" cmp "$T/disk" <(hexz cat a.hxz --password-file one)

# What is refused leaves the file as it was.
cp a.hxz before.hxz
expect "the wrong password" 1 '(HEXZ_ERR_WRONG_PASSWORD)' rekey a.hxz add two three
check "it is not in the text" bash -c '! grep -q "password two" "$T/stderr"'
expect "no new password" 1 '(HEXZ_ERR_PASSWORD_REQUIRED)' \
    setsid -w "$HEXZ" rekey a.hxz add --password-file one
check "it names the ways" grep -q -- '--new-password-file or --new-password-fd' "$T/stderr"
expect "an empty new password" 1 "--new-password-file '/dev/null'" \
    hexz rekey a.hxz add --password-file one --new-password-file /dev/null
expect "no current password" 1 '(HEXZ_ERR_PASSWORD_REQUIRED)' \
    setsid -w "$HEXZ" rekey a.hxz replace --new-password-file one
expect "both from one descriptor" 1 '(HEXZ_ERR_INVALID_PASSWORD)' \
    hexz rekey a.hxz add --password-fd 7 --new-password-fd 7 7<one
expect "another operation" 2 "'change' is not add, replace or remove" hexz rekey a.hxz change
expect "a new password to remove" 2 "means nothing to remove" \
    hexz rekey a.hxz remove --password-file one --new-password-file two
expect "a cost to remove" 2 "means nothing to remove" \
    hexz rekey a.hxz remove --password-file one --kdf-passes 2
expect "a cost out of bounds" 2 '(HEXZ_ERR_INVALID_ARGUMENT)' \
    hexz rekey a.hxz add --password-file one --new-password-file two --kdf-lanes 17
check "nothing has changed" cmp a.hxz before.hxz
hexz build "$T/one" plain.hxz --quiet
cp plain.hxz plain
expect "a plain file" 1 '(HEXZ_ERR_NOT_ENCRYPTED)' rekey plain.hxz add one two
check "it is as it was" cmp plain plain.hxz
expect "no snapshot" 3 '(HEXZ_ERR_NOT_SNAPSHOT)' rekey "$T/noise" add one two
expect "no file" 1 '(HEXZ_ERR_IO)' rekey gone add one two

# Eight passwords, each of which opens it.
for i in 2 3 4 5 6 7 8; do
    printf '%s' "$i" >"slot$i"
    expect "password $i" 0 '' rekey a.hxz add one "slot$i"
done
cp a.hxz before.hxz
printf '9' >slot9
expect "a ninth password" 1 'has 8 passwords' rekey a.hxz add one slot9
check "nothing has changed" cmp a.hxz before.hxz
for i in 2 3 4 5 6 7 8; do opens a.hxz "slot$i"; done
expect "the first makes room" 0 '' rekey a.hxz remove one
expect "then there is one" 0 '' rekey a.hxz add slot8 slot9
opens a.hxz slot9
refuses a.hxz one

tally python3 "$here/rekey.py" "$HEXZ" "$T/small" .
