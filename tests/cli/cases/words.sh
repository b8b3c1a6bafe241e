# Texts speak of options, not of C: every name of the library that its source can put into an error text has
# its words in the tool's table. (expect looks at each text that is met.)
root=$(cd "$here/../.." && pwd)
names=$(grep -rhE '"[^"]*HEXZ_[A-Z]' "$root/src" --include='*.rs' --exclude='*tests*' --exclude=abi.rs |
    grep -vE '^ *//|c"HEXZ_' | grep -oE 'HEXZ_(BUILD|EXTRACT|OPEN|FORMAT|REKEY|PROFILE)_[A-Z0-9_]+' | sort -u)
compare "the library's texts name flags" "$(wc -w <<<"$names")" -ge 6
for name in $names; do
    check "$name has its words" grep -qF "{\"$name\"," "$root/c-examples/hexz/words.c"
done

expect "overwrite" 1 "or set --overwrite" hexz build "$T/one" "$T/disk"
hexz build "$T/one" one.hxz --quiet
expect "overwrite an extract" 1 "or set --overwrite" hexz extract one.hxz "$T/disk"
expect "both ways to write" 2 "both --overwrite" hexz extract one.hxz x --overwrite --in-place
expect "a format" 1 "set --format raw or --format auto" hexz build "$T/disk" x --format qcow2
expect "a limit" 2 "--memory-limit" hexz build "$T/one" x --memory-limit 1K
expect "a block size" 2 "--block-size 5000" hexz build "$T/one" x --block-size 5000
# A number that stands for the default in a struct is none for who types options.
printf 'secret\n' >password
for option in --kdf-memory=1K --kdf-passes=65 --kdf-lanes=17 --memory-limit=1K; do
    expect "$option" 2 "${option%=*}" hexz build "$T/one" x --encrypt --password-file password "${option%=*}" "${option#*=}"
    refuse "$option: no 0 for a default" grep -F "0 for" "$T/stderr"
done
expect "a way out" 2 ", or leave the option out" hexz build "$T/one" x --encrypt --password-file password --kdf-passes 65
# What the user typed stays, though it looks like C.
"$HEXZ" build opts.img x 2>text
check "a file with a name of C" grep -qF "source 'opts.img': " text
printf x >memory_limit
"$HEXZ" build memory_limit HEXZ_BUILD_CDC.hxz -q
"$HEXZ" build memory_limit HEXZ_BUILD_CDC.hxz 2>text
check "a file with a name of the table" grep -qF "'HEXZ_BUILD_CDC.hxz': already exists; choose another name or set --overwrite" text
"$HEXZ" build HEXZ_BUILD_CDC x 2>text
check "the same alone" grep -qF "source 'HEXZ_BUILD_CDC': " text
long=$(printf 'a%.0s' {1..250})
long=$long/$long/$long/$long
mkdir -p "${long%/*}"
cp one.hxz "$long"
expect "a long path, and the way out behind it" 1 "or set --overwrite" hexz build - "$long" <"$T/one"
