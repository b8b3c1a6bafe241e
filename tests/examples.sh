#!/bin/bash
# The examples as a reader would build and run them.
#
#   tests/examples.sh
#
#   HEXZ_LIBDIR   where libhexz.so is   (target/release)
#   HEXZ_INCLUDE  where hexz.h is       (include)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
libdir=$(realpath "${HEXZ_LIBDIR:-$root/target/release}")
include=$(realpath "${HEXZ_INCLUDE:-$root/include}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0

# refused STATUS TEXT COMMAND...: fails in that way.
refused() {
    local status=$1 text=$2 got=0
    shift 2
    "$@" 2>"$folder/said" || got=$?
    if [ "$got" -ne "$status" ] || ! grep -q "$text" "$folder/said"; then
        echo "examples: '$*' gave $got: $(cat "$folder/said")" >&2
        return 1
    fi
}

for name in build chain encrypt in_memory pipe push_poll push_coroutine; do
    gcc -std=c99 -Wall -Wextra -Wpedantic -Werror "-I$include" "$root/c-examples/$name.c" -o "$folder/$name" \
        -L"$libdir" "-Wl,-rpath,$libdir" -lhexz
done

# The first program of README.md, as it stands.
awk '/^```/ { if (inside) exit; inside = $0 == "```c"; next } inside' "$root/README.md" >"$folder/readme.c"
gcc -std=c99 -Wall -Wextra -Wpedantic -Werror "-I$include" "$folder/readme.c" -o "$folder/readme" \
    -L"$libdir" "-Wl,-rpath,$libdir" -lhexz

cd "$folder"
seq 1 400000 >disk
seq 300000 500000 >memory

./build disk plain.hxz memory | grep -q '^plain.hxz: [0-9]* bytes$'
refused 1 'already exists' ./build disk plain.hxz
refused 1 'No such file' ./build absent other.hxz
refused 2 usage ./build disk
passed=$((passed + 1))

echo 'correct horse' | ./encrypt disk memory sealed.hxz restored
cmp disk restored
echo 'correct horse' | refused 1 'already exists' ./encrypt disk memory sealed.hxz again
echo | refused 1 'a password of 0 bytes' ./encrypt disk memory empty.hxz again
head -c 1025 /dev/zero | tr '\0' x | refused 1 'a password of 1025 bytes' ./encrypt disk memory long.hxz again
refused 2 'no password' ./encrypt disk memory none.hxz again </dev/null
for left in empty.hxz long.hxz none.hxz again; do
    [ ! -e "$left" ]
done
passed=$((passed + 1))

mkdir readme-folder
cd readme-folder
refused 1 "^source 'disk.img': .*No such file" ../readme
cp ../disk disk.img
cp ../memory memory.dump
../readme
[ -s machine.hxz ]
refused 1 "^output 'machine.hxz': already exists" ../readme
passed=$((passed + 1))

cd ..
./in_memory disk >copy 2>said
cmp disk copy
./build disk same.hxz >/dev/null
grep -q "^in_memory: a snapshot of $(stat -c %s same.hxz) bytes$" said
refused 1 'No such file' ./in_memory absent
refused 1 'callback failed' ./in_memory disk >/dev/full
passed=$((passed + 1))

# Pushed out of order: another file, out of which comes the one that a build of the image makes.
for name in push_poll push_coroutine; do
    ./$name disk "$name.hxz" >said
    ./chain flatten "$name.hxz" "$name-flat.hxz" >said
    cmp "$name-flat.hxz" same.hxz
    refused 1 'already exists' ./$name disk "$name.hxz"
    refused 1 'No such file' ./$name absent other.hxz
    refused 2 usage ./$name disk
done
[ ! -e other.hxz ]
passed=$((passed + 1))

./pipe disk 'cat >piped.hxz'
cmp piped.hxz same.hxz
# A program that takes only some, or all and then fails, or a source that is not there.
refused 1 'write callback' ./pipe disk 'head -c 10 >/dev/null'
refused 1 'commit callback' ./pipe disk 'cat >/dev/null; exit 3'
refused 1 'No such file' ./pipe absent 'cat >none'
[ ! -s none ]
passed=$((passed + 1))

# A chain of days, and one file of all of it.
cp disk day
./chain day day day1.hxz | grep -q '^day1.hxz: [0-9]* bytes, 0 of the disk from elsewhere$'
dd if=memory of=day bs=4096 seek=30 count=2 conv=notrunc status=none
./chain day day day2.hxz day1.hxz >said
size=$(stat -c %s day)
grep -qE "^day2.hxz: [0-9]{4,5} bytes, $((size - 2 * 4096)) of the disk from elsewhere$" said || { cat said && exit 1; }
dd if=memory of=day bs=4096 seek=90 count=1 skip=5 conv=notrunc status=none
./chain day day day3.hxz day2.hxz >said
grep -qE "^day3.hxz: [0-9]{4,5} bytes, $((size - 4096)) of the disk from elsewhere$" said || { cat said && exit 1; }
./chain flatten day3.hxz alone.hxz | grep -q ' bytes, 0 of the disk from elsewhere$'
./build day direct.hxz >said
cmp alone.hxz direct.hxz
refused 1 'already exists' ./chain flatten day3.hxz alone.hxz
refused 1 'absent' ./chain day day other.hxz absent
mkdir away
mv day1.hxz away
refused 1 'day1.hxz' ./chain flatten day3.hxz other.hxz
refused 1 'day1.hxz' ./chain day day other.hxz day3.hxz
refused 2 usage ./chain month day other.hxz
[ ! -e other.hxz ]
passed=$((passed + 1))

# What lies behind an NBD server: all of it, and no byte of what the server knows to be zeros.
nbd_serve() { # FORMAT IMAGE OPTION...
    local pid=$folder/server.pid format=$1 image=$2
    shift 2
    qemu-nbd --fork --pid-file="$pid" --read-only --persistent --socket="$folder/socket" --format="$format" "$@" "$image"
    server=$(cat "$pid")
}

nbd_export() {
    local format=$1 image=$2 allocated
    nbd_serve "$format" "$image"
    rm -f pulled.hxz direct.hxz
    ./nbd "nbd+unix:///?socket=$folder/socket" pulled.hxz >pulled.txt
    refused 1 'already exists' ./nbd "nbd+unix:///?socket=$folder/socket" pulled.hxz
    kill "$server"
    server=
    refused 1 nbd ./nbd "nbd+unix:///?socket=$folder/absent" other.hxz
    allocated=$(qemu-img map --output=json -f "$format" "$image" |
        python3 -c 'import json, sys; print(sum(e["length"] for e in json.load(sys.stdin) if not e["zero"]))')
    [ "$allocated" -gt 0 ]
    grep -qx "pulled.hxz: $allocated of 67108864 bytes transferred" pulled.txt || { cat pulled.txt && return 1; }
    # The same as what qemu-img makes of the image, built by path.
    qemu-img convert -f "$format" -O raw "$image" raw
    ./build raw direct.hxz >said
    cmp pulled.hxz direct.hxz
}

# With a dirty bitmap: what was written since, and no other byte; zeros of it neither.
nbd_dirty() {
    local uri="nbd+unix:///?socket=$folder/socket" dirty
    nbd_serve qcow2 image.qcow2
    ./nbd "$uri" monday.hxz >said
    kill "$server"
    server=
    qemu-img bitmap --add -g 64K image.qcow2 since-monday
    qemu-io -f qcow2 -c 'write -P 8 1M 5k' -c 'write -P 4 33M 200k' -c 'write -z 20800k 64k' -c 'write -P 6 67108352 512' \
        image.qcow2 >said
    nbd_serve qcow2 image.qcow2 --bitmap=since-monday
    ./nbd "$uri" tuesday.hxz monday.hxz since-monday >pulled.txt
    refused 1 'no qemu:dirty-bitmap:other' ./nbd "$uri" other.hxz monday.hxz other
    refused 1 absent ./nbd "$uri" other.hxz absent since-monday
    # The server's own word on what is dirty (to qemu-img a bitmap's bit is that of a hole), and on what of
    # that is zeros.
    qemu-img map --output=json --image-opts "driver=nbd,server.type=unix,server.path=$folder/socket,x-dirty-bitmap=qemu:dirty-bitmap:since-monday" >dirty.json
    qemu-img map --output=json "nbd:unix:$folder/socket" >allocated.json
    kill "$server"
    server=
    dirty=$(python3 - <<'PYTHON'
import json
def runs(name, wanted):
    return {sector for run in json.load(open(name)) if wanted(run)
            for sector in range(run["start"] // 512, (run["start"] + run["length"]) // 512)}
dirty, data = runs("dirty.json", lambda run: not run["data"]), runs("allocated.json", lambda run: not run["zero"])
assert dirty - data and data - dirty
print(512 * len(dirty & data))
PYTHON
    )
    grep -qx "tuesday.hxz: $dirty of 67108864 bytes transferred" pulled.txt || { cat pulled.txt && return 1; }
    [ "$dirty" -lt 1000000 ]
    # It is what qemu-img makes of the image, and needs monday.
    qemu-img convert -f qcow2 -O raw image.qcow2 raw
    ./chain flatten tuesday.hxz flat.hxz >said
    rm -f direct.hxz
    ./build raw direct.hxz >said
    cmp flat.hxz direct.hxz
    mv monday.hxz away
    rm flat.hxz
    refused 1 monday.hxz ./chain flatten tuesday.hxz flat.hxz
}

server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
if pkg-config --exists libnbd; then
    cd "$folder"
    qemu-img create -q -f qcow2 image.qcow2 64M
    qemu-io -f qcow2 -c 'write -P 7 1M 300k' -c 'write -P 9 20M 1M' -c 'write -z 20500k 100k' \
        -c 'write -P 3 67108352 512' image.qcow2 >said
    gcc -std=c99 -Wall -Wextra -Wpedantic -Werror "-I$include" "$root/c-examples/nbd.c" -o nbd \
        -L"$libdir" "-Wl,-rpath,$libdir" -lhexz -lnbd
    nbd_export qcow2 image.qcow2
    nbd_dirty
    truncate -s 64M sparse
    dd if=disk of=sparse bs=1M seek=5 conv=notrunc status=none
    dd if=memory of=sparse bs=4096 seek=12345 conv=notrunc status=none
    nbd_export raw sparse
    passed=$((passed + 1))
else
    echo 'examples: skipped: NBD (no libnbd here: libnbd-dev)'
fi

echo "examples: $passed passed"
