# cat at any offset, the map, info, and their JSON.
hexz build "$T/disk" a.hxz --memory "$T/memory" --quiet --profile embedded
hexz build "$T/holes" h.hxz --quiet
disk_size=$(size_of "$T/disk")

slice() { tail -c "+$(($2 + 1))" "$T/$1" | head -c "$3"; } # SOURCE OFFSET LENGTH

for range in "0 1" "0 4096" "1 4095" "4095 2" "65535 65538" "1048575 2" "3000000 1100000" \
    "$((disk_size - 1)) 1" "$disk_size 0" "0 $disk_size" "12345 0"; do
    read -r offset length <<<"$range"
    check "cat $range" cmp <(slice disk "$offset" "$length") \
        <(hexz cat a.hxz --offset "$offset" --length "$length")
done
check "cat to the end" cmp <(tail -c 10000 "$T/disk") \
    <(hexz cat a.hxz --offset $((disk_size - 10000)))
check "cat of the memory, sizes with suffixes" cmp <(slice memory $((300 << 10)) $((1 << 20))) \
    <(hexz cat a.hxz --stream memory --offset 300K --length 1M)
check "cat of a hole" cmp <(head -c 2097152 /dev/zero) <(hexz cat h.hxz --length 2M)

expect "cat beyond the end" 1 'ends at byte' hexz cat a.hxz --offset $((disk_size + 1))
compare "nothing was written" "$(size_of "$T/stdout")" -eq 0
expect "cat too long" 1 'ends at byte' hexz cat a.hxz --offset 1 --length "$disk_size"
compare "nothing was written" "$(size_of "$T/stdout")" -eq 0
expect "cat of what would overflow" 1 'ends at byte' \
    hexz cat a.hxz --offset 18446744073709551615 --length 18446744073709551615
expect "cat of no stream" 1 "'nothing'" hexz cat a.hxz --stream nothing
expect "extract of no stream" 1 "'nothing'" hexz extract a.hxz x --stream nothing
expect "extents of no stream" 1 "'nothing'" hexz extents a.hxz --stream nothing
holds_only . a.hxz h.hxz

expect "info" 0 '' hexz info a.hxz
check "info names both streams" grep -q 'memory$' "$T/stdout"
hexz info a.hxz --json >info.json
json "info: sizes" info.json \
    "d['file_size'] == $(size_of a.hxz) and
     d['logical_size'] == $disk_size + $(size_of "$T/memory")"
json "info: parameters" info.json \
    "d['compression'] == 'zstd' and d['level'] == 3 and d['block_size'] == 16384
     and d['cdc'] is False and d['encrypted'] is False and d['parent_root'] is None"
json "info: streams" info.json \
    "[(s['name'], s['kind'], s['size']) for s in d['streams']] ==
     [('disk', 'disk', $disk_size), ('memory', 'memory', $(size_of "$T/memory"))]"
json "info: data and zeros make the size" info.json \
    "all(s['data_size'] + s['zero_size'] == s['size'] for s in d['streams'])"
json "info: root" info.json "len(bytes.fromhex(d['root'])) == 32 and int(d['root'], 16) != 0"

expect "extents" 0 '' hexz extents h.hxz
hexz extents h.hxz --json >map.json
json "extents cover the stream in order, kinds taking turns" map.json \
    "d[0]['start'] == 0 and sum(e['length'] for e in d) == 16 << 20 and
     all(a['start'] + a['length'] == b['start'] and a['kind'] != b['kind']
         for a, b in zip(d, d[1:]))"
json "extents tell data and zeros" map.json \
    "[e['kind'] for e in d] == ['zero', 'data', 'zero', 'data', 'zero'] and
     d[1]['start'] == 3 << 20 and d[1]['length'] == 1 << 20 and d[3]['start'] == 9 << 20 and
     300000 <= d[3]['length'] < 300000 + 4096"
hexz build "$T/empty" e.hxz --quiet
hexz extents e.hxz --json >map.json
json "extents of nothing" map.json "d == []"

hexz profiles --json >profiles.json
json "profiles" profiles.json \
    "[(p['name'], p['compression'], p['level'], p['block_size'], p['dictionary']) for p in d] == [
      ('generic', 'lz4', 0, 65536, False), ('eda', 'zstd', 3, 131072, True),
      ('embedded', 'zstd', 3, 16384, True), ('ml', 'zstd', 3, 1048576, False)]"

# A stream that is alone needs no name; two need one unless one of them is the disk.
expect "the only stream" 0 '' hexz cat e.hxz

# JSON stays JSON whatever a path holds, and the report tells of the file that was made.
name=$'quote" back\\slash \n tab\t bell\a \xff\xc3\xa4.hxz'
hexz build "$T/disk" "$name" --memory "$T/memory" --profile embedded --json >report.json
json "report: the path" report.json \
    $'d["output"] == "quote\\" back\\\\slash \\n tab\\t bell\\a \\u00ff\\u00e4.hxz"'
json "report: its bytes" report.json \
    $'bytes.fromhex(d["output_path_bytes_hex"]) == b"quote\\" back\\\\slash \\n tab\\t bell\\a \\xff\\xc3\\xa4.hxz"'
json "report: every field" report.json \
    "set(d) == {'source', 'memory', 'output', 'output_path_bytes_hex', 'parent', 'bases', 'bytes_logical', 'bytes_read', 'bytes_zero',
      'bytes_duplicate', 'bytes_inherited', 'bytes_unique', 'bytes_stored', 'bytes_dead', 'blocks',
      'file_size', 'root', 'read_ns', 'hash_ns', 'compress_ns', 'seal_ns', 'write_ns', 'sync_ns',
      'total_ns'}"
json "report: the parts make the whole" report.json \
    "d['bytes_logical'] == $disk_size + $(size_of "$T/memory") ==
     d['bytes_zero'] + d['bytes_duplicate'] + d['bytes_unique'] and
     d['bytes_zero'] >= 192 * 4096 and d['bytes_duplicate'] >= 500 * 4096 and
     d['bytes_stored'] <= d['file_size'] == $(size_of "$name") and d['total_ns'] > 0"
json "report: the root is the file's" report.json \
    "d['root'] == json.load(open('info.json'))['root']"
hexz info "$name" --json >named.json
json "info: the path" named.json $'d["file"].endswith("\\u00ff\\u00e4.hxz")'
json "info: its bytes" named.json $'d["path_bytes_hex"].endswith("ffc3a42e68787a")'
check "info: no bytes where the path is text" bash -c '! "$HEXZ" info a.hxz --json | grep -q bytes_hex'
expect "a path is no way into the terminal" 1 'gone\u{1b}[31m' hexz info $'gone\e[31m'
