# '-' is standard input and output: what is piped in and out is what files hold.
# The unnamed copies are made where nothing else is, to see that nothing is left.
mkdir spool
export TMPDIR=$PWD/spool
hexz build "$T/disk" disk.hxz --quiet
hexz build "$T/disk" both.hxz --memory "$T/memory" --quiet
hexz build "$T/holes" holes.hxz --quiet

expect "build from a pipe" 0 '' bash -c 'cat "$T/disk" | "$HEXZ" build - piped.hxz'
check "the same snapshot" cmp disk.hxz piped.hxz
expect "build from a redirected file" 0 '' hexz build - redirected.hxz <"$T/disk"
check "the same snapshot" cmp disk.hxz redirected.hxz
# From where it stands, as any reader of standard input.
expect "build from the middle" 0 '' \
    bash -c '{ head -c 4096 >/dev/null; "$HEXZ" build - middle.hxz; } <"$T/disk"'
check "what was read is left out" cmp <(tail -c +4097 "$T/disk") <(hexz cat middle.hxz)
expect "build from nothing" 0 '' bash -c '"$HEXZ" build - empty.hxz </dev/null'
check "a stream without bytes" cmp /dev/null <(hexz cat empty.hxz)
expect "memory from a pipe" 0 '' bash -c 'cat "$T/memory" | "$HEXZ" build "$T/disk" m.hxz --memory -'
check "the same snapshot" cmp both.hxz m.hxz
expect "holes from a pipe" 0 '' bash -c 'cat "$T/holes" | "$HEXZ" build - h.hxz'
check "the same snapshot" cmp holes.hxz h.hxz
expect "slow and uneven" 0 '' bash -c '(head -c 5000; sleep 0.1; head -c 1; sleep 0.1; cat) <"$T/disk" | "$HEXZ" build - slow.hxz'
check "the same snapshot" cmp disk.hxz slow.hxz

expect "build to a pipe" 0 'standard output' bash -c '"$HEXZ" build "$T/disk" - | cat >out.hxz; exit "${PIPESTATUS[0]}"'
check "the same snapshot" cmp disk.hxz out.hxz
expect "quietly" 0 '' bash -c '"$HEXZ" build "$T/disk" - --quiet >out2.hxz'
check "the same snapshot" cmp disk.hxz out2.hxz
hexz build "$T/disk" - --json --overwrite 2>report.json >out3.hxz
check "the same snapshot, the report beside it" cmp disk.hxz out3.hxz
json "the report" report.json "d['output'] == '-' and d['file_size'] == $(size_of disk.hxz)"
check "in and out" cmp disk.hxz <(hexz build - - -q < <(cat "$T/disk"))

for how in '<disk.hxz' '< <(cat disk.hxz)'; do
    for command in "info" "verify -q" "extents" "cat"; do
        check "$command - $how" cmp <(eval "hexz $command - $how" | sed 's/standard input$/disk.hxz/') \
            <(eval "hexz $command disk.hxz")
    done
    eval "hexz extract - $TMPDIR/../ex.raw -q --overwrite $how"
    check "extract - $how" cmp "$T/disk" ex.raw
    eval "hexz extract - - -q $how" >ex2.raw
    check "extract - - $how" cmp "$T/disk" ex2.raw
done
hexz info - --json <disk.hxz >info.json
json "info: its name" info.json "d['file'] == '-'"
expect "extract to standard output reports beside it" 0 "standard output: " hexz extract both.hxz - --stream memory
check "the memory" cmp "$T/memory" "$T/stdout"
check "nothing is sent twice" cmp "$T/holes" <(hexz extract holes.hxz - -q)
expect "verify of something else" 3 "standard input: not a hexz snapshot" bash -c 'cat "$T/noise" | "$HEXZ" verify -'
expect "a chain" 0 '' bash -c 'cat "$T/disk" | "$HEXZ" build - - -q | "$HEXZ" extract - - -q | cmp - "$T/disk"'
kdf="--kdf-memory 1M --kdf-passes 1 --kdf-lanes 1"
# shellcheck disable=SC2086
expect "encrypted" 0 '' bash -c 'cat "$T/disk" | "$HEXZ" build - - -q --encrypt --password-fd 7 '"$kdf"' 7<<<secret |
    "$HEXZ" cat - --password-fd 7 7<<<secret | cmp - "$T/disk"'

