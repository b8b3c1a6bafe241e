# Thin snapshots built by the tool: on a parent, on bases, encrypted ones, far ones; and flat again.
PAGE=4096
cp "$T/disk" day1
cp day1 day2
dd if="$T/noise" of=day2 bs=$PAGE seek=20 count=3 conv=notrunc status=none
report() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$@"; }

hexz build day1 one.hxz --json >one.json
json "nothing leans on nothing" one.json "d['parent'] is None and d['bases'] == [] and d['bytes_inherited'] == 0"
expect "a child" 0 '' hexz build day2 two.hxz --parent one.hxz
check "what it inherits is told" grep -q '^  inherited ' "$T/stdout"
hexz build day2 again.hxz --parent one.hxz --json >two.json
json "three pages are new" two.json "d['parent'] == 'one.hxz' and d['bytes_unique'] == 3 * $PAGE and d['bytes_inherited'] > 2 << 20 and
    d['bytes_zero'] + d['bytes_duplicate'] + d['bytes_inherited'] + d['bytes_unique'] == d['bytes_logical']"
check "the same file each time" cmp two.hxz again.hxz
check "its bytes" cmp day2 <(hexz cat two.hxz)
compare "it is small" "$(size_of two.hxz)" -lt $((10 * PAGE))
expect "a grandchild" 0 '' hexz build day1 three.hxz --parent two.hxz
check "its bytes" cmp day1 <(hexz cat three.hxz)
hexz build "$T/moved" moved.hxz --base one.hxz --base two.hxz --json >moved.json
json "bases" moved.json "d['parent'] is None and d['bases'] == [{'path': 'one.hxz'}, {'path': 'two.hxz'}] and
    d['bytes_inherited'] == 1 << 20"
check "its bytes" cmp "$T/moved" <(hexz cat moved.hxz)
expect "by way of a pipe" 0 '' bash -c '"$HEXZ" build - - --parent one.hxz -q <day2 | cat >piped.hxz'
check "the same file" cmp two.hxz piped.hxz

expect "a parent that is not there" 1 "absent" hexz build day2 x --parent absent
expect "a base that is not there" 1 "absent" hexz build day2 x --base absent
expect "a parent that is none" 3 "(HEXZ_ERR_NOT_SNAPSHOT)" hexz build day2 x --parent day1
expect "a base that is none" 3 "(HEXZ_ERR_NOT_SNAPSHOT)" hexz build day2 x --base day1
expect "a parent as output" 2 "one.hxz" hexz build day2 one.hxz --parent one.hxz --overwrite
for option in "--fold" "--ancestors ." "--no-hints" "--parent-password-file pw" "--parent-password-fd 7"; do
    # shellcheck disable=SC2086
    expect "$option alone" 2 "means nothing without --parent or --base" hexz build day2 x $option
done
refuse "nothing was made of those" test -e x
expect "folding what need not be folded" 0 '' hexz build day2 fold.hxz --parent one.hxz --fold
check "it is the same" cmp two.hxz fold.hxz

# A page is new each day, so that each day is leaned on: past 64 the chain goes on when folded.
mkdir days
python3 - <<'PYTHON'
import random
rng = random.Random(3)
for day in range(67):
    open("page", "ab").write(rng.randbytes(4096))
    open(f"days/{day}.raw", "wb").write(open("page", "rb").read())
PYTHON
hexz build days/0.raw days/0.hxz -q --no-sync
for ((day = 1; day <= 64; day++)); do hexz build "days/$day.raw" "days/$day.hxz" -q --no-sync --parent "days/$((day - 1)).hxz"; done
hexz info days/64.hxz --json >info.json
json "a chain of 65" info.json "len(d['ancestors']) == 64"
expect "one more" 1 "set --fold" hexz build days/65.raw x --parent days/64.hxz
refuse "nothing was made of it" test -e x
expect "folded" 0 '' hexz build days/65.raw days/65.hxz --parent days/64.hxz --fold -q
check "its bytes" cmp days/65.raw <(hexz cat days/65.hxz)
expect "flattened" 0 '' hexz flatten days/65.hxz days/alone.hxz -q
check "its bytes" cmp days/65.raw <(hexz cat days/alone.hxz)

# Far ones: the parent's own parent lies elsewhere.
mkdir far
mv one.hxz far
expect "an ancestor that is not there" 1 "one.hxz" hexz build day2 x --parent two.hxz
expect "the same of a base" 1 "one.hxz" hexz build day2 x --base two.hxz
refuse "nothing was made of those" test -e x
expect "--ancestors" 0 '' hexz build day1 x --parent two.hxz --ancestors far
check "the same child" cmp three.hxz x
rm x
expect "--ancestors of a base" 0 '' hexz build "$T/one" x --base two.hxz --ancestors far
rm x
mv far/one.hxz .
expect "not to be followed" 1 "with --parent or --ancestors" hexz build day1 x --parent two.hxz --no-hints

