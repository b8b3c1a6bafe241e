# Standard output and standard error: nothing lost in silence, no bar where nobody looks.
hexz build "$T/disk" a.hxz --quiet
hexz build "$T/noise" big.hxz --quiet

if [ -c /dev/full ]; then
    for arguments in --help --version profiles "profiles --json" "build --help" "info a.hxz" \
        "info a.hxz --json" "extents a.hxz" "extents a.hxz --json" "verify a.hxz" "cat a.hxz"; do
        # shellcheck disable=SC2086
        expect "full: $arguments" 1 "standard output: No space left" \
            bash -c '"$@" >/dev/full' - timeout 60 "$HEXZ" $arguments
    done
    expect "full: build" 1 "standard output" \
        bash -c '"$HEXZ" build "$T/disk" f.hxz >/dev/full'
    check "the snapshot is there all the same" hexz verify f.hxz
else
    skip "no /dev/full here"
fi

# With standard output closed, the next file to be opened would be number 1.
# A report that nobody wants is no failure; data and what was asked for as JSON is.
expect "closed: build" 0 '' bash -c '"$HEXZ" build "$T/disk" c.hxz >&-'
check "closed: the report is not in the snapshot" cmp a.hxz c.hxz
expect "closed: verify" 0 '' bash -c '"$HEXZ" verify a.hxz >&-'
expect "closed: extract" 0 '' bash -c '"$HEXZ" extract a.hxz c.raw >&-'
check "closed: extract: the bytes" cmp "$T/disk" c.raw
for arguments in "build $T/disk j.hxz --json" "verify a.hxz --json" "info a.hxz" "extents a.hxz" profiles help version \
    "extract a.hxz -" "build $T/disk -" "help build" "build --help"; do
    # shellcheck disable=SC2086
    expect "closed: $arguments" 1 "standard output" bash -c '"$@" >&-' - "$HEXZ" $arguments
done
expect "closed: cat" 1 "standard output" bash -c '"$HEXZ" cat a.hxz >&-'
check "closed: all three" bash -c '"$HEXZ" build "$T/disk" d.hxz --quiet <&- >&- 2>&-'
check "closed: still the same snapshot" cmp a.hxz d.hxz

expect "a reader that leaves: cat" 0 '' \
    bash -c '"$HEXZ" cat big.hxz | head -c 1 >/dev/null; exit "$((PIPESTATUS[0] - 141))"'
expect "the same with SIGPIPE ignored" 0 '' \
    bash -c 'trap "" PIPE; "$HEXZ" cat big.hxz | (trap - PIPE; head -c 1 >/dev/null)
             exit "$((PIPESTATUS[0] - 141))"'

expect "quiet: build says nothing" 0 '' hexz build "$T/disk" q.hxz -q
compare "nothing" "$(size_of "$T/stdout")" -eq 0
expect "quiet: verify says nothing" 0 '' hexz verify q.hxz -q
compare "nothing" "$(size_of "$T/stdout")" -eq 0
expect "quiet: extract says nothing" 0 '' hexz extract q.hxz q.out -q
compare "nothing" "$(size_of "$T/stdout")" -eq 0
expect "build reports" 0 '' hexz build "$T/disk" r.hxz
for word in logical zero duplicate unique stored ratio MB/s; do
    check "the report tells: $word" grep -q "$word" "$T/stdout"
done

tally python3 "$here/terminal.py" "$HEXZ" "$T/disk" .