expect "two inputs" 2 "asked for 2 times" hexz build - x --memory - <"$T/disk"
expect "an input and a password" 2 "asked for 2 times" hexz build - x --encrypt --password-fd 0 <"$T/disk"
expect "a snapshot and a password" 2 "asked for 2 times" hexz info - --password-file - <disk.hxz
expect "two passwords" 2 "asked for 2 times" hexz rekey disk.hxz add --password-file - --new-password-fd 00 <disk.hxz
expect "rekey of a pipe" 2 "cannot be standard input" hexz rekey - add <disk.hxz
expect "in place" 2 "--in-place means nothing with standard output" hexz extract disk.hxz - --in-place
expect "backing files of a pipe" 2 "--allow-backing needs SOURCE by its name" hexz build - x --allow-backing <"$T/disk"
# Its length told, a pipe is packed as it comes: nowhere is a copy, and the file is the same.
hexz build "$T/memory" m-only.hxz --format raw -q
cdc=(--cdc --compression zstd)
hexz build "$T/disk" cdc.hxz "${cdc[@]}" -q
sized() { # NAME SOURCE SNAPSHOT OPTION...
    local name=$1 source=$2 snapshot=$3
    shift 3
    expect "$name" 0 '' env TMPDIR=/gone bash -c 'cat "$1" | "$HEXZ" build - - -q --input-size "$(stat -c %s "$1")" "${@:2}" >sized.hxz' - "$source" "$@"
    check "the same snapshot" cmp "$snapshot" sized.hxz
}
sized "sized: a disk" "$T/disk" disk.hxz --format raw
sized "sized: one thread" "$T/disk" disk.hxz --format raw --threads 1
sized "sized: a block in memory" "$T/memory" m-only.hxz --format raw
sized "sized: chunks" "$T/disk" cdc.hxz --format raw "${cdc[@]}"
expect "sized: a memory dump" 0 '' env TMPDIR=/gone bash -c \
    'cat "$T/memory" | "$HEXZ" build "$T/disk" sm.hxz --memory - -q --input-size "$(stat -c %s "$T/memory")"'
check "the same snapshot" cmp both.hxz sm.hxz
expect "sized: a disk, the dump by name" 0 '' env TMPDIR=/gone bash -c \
    'cat "$T/disk" | "$HEXZ" build - sd.hxz --format raw --memory "$T/memory" -q --input-size "$(stat -c %s "$T/disk")"'
check "the same snapshot" cmp both.hxz sd.hxz
expect "sized: none" 0 '' bash -c '"$HEXZ" build - - -q --format raw --input-size 0 </dev/null | cmp - empty.hxz'
expect "sized: too short" 1 "standard input ends after 1048576 bytes, before --input-size" bash -c 'head -c 1M "$T/disk" | "$HEXZ" build - x --format raw --input-size 3M'
expect "sized: too long" 1 "standard input goes on behind --input-size" bash -c 'head -c 1025K "$T/disk" | "$HEXZ" build - x --format raw --input-size 1M'
expect "sized: none, and too long" 1 "standard input goes on behind --input-size" bash -c 'echo | "$HEXZ" build - x --format raw --input-size 0'
expect "sized: it may be another image" 2 "needs --format raw" hexz build - x --input-size 1M </dev/null
expect "sized: a dictionary" 2 "trains a dictionary" hexz build - x --format raw --profile eda --input-size 1M </dev/null
expect "sized: no profile" 2 "unknown profile" hexz build - x --format raw --profile fast --input-size 1M </dev/null
expect "sized: no input" 2 "without standard input" hexz build "$T/disk" x --input-size 1M
expect "sized: closed input" 1 "standard input is closed" bash -c '"$HEXZ" build - x --format raw --input-size 1M <&-'
expect "sized: a folder" 1 "standard input: Is a directory" bash -c '"$HEXZ" build - x --format raw --input-size 1M <.'
refuse "no output of what was refused" test -e x
# What can be known before the pipe is read is said before: nobody ever writes into this one.
mkfifo silent
expect "output exists" 1 "already exists" bash -c '"$HEXZ" build - disk.hxz <>silent'
expect "no such profile" 2 "unknown profile" bash -c '"$HEXZ" build - x --profile fast <>silent'
expect "closed input" 1 "standard input is closed" bash -c '"$HEXZ" build - x <&-'
expect "closed input, a password" 1 "Bad file descriptor" bash -c '"$HEXZ" build "$T/one" x --encrypt --password-file - <&-'
expect "a folder" 1 "standard input: Is a directory" bash -c '"$HEXZ" build - x <.'
expect "a write-only input" 1 "standard input: Bad file descriptor" bash -c '"$HEXZ" build - x 0>>wo'
expect "a place that is not there" 1 "TMPDIR can name another folder" \
    bash -c 'cat "$T/disk" | TMPDIR=/gone "$HEXZ" build - x'