# Flat again: what it was, byte for byte.
hexz build day2 flat2.hxz -q
hexz flatten two.hxz flat.hxz -q
check "flatten: the file that day2 alone makes" cmp flat.hxz flat2.hxz
expect "flatten: through a pipe" 0 '' bash -c '"$HEXZ" flatten - - -q <flat.hxz | cmp - flat.hxz'
check "flatten: to standard output" cmp flat.hxz <(hexz flatten two.hxz - -q)
hexz build day2 eda.hxz --memory "$T/memory" --cdc --profile embedded --block-size 32K -q
hexz build day2 eda-thin.hxz --memory "$T/memory" --cdc --profile embedded --block-size 32K --base one.hxz -q
hexz flatten eda-thin.hxz eda-flat.hxz --json >flat.json
json "flatten: reports" flat.json "d['source'] == 'eda-thin.hxz' and d['bytes_inherited'] == 0"
hexz info eda-flat.hxz --json >eda-flat.json
json "flatten: keeps the parameters" eda-flat.json "d['ancestors'] == [] and d['parent_root'] is None and d['cdc'] and
    (d['compression'], d['level'], d['block_size']) == ('zstd', 3, 32768) and len(d['streams']) == 2"
check "flatten: the memory" cmp "$T/memory" <(hexz cat eda-flat.hxz --stream memory)
mv one.hxz far
expect "flatten: --ancestors" 0 '' hexz flatten two.hxz flat3.hxz --ancestors far
check "flatten: stands alone" cmp day2 <(hexz cat flat3.hxz)
expect "flatten: without what it needs" 1 "one.hxz" hexz flatten two.hxz x
mv far/one.hxz .
expect "flatten: onto itself" 2 "give another file" hexz flatten two.hxz two.hxz --overwrite
expect "flatten: an output that is there" 1 "already exists" hexz flatten two.hxz flat.hxz
expect "flatten: no profile" 2 "unknown option '--profile'" hexz flatten two.hxz x --profile eda
refuse "nothing was made of those" test -e x

# Encrypted: its one password opens all.
cheap=(--kdf-memory 1M --kdf-passes 1 --kdf-lanes 1)
printf 'first\n' >pw1
printf 'second\n' >pw2
seal() { hexz build "$@" --encrypt "${cheap[@]}" -q; }
seal day1 s1.hxz --password-file pw1
expect "sealed: the same password" 0 '' seal day2 s2.hxz --parent s1.hxz --password-file pw1
check "sealed: its bytes" cmp day2 <(hexz cat s2.hxz --password-file pw1)
expect "sealed: another one" 0 '' seal day1 s3.hxz --parent s2.hxz --password-file pw2 --parent-password-file pw1
check "sealed: one opens all" cmp day1 <(hexz cat s3.hxz --password-file pw2)
expect "sealed: by descriptors" 0 '' seal day1 s4.hxz --parent s2.hxz --password-fd 7 --parent-password-fd 8 7<pw2 8<pw1
hexz info s4.hxz --password-file pw2 --json >info.json
json "sealed: what it leans on" info.json "{a['hint'] for a in d['ancestors']} <= {'s1.hxz', 's2.hxz'} and d['ancestors']"
seal day2 s5.hxz --base s1.hxz --base one.hxz --parent-password-file pw1 --password-file pw2 --json >sealed.json
json "sealed: a base, and a plain one" sealed.json "d['bytes_unique'] == 3 * $PAGE"
check "sealed: its bytes" cmp day2 <(hexz cat s5.hxz --password-file pw2)
expect "sealed: far ones" 0 '' seal day1 s6.hxz --parent s2.hxz --ancestors far --password-file pw1
expect "sealed: wrong" 1 "(HEXZ_ERR_WRONG_PASSWORD)" seal day2 x --parent s1.hxz --password-file pw1 --parent-password-file pw2
expect "sealed: a base, wrong" 1 "(HEXZ_ERR_WRONG_PASSWORD)" seal day2 x --base s1.hxz --password-file pw1 --parent-password-file pw2
expect "sealed: nobody to ask" 1 "--parent-password-file or --parent-password-fd" \
    setsid -w "$HEXZ" build day2 x --parent s1.hxz --encrypt --password-file pw2 "${cheap[@]}"
expect "sealed: the same of a base" 1 "--parent-password-file or --parent-password-fd" \
    setsid -w "$HEXZ" build day2 x --base s1.hxz --encrypt --password-file pw2 "${cheap[@]}"
expect "sealed: a plain child" 2 "set --encrypt" hexz build day2 x --parent s1.hxz
expect "sealed: a plain child of a base" 2 "set --encrypt" hexz build day2 x --base s1.hxz
expect "sealed: a password for a plain child" 2 "without --encrypt" hexz build day2 x --parent one.hxz --parent-password-file pw1
expect "sealed: one input for two" 2 "asked for 2 times" seal day2 x --parent s1.hxz --password-file - --parent-password-file - <pw1
refuse "nothing was made of those" test -e x
expect "flatten: say what shall become of a secret" 2 "say --encrypt or --decrypt" hexz flatten s3.hxz x --password-file pw2
expect "flatten: sealed" 0 '' hexz flatten s3.hxz s7.hxz --password-file pw2 --encrypt --new-password-file pw1 "${cheap[@]}" -q
check "flatten: its bytes" cmp day1 <(hexz cat s7.hxz --password-file pw1)
check "flatten: and laid open" cmp flat2.hxz <(hexz flatten s2.hxz - --password-file pw1 --decrypt -q)
