# What goes in comes out again: every profile, fixed and cut by content, with a memory dump.
round_trip() { # NAME OPTION...
    local name=$1 threads
    shift
    expect "$name: build" 0 '' hexz build "$T/disk" a.hxz --memory "$T/memory" "$@"
    expect "$name: verify" 0 '' hexz verify a.hxz
    expect "$name: extract disk" 0 '' hexz extract a.hxz disk.out
    expect "$name: extract memory" 0 '' hexz extract a.hxz memory.out --stream memory --threads 3
    check "$name: the disk is the same" cmp "$T/disk" disk.out
    check "$name: the memory is the same" cmp "$T/memory" memory.out
    hexz cat a.hxz >disk.cat
    check "$name: cat gives the disk" cmp "$T/disk" disk.cat
    rm -f a.hxz disk.out memory.out disk.cat
}

for profile in generic eda embedded ml; do
    round_trip "$profile" --profile "$profile"
    round_trip "$profile cdc" --profile "$profile" --cdc
done
round_trip "no options"
round_trip "stored" --compression none
round_trip "zstd fast" --compression zstd --level -5
round_trip "4K blocks" --block-size 4K
round_trip "16M blocks" --block-size 16M --profile ml
round_trip "own chunks" --cdc --cdc-min 4K --cdc-avg 16K --cdc-max 64K
round_trip "no sync" --no-sync --threads 1
round_trip "raw by its name" --format raw

for source in empty one small holes full moved; do
    expect "$source: build" 0 '' hexz build "$T/$source" a.hxz
    expect "$source: verify" 0 '' hexz verify a.hxz
    expect "$source: extract" 0 '' hexz extract a.hxz a.out
    check "$source: the same" cmp "$T/$source" a.out
    rm -f a.hxz a.out
done

# What each option changes is seen in the file.
build_size() { # OUTPUT SOURCE OPTION...: the size of the snapshot
    local output=$1 source=$2
    shift 2
    hexz build "$T/$source" "$output" --quiet --overwrite "$@" && size_of "$output"
}
compare "zstd is smaller than lz4" "$(build_size z disk --compression zstd)" -lt \
    "$(build_size l disk --compression lz4)"
compare "lz4 is smaller than none" "$(size_of l)" -lt "$(build_size n disk --compression none)"
compare "level 19 is smaller than level -5" \
    "$(build_size h disk --compression zstd --level 19)" -lt \
    "$(build_size f disk --compression zstd --level -5)"
compare "cdc finds what has moved" "$(($(build_size c moved --cdc) * 3))" -lt \
    "$(($(build_size m moved) * 2))"
compare "memory beside its disk costs less than half of what it costs alone" \
    "$((($(build_size both disk --memory "$T/memory") - $(build_size d disk)) * 2))" -lt \
    "$(build_size alone memory)"
compare "a repeated quarter and zeros are not stored" "$(build_size n disk --compression none)" -lt \
    $(((3 << 20) + 200000))
check "a profile by its parameters is that profile" \
    cmp <(hexz build "$T/disk" p1 --quiet --profile ml && cat p1) \
    <(hexz build "$T/disk" p2 --quiet --compression zstd --level 3 --block-size 1M && cat p2)
hexz build "$T/holes" s1 --quiet
hexz build "$T/full" s2 --quiet
check "a sparse file and its full copy give one snapshot" cmp s1 s2
hexz extract s2 sparse --quiet
compare "zeros are extracted as holes" "$(($(stat -c %b sparse) * 512))" -lt $((4 << 20))

cp "$T/noise" place
truncate -s 16M place
inode=$(stat -c %i place)
expect "extract --in-place" 0 '' hexz extract s1 place --in-place
check "in place: what was there is gone" cmp place "$T/full"
compare "in place: still the same file" "$(stat -c %i place)" -eq "$inode"