# An output is sent as it is made.
expect "no place is needed for an output" 0 '' bash -c 'TMPDIR=/gone "$HEXZ" build "$T/disk" - -q | cmp - disk.hxz'
expect "output in no folder" 1 "gone" bash -c 'unset TMPDIR; cat "$T/disk" | "$HEXZ" build - gone/x'
expect "a file that may not grow: spool" 1 "File too large" bash -c 'ulimit -f 512; cat "$T/noise" | "$HEXZ" build - x'
expect "a file that may not grow: output" 1 "standard output: File too large" bash -c 'ulimit -f 512; exec "$HEXZ" build "$T/noise" - -q >grown.hxz'
expect "what is cut short is no snapshot" 3 "damaged" hexz info grown.hxz
expect "none is needed for a pipe" 0 '' bash -c 'ulimit -f 512; "$HEXZ" build "$T/noise" - -q | cat >/dev/null; exit "${PIPESTATUS[0]}"'
expect "a damaged source leaves nothing" 1 "standard input" bash -c 'cat "$T/noise" | "$HEXZ" build - x --format qcow2'
expect "a reader that leaves" 0 '' bash -c '"$HEXZ" build "$T/noise" - -q | head -c 1 >/dev/null; exit "$((PIPESTATUS[0] - 141))"'
cp disk.hxz bad.hxz
printf X | dd of=bad.hxz bs=1 seek=$(($(size_of bad.hxz) / 2)) conv=notrunc status=none
hexz extract bad.hxz - -q >bad.raw 2>said
compare "a damaged snapshot into a pipe" $? -eq 3
check "what it says" grep -q damaged said
check "what was sent is right" cmp -n "$(size_of bad.raw)" bad.raw "$T/disk"
compare "and not all" "$(size_of bad.raw)" -lt "$(size_of "$T/disk")"
expect "a reader of an extract that leaves" 0 '' bash -c '"$HEXZ" extract disk.hxz - -q | head -c 1 >/dev/null; exit "$((PIPESTATUS[0] - 141))"'
if [ -c /dev/full ]; then
    expect "a full disk behind the pipe" 1 "standard output: No space left" bash -c '"$HEXZ" build "$T/disk" - -q >/dev/full'
    expect "a full disk behind an extract" 1 "standard output: No space left" bash -c '"$HEXZ" extract disk.hxz - -q >/dev/full'
fi
refuse "no output of what was refused" test -e x

# A file whose name is a dash has a folder before it.
cp "$T/one" ./-
expect "./-" 0 '' hexz build ./- dash.hxz
check "its byte" cmp ./- <(hexz cat dash.hxz)
expect "./- as output" 0 '' hexz build "$T/one" ./- --overwrite
check "it is a snapshot" hexz verify ./- -q
rm ./-
unset TMPDIR
expect "beside the output" 0 '' bash -c 'cat "$T/disk" | "$HEXZ" build - spool/beside.hxz -q'
holds_only spool beside.hxz
rm spool/beside.hxz
for name in - -*; do refuse "no file '$name' is made" test -e "./$name"; done

tally python3 "$here/pipes.py" "$HEXZ" "$T/noise" .
