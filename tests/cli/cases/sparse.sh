# A disk of 1 TiB that holds 64 MiB costs what 64 MiB cost.
limit=$((64 << 20))
if ! truncate -s 1T huge 2>/dev/null; then
    skip "a 1 TiB sparse source: this file system has no such files"
    return
fi
check "64 MiB in 64 places" python3 - huge <<'PYTHON'
import random, sys
rng = random.Random(3)
with open(sys.argv[1], "r+b") as file:
    for i in range(64):
        file.seek(i * (1 << 34) + 12288 * i)
        file.write(rng.randbytes(1 << 20))
PYTHON

# Prints the most memory that a command had, in bytes; its status is the command's.
peak_memory() {
    python3 -c 'import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], timeout=600, check=False).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(status)' "$@"
}

expect "build" 0 '' peak_memory "$HEXZ" build huge a.hxz --quiet --memory-limit "$limit"
compare "build: memory" "$(cat "$T/stdout")" -le $((limit + (32 << 20)))
compare "the file is no larger than its data" "$(size_of a.hxz)" -lt $((66 << 20))
expect "verify" 0 '' hexz verify a.hxz
expect "extract" 0 '' peak_memory "$HEXZ" extract a.hxz out --quiet
compare "extract: memory" "$(cat "$T/stdout")" -le $((64 << 20))
compare "extract: the size" "$(size_of out)" -eq $((1 << 40))
compare "extract: the room on disk" "$(($(stat -c %b out) * 512))" -lt $((70 << 20))
hexz extents a.hxz --json >map.json
json "the map" map.json \
    "[(e['start'], e['length']) for e in d if e['kind'] == 'data'] ==
     [(i * (1 << 34) + 12288 * i, 1 << 20) for i in range(64)]"
for i in 0 1 31 63; do
    offset=$((i * (1 << 34) + 12288 * i))
    check "the data at $offset" cmp \
        <(dd if=huge bs=4096 skip=$((offset / 4096 - 1 + (i == 0))) count=258 status=none) \
        <(dd if=out bs=4096 skip=$((offset / 4096 - 1 + (i == 0))) count=258 status=none)
    check "cat at $offset" cmp <(dd if=huge bs=4096 skip=$((offset / 4096)) count=256 status=none) \
        <(hexz cat a.hxz --offset "$offset" --length 1M)
done

# The default memory would hold a table of units for all of it: only what is used is taken.
check "256 MiB in 256 places, and alone" python3 - scattered alone <<'PYTHON'
import random, sys
rng = random.Random(4)
with open(sys.argv[1], "wb") as scattered, open(sys.argv[2], "wb") as alone:
    scattered.truncate(1 << 40)
    for i in range(256):
        data = rng.randbytes(1 << 20)
        alone.write(data)
        scattered.seek(i * (1 << 32) + 12288 * i)
        scattered.write(data)
PYTHON
for name in scattered alone; do
    expect "build: $name" 0 '' peak_memory "$HEXZ" build "$name" "$name.hxz" --quiet --threads 2
    cp "$T/stdout" "$name.peak"
done
compare "build: memory of what lies scattered" "$(cat scattered.peak)" -le $(($(cat alone.peak) + (8 << 20)))
