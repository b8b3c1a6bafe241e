# What bad input gets: a status, a text that names the operand, and nothing left behind.
mkdir out
cp "$T/disk" source
before=$(sha256sum <source)

# NAME STATUS ERROR OPERAND COMMAND...: refused so, and out/ stays empty
refused() {
    local name=$1 status=$2 error=$3 operand=$4
    shift 4
    expect "$name" "$status" "($error)" "$@"
    check "$name: names it" grep -qF -- "$operand" "$T/stderr"
    holds_only out
    rm -f out/a
}

refused "missing source" 1 HEXZ_ERR_SOURCE gone hexz build gone out/a
check "missing source: why" grep -q 'No such file' "$T/stderr"
refused "missing memory" 1 HEXZ_ERR_SOURCE gone hexz build source out/a --memory gone
refused "a folder as source" 1 HEXZ_ERR_SOURCE out hexz build out out/a
mkfifo fifo
refused "a FIFO as source" 1 HEXZ_ERR_SOURCE fifo hexz build fifo out/a
refused "a FIFO as memory" 1 HEXZ_ERR_SOURCE fifo hexz build source out/a --memory fifo
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
refused "a socket as source" 1 HEXZ_ERR_SOURCE socket hexz build socket out/a
refused "a character device as source" 1 HEXZ_ERR_SOURCE /dev/null hexz build /dev/null out/a
refused "an empty name as source" 1 HEXZ_ERR_SOURCE "" hexz build "" out/a
refused "a name that is too long" 1 HEXZ_ERR_SOURCE aaaa hexz build "$(printf 'a%.0s' {1..300})" out/a

# root reads everything, unless the capability to do so is taken from it.
plain=()
if [ "$(id -u)" -eq 0 ]; then
    plain=(setpriv --bounding-set=-dac_override,-dac_read_search)
fi
cp source locked
chmod 000 locked
mkdir closed
chmod 555 closed
if "${plain[@]}" true 2>/dev/null && ! "${plain[@]}" cat locked >/dev/null 2>&1; then
    refused "unreadable source" 1 HEXZ_ERR_SOURCE locked "${plain[@]}" "$HEXZ" build locked out/a
    check "unreadable source: why" grep -q 'Permission denied' "$T/stderr"
    refused "unreadable snapshot" 1 HEXZ_ERR_IO locked "${plain[@]}" "$HEXZ" info locked
    refused "unwritable folder" 1 HEXZ_ERR_OUTPUT closed "${plain[@]}" "$HEXZ" build source closed/a
    holds_only closed
else
    skip "unreadable source: this user reads everything, and cannot be kept from it here"
fi

refused "output in no folder" 1 HEXZ_ERR_OUTPUT gone hexz build source gone/a
refused "output in a file" 1 HEXZ_ERR_OUTPUT source/a hexz build source source/a
refused "an empty name as output" 1 HEXZ_ERR_OUTPUT "" hexz build source ""
refused "output is a folder" 1 HEXZ_ERR_OUTPUT out hexz build source out --overwrite
refused "output is a FIFO" 1 HEXZ_ERR_OUTPUT fifo hexz build source fifo --overwrite
check "the FIFO is still there" test -p fifo

printf 'precious' >there
expect "output exists" 1 '(HEXZ_ERR_EXISTS)' hexz build source there
check "it is untouched" cmp there <(printf precious)
expect "output exists and is to go" 0 '' hexz build source there --overwrite
check "it is replaced" hexz verify there
printf 'precious' >precious
ln -s precious link
expect "output is a link" 1 '(HEXZ_ERR_EXISTS)' hexz build source link
expect "a link is replaced" 0 '' hexz build source link --overwrite
check "and not followed" cmp precious <(printf precious)
check "it is a file now" test -f link -a ! -L link
ln -s nowhere dangling
expect "output is a link to nothing" 1 '(HEXZ_ERR_EXISTS)' hexz build source dangling
check "nothing is made at its end" test ! -e nowhere

ln source hard
ln -s source soft
ln -s . around
exec 7<source
for overwrite in '' --overwrite; do
    for name in source ./source around/source hard soft /proc/self/fd/7; do
        # shellcheck disable=SC2086
        refused "output is the source as $name $overwrite" 2 HEXZ_ERR_INVALID_ARGUMENT "$name" \
            hexz build source "$name" $overwrite
        # shellcheck disable=SC2086
        expect "output is the memory as $name $overwrite" 2 '(HEXZ_ERR_INVALID_ARGUMENT)' \
            hexz build "$T/one" "$name" --memory source $overwrite
    done
done
expect "the source as /proc/self/fd/7" 2 '(HEXZ_ERR_INVALID_ARGUMENT)' \
    hexz build /proc/self/fd/7 hard --overwrite
exec 7<&-
check "the source is untouched" test "$(sha256sum <source)" = "$before"
check "its links too" test "$(stat -c %h source) $(readlink soft)" = "2 source"

refused "unknown profile" 2 HEXZ_ERR_UNKNOWN_PROFILE fast hexz build source out/a --profile fast
for profile in generic eda embedded ml; do
    check "the four are named: $profile" grep -q "$profile" "$T/stderr"
done
refused "unknown profile, changed" 2 HEXZ_ERR_UNKNOWN_PROFILE fast \
    hexz build source out/a --profile fast --level 3
