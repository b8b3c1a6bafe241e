# Snapshots that lean on others: found beside, by --parent, by --ancestors, or not at all; told by info;
# compared by diff.
golden=$(cd "$here/../decoder/golden" && pwd)
cp "$golden"/thin-*.hxz .
child=thin-child-v1.hxz
base=thin-base-v1.hxz
hexz extract "$child" good.raw --quiet
compare "the disk is there" "$(size_of good.raw)" -eq 24676
root=$(hexz info "$base" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["root"])')

expect "info" 0 '' hexz info "$child"
check "info: what it leans on" grep -qE "20.1 KiB .*KiB  $root  $base\$" "$T/stdout"
hexz info "$child" --json >info.json
json "info as JSON" info.json \
    "d['parent_root'] == '$root' and d['ancestors'] ==
     [{'root': '$root', 'hint': '$base', 'bytes_inherited': 20580, 'file_size': $(size_of "$base")}]"
hexz info "$base" --json >info.json
json "info of one that leans on none" info.json "d['ancestors'] == [] and d['parent_root'] is None"
hexz extents "$child" --json >map.json
json "extents" map.json "[(e['length'], e['kind']) for e in d] ==
     [(8192, 'parent'), (4096, 'data'), (4096, 'zero'), (8292, 'parent')]"
expect "verify" 0 '' hexz verify "$child" --quiet
check "cat" cmp good.raw <(hexz cat "$child")

expect "not to be followed" 1 "$root" hexz cat "$child" --no-hints
expect "what to do" 1 "with --parent or --ancestors" hexz cat "$child" --no-hints
mkdir elsewhere
mv "$base" elsewhere
for command in info cat extents verify; do
    expect "$command: missing" 1 "$base" hexz "$command" "$child"
    expect "$command: --parent" 0 '' hexz "$command" "$child" --parent "elsewhere/$base"
    expect "$command: --ancestors" 0 '' hexz "$command" "$child" --ancestors elsewhere --no-hints
done
expect "extract: missing" 1 "$root" hexz extract "$child" x
expect "extract: --ancestors" 0 '' hexz extract "$child" x --ancestors elsewhere --quiet
check "extract: the bytes" cmp good.raw x
expect "--parent that is not there" 1 "No such file" hexz cat "$child" --parent absent
expect "--parent that is another one" 1 "$root" hexz cat "$child" --parent "$child"
expect "--ancestors that are not there" 1 "$base" hexz cat "$child" --ancestors absent
ln -s "elsewhere/$base" "$base"
expect "a link beside it" 1 "$root" hexz cat "$child"
rm "$base"
cp "$child" "$base"
expect "another one in its place" 1 "$root" hexz cat "$child"
head -c 9000 "elsewhere/$base" >"$base"
expect "cut" 3 "damaged" hexz cat "$child"
mv -f "elsewhere/$base" "$base"

printf 'password\n' >password
sealed=thin-sealed-child-v1.hxz
check "sealed: one password" cmp good.raw <(hexz cat "$sealed" --password-file password)
hexz info "$sealed" --password-file password --json >info.json
json "sealed: two that it leans on" info.json "[a['hint'] for a in d['ancestors']] ==
     ['thin-sealed-base-v1.hxz', '$base']"

hexz diff "$base" "$child" --json >diff.json
json "diff: the whole stream, kinds taking turns" diff.json \
    "sum(e['length'] for e in d) == 24676 and all(a['kind'] != b['kind'] for a, b in zip(d, d[1:])) and
     [e for e in d if e['kind'] == 'zero'] == [{'start': 12288, 'length': 8192, 'kind': 'zero'}]"
expect "diff with itself" 0 '' hexz diff "$child" "$child"
check "diff with itself: the same" grep -qE '^ +0 +24676  same$' "$T/stdout"
hexz diff "$base" "$child" --stream memory --json >diff.json
json "diff of another stream" diff.json "d[-1] == {'start': 4096, 'length': 4096, 'kind': 'zero'}"
expect "diff of no stream" 1 "'nothing'" hexz diff "$base" "$child" --stream nothing
expect "diff of one" 2 "FROM TO" hexz diff "$child"
expect "diff with what is not there" 1 "absent" hexz diff "$child" absent
