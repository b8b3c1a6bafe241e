# Every JSON document has the fields that docs/JSON.md tells, and no others.
root=$(cd "$here/../.." && pwd)
hexz build "$T/disk" a.hxz --memory "$T/memory" --json >build.json
hexz info a.hxz --json >info.json
hexz verify a.hxz --json >verify.json
hexz extract a.hxz disk.raw --json >extract.json
hexz extents a.hxz --json >extents.json
hexz diff a.hxz a.hxz --json >diff.json
hexz profiles --json >profiles.json
hexz help --json >help.json
check "the fields are those of docs/JSON.md" python3 - "$root/docs/JSON.md" <<'PYTHON'
import json, re, sys
sections = re.split(r"^## ", open(sys.argv[1], encoding="utf-8").read(), flags=re.MULTILINE)[1:]
def fields(value):
    if isinstance(value, list):
        return set().union(*map(fields, value), set())
    if isinstance(value, dict):
        return set(value) | set().union(*map(fields, value.values()), set())
    return set()
for section in sections:
    name = re.split(r'\W', section)[0]
    told = set(re.findall(r"`([a-z_]+)`", section))
    given = fields(json.load(open(name + ".json", encoding="utf-8")))
    assert given and given <= told, (name, given - told)
    rows = {f for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for f in re.findall(r"`([a-z_]+)`", row)}
    assert rows <= given, (name, rows - given)
PYTHON
json "verify: all is sound" verify.json \
    "d == {'file': 'a.hxz', 'sound': True, 'blocks_checked': json.load(open('info.json'))['blocks'],
           'blocks_bad': 0, 'bad_stream': None, 'bad_offset': None}"
json "extract" extract.json \
    "(d['file'], d['output'], d['stream'], d['size']) == ('a.hxz', 'disk.raw', 'disk', $(size_of "$T/disk")) and d['total_ns'] > 0"
expect "quiet, but as JSON" 0 '' hexz verify a.hxz --json -q
compare "it is there" "$(size_of "$T/stdout")" -gt 0

# One byte of a block changed: the report is there, and the exit status tells too.
cp a.hxz bad.hxz
printf '\377\376\375\374' | dd of=bad.hxz bs=1 seek=$((4096 + 100)) conv=notrunc status=none
expect "damage" 3 "damaged" hexz verify bad.hxz --json
cp "$T/stdout" bad.json
json "damage: where" bad.json \
    "d['sound'] is False and d['blocks_bad'] == 1 and d['bad_stream'] in ('disk', 'memory') and d['bad_offset'] >= 0"
expect "no snapshot" 3 "not a hexz snapshot" hexz verify "$T/noise" --json
compare "no document" "$(size_of "$T/stdout")" -eq 0

# Names that are no text, each with its bytes beside it; names that are, without.
name=$'\xfe\x80 \xc3\xa4\xc2\x9b\x7f.hxz'
cp a.hxz "$name"
cp "$T/one" "$name.one"
for command in info verify; do
    hexz "$command" "$name" --json >named.json
    json "$command: bytes" named.json \
        $'d["file"] == "\\xfe\\x80 \\xe4\\x9b\\x7f.hxz" and bytes.fromhex(d["path_bytes_hex"]) == b"\\xfe\\x80 \\xc3\\xa4\\xc2\\x9b\\x7f.hxz"'
    check "$command: no control byte" bash -c '! tr -d "\n" <named.json | grep -qP "[\x00-\x1f\x7f]|\xc2[\x80-\x9f]"'
done
hexz extract "$name" "$name.raw" --json >named.json
json "extract: bytes of both" named.json \
    "d['file_path_bytes_hex'] == 'fe8020c3a4c29b7f2e68787a' and d['output_path_bytes_hex'].endswith('2e726177')"
hexz build "$name.one" one.hxz --memory "$name.one" --json >named.json
json "build: bytes of two of three" named.json \
    "d['source_path_bytes_hex'] == d['memory_path_bytes_hex'] and 'output_path_bytes_hex' not in d"