for size in 0 1 2048 4095 5000 65537 32M 2G; do
    refused "block size $size" 2 HEXZ_ERR_INVALID_ARGUMENT --block-size hexz build source out/a --block-size $size
done
for sizes in "64K 32K 128K" "16K 256K 128K" "16K 16K 16K" "0 64K 128K" "16K 64K 64M"; do
    read -r min avg max <<<"$sizes"
    refused "cdc sizes $sizes" 2 HEXZ_ERR_INVALID_ARGUMENT cdc \
        hexz build source out/a --cdc --cdc-min "$min" --cdc-avg "$avg" --cdc-max "$max"
done
refused "a level for lz4" 2 HEXZ_ERR_INVALID_ARGUMENT level hexz build source out/a --level 3
refused "a level beyond zstd's" 2 HEXZ_ERR_INVALID_ARGUMENT level \
    hexz build source out/a --compression zstd --level 99
refused "too little memory" 2 HEXZ_ERR_INVALID_ARGUMENT --memory-limit \
    hexz build source out/a --memory-limit 1000

printf 'QFI\xfb\0\0\0\3' >image.qcow2
head -c 100000 /dev/zero >>image.qcow2
refused "a broken qcow2" 1 HEXZ_ERR_SOURCE image.qcow2 hexz build image.qcow2 out/a
refused "a raw disk as qcow2" 1 HEXZ_ERR_SOURCE "no qcow2 image" \
    hexz build source out/a --format qcow2
expect "qcow2 as raw" 0 '' hexz build image.qcow2 raw --format raw
check "its bytes are taken" cmp image.qcow2 <(hexz cat raw)

# A file that may not grow past 512 KiB: the tool ignores the signal, so that the write fails with EFBIG.
small_files() { (ulimit -f 512; exec "$@"); }
refused "an output that may not grow" 1 HEXZ_ERR_OUTPUT out/a \
    small_files "$HEXZ" build "$T/noise" out/a
printf 'precious' >kept
expect "the same with an old output" 1 '(HEXZ_ERR_OUTPUT)' \
    small_files "$HEXZ" build "$T/noise" kept --overwrite
check "the old output is untouched" cmp kept <(printf precious)
hexz build "$T/noise" noise.hxz --quiet
refused "an extract that may not grow" 1 HEXZ_ERR_OUTPUT out/a \
    small_files "$HEXZ" extract noise.hxz out/a

mkdir full
if mount -t tmpfs -o size=1m hexz-full full 2>/dev/null; then
    mounted+=("$PWD/full")
    expect "disk full: build" 1 '(HEXZ_ERR_OUTPUT)' hexz build "$T/noise" full/a
    check "disk full: why" grep -q 'No space left' "$T/stderr"
    expect "disk full: extract" 1 '(HEXZ_ERR_OUTPUT)' hexz extract noise.hxz full/a
    printf 'precious' >full/kept
    expect "disk full: overwrite" 1 '(HEXZ_ERR_OUTPUT)' \
        hexz build "$T/noise" full/kept --overwrite
    check "disk full: the old output is untouched" cmp full/kept <(printf precious)
    holds_only full kept
    compare "disk full: its room is free again" "$(stat -f -c %f full)" -gt 200
    umount full && mounted=()
else
    skip "disk full on a tmpfs: mounting is not permitted here"
fi

expect "extract: output exists" 1 '(HEXZ_ERR_EXISTS)' hexz extract noise.hxz kept
check "it is untouched" cmp kept <(printf precious)
expect "extract: to be replaced" 0 '' hexz extract noise.hxz kept --overwrite
check "it is replaced" cmp kept "$T/noise"
refused "extract: output in no folder" 1 HEXZ_ERR_OUTPUT gone hexz extract noise.hxz gone/a
expect "extract: over the snapshot" 2 '(HEXZ_ERR_INVALID_ARGUMENT)' \
    hexz extract noise.hxz noise.hxz --overwrite
expect "extract: into the snapshot" 2 '(HEXZ_ERR_INVALID_ARGUMENT)' \
    hexz extract noise.hxz noise.hxz --in-place
check "the snapshot is untouched" hexz verify noise.hxz
expect "extract in place: nothing there" 1 '(HEXZ_ERR_OUTPUT)' \
    hexz extract noise.hxz out/a --in-place
holds_only out

for command in info verify cat extents; do
    expect "$command: missing" 1 '(HEXZ_ERR_IO)' hexz "$command" gone
    expect "$command: a folder" 1 '(HEXZ_ERR_IO)' hexz "$command" out
    expect "$command: a FIFO" 1 '(HEXZ_ERR_IO)' hexz "$command" fifo
    expect "$command: empty" 3 '(HEXZ_ERR_NOT_SNAPSHOT)' hexz "$command" "$T/empty"
    expect "$command: one byte" 3 '(HEXZ_ERR_NOT_SNAPSHOT)' hexz "$command" "$T/one"
    expect "$command: something else" 3 '(HEXZ_ERR_NOT_SNAPSHOT)' hexz "$command" "$T/noise"
done
expect "extract: something else" 3 '(HEXZ_ERR_NOT_SNAPSHOT)' hexz extract "$T/noise" out/a
holds_only out
