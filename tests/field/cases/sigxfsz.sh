# ulimit -f (batch systems, systemd's LimitFSIZE) ended the tool by SIGXFSZ, with nothing said and 153. Limits
# of other kinds get a text as well.
head -c 3000000 /dev/urandom >disk.raw
"$HEXZ" build -q disk.raw disk.hxz
printf 'precious' >old
mkdir out

# NAME TEXT LIMIT COMMAND...: exit status 1 and a text, and nothing is left in out/
limited() {
    local name=$1 text=$2 limit=$3
    shift 3
    # The limits are words of their own.
    # shellcheck disable=SC2086
    expect "$name" 1 "$text" bash -c 'ulimit '"$limit"'; exec "$@"' - "$@"
    holds_only out
}
for threads in 1 2 4; do
    limited "build, $threads threads" "output 'out/a': " "-f 100" "$HEXZ" build -q disk.raw out/a --threads $threads
    check "why: $threads threads" grep -q 'File too large' "$T/stderr"
    limited "extract, $threads threads" "output 'out/a': " "-f 100" "$HEXZ" extract -q disk.hxz out/a --threads $threads
done
limited "build over an old one" "File too large" "-f 100" "$HEXZ" build -q disk.raw old --overwrite
limited "extract over an old one" "File too large" "-f 100" "$HEXZ" extract -q disk.hxz old --overwrite
check "the old one is untouched" cmp old <(printf precious)
limited "standard input is copied" "File too large" "-f 100" bash -c 'cat disk.raw | "$HEXZ" build -q - out/a'
TMPDIR=$PWD/out limited "a snapshot for standard output" "File too large" "-f 100" "$HEXZ" build -q disk.raw -
limited "standard output is a file" "standard output: File too large" "-f 100" bash -c '"$HEXZ" cat disk.hxz >>grown'
rm -f grown
head -c 102400 /dev/zero >report
limited "the report is too long for its file" "standard output: File too large" "-f 100" bash -c '"$HEXZ" info disk.hxz >>report'
limited "no descriptors left" "Too many open files" "-n 4" "$HEXZ" build -q disk.raw out/a
