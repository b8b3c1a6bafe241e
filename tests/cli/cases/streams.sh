# More streams than a disk and its memory, and snapshots packed anew.
expect "build: streams by name" 0 '' hexz build "$T/disk" a.hxz --memory "$T/memory" --disk "second=$T/moved" \
    --blob "state=$T/small" --blob "odd=$T/one"
for stream in disk=disk memory=memory second=moved state=small odd=one; do
    hexz cat a.hxz --stream "${stream%=*}" >out
    check "stream ${stream%=*} is what was given" cmp out "$T/${stream#*=}"
done
hexz info a.hxz >info
check "a disk is a disk" grep -qE '^disk .* second$' info
check "a blob is a blob" grep -qE '^blob .* state$' info
cp "$T/disk" 'a=b'
expect "a path with an equals sign" 0 '' hexz build "$T/disk" b.hxz --blob 'x=a=b'
rm -f b.hxz
expect "a name that is taken" 2 "another stream 'disk'" hexz build "$T/disk" b.hxz --blob "disk=$T/one"
expect "no name" 2 "--blob '=$T/one' is not NAME=FILE" hexz build "$T/disk" b.hxz --blob "=$T/one"
expect "no file" 2 "--disk 'x=' is not NAME=FILE" hexz build "$T/disk" b.hxz --disk x=
expect "no equals sign" 2 "is not NAME=FILE" hexz build "$T/disk" b.hxz --disk "$T/one"
expect "a long name" 2 "at most 63 bytes" hexz build "$T/disk" b.hxz --blob "$(printf 'n%.0s' {1..64})=$T/one"
expect "standard input" 2 "standard input is for" hexz build "$T/disk" b.hxz --blob x=-
expect "a file that is not there" 1 "No such file" hexz build "$T/disk" b.hxz --blob x=absent
expect "the output as a stream" 2 "give another file" hexz build "$T/disk" 'a=b' --overwrite --blob 'x=a=b'
options=()
for i in {1..257}; do options+=(--blob "s$i=$T/one"); done
expect "257 times" 2 "more than 256" hexz build "$T/disk" b.hxz "${options[@]}"
expect "257 streams" 2 "at most 256" hexz build "$T/disk" b.hxz "${options[@]:0:512}"
refuse "nothing was made of those" test -e b.hxz

echo 'the first' >one.pw
echo 'the second' >two.pw
cheap=(--kdf-memory 1M --kdf-passes 1 --kdf-lanes 1)
expect "convert: another profile" 0 '' hexz convert a.hxz eda.hxz --profile eda --threads 2
expect "convert: it is sound" 0 '' hexz verify eda.hxz
expect "convert: encrypted" 0 '' hexz convert eda.hxz sealed.hxz --encrypt --new-password-file one.pw "${cheap[@]}"
expect "convert: say what shall become of a secret" 2 'say --encrypt or --decrypt' \
    hexz convert sealed.hxz b.hxz --password-file one.pw
expect "convert: another password, another key" 0 '' hexz convert sealed.hxz again.hxz --password-file one.pw \
    --encrypt --new-password-file two.pw "${cheap[@]}"
expect "convert: the old password is of no use" 1 'wrong password' hexz verify again.hxz --password-file one.pw
expect "convert: decrypted" 0 '' hexz convert again.hxz plain.hxz --decrypt --password-file two.pw
check "convert: there and back gives the same file" cmp a.hxz plain.hxz
expect "convert: to standard output" 0 'standard output' bash -c '"$HEXZ" convert a.hxz - --profile eda | cat >out; exit "${PIPESTATUS[0]}"'
check "convert: the same file" cmp out eda.hxz
expect "convert: a reader that leaves" 0 '' bash -c '"$HEXZ" convert a.hxz - -q | head -c 1 >/dev/null; exit "$((PIPESTATUS[0] - 141))"'
expect "convert: without --encrypt" 2 'means nothing without --encrypt' \
    hexz convert a.hxz b.hxz --new-password-file one.pw
expect "convert: both" 2 'exclude each other' hexz convert a.hxz b.hxz --encrypt --decrypt
expect "convert: an output that is there" 1 'already exists' hexz convert a.hxz plain.hxz
expect "convert: onto itself" 2 'give another file' hexz convert a.hxz a.hxz --overwrite
cp a.hxz bad.hxz
printf 'X' | dd of=bad.hxz bs=1 seek=9000 conv=notrunc status=none
expect "convert: damage" 3 'damaged' hexz convert bad.hxz b.hxz
refuse "convert: nothing is left of what failed" test -e b.hxz
hexz convert a.hxz b.hxz --json >report.json
check "convert: reports as JSON" python3 -c 'import json; assert json.load(open("report.json"))["blocks"] > 0'
hexz convert - c.hxz --quiet <a.hxz
check "convert: from standard input" cmp a.hxz c.hxz
