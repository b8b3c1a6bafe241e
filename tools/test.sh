#!/bin/bash
# Behind `make test`: every check there is, in order, until one fails. The last line counts steps,
# for machines to read; "skipped" counts what the steps said that they could not try on this machine,
# each in a line of its own that has "skipped: REASON" in it. Those are listed before it.
set -euo pipefail
cd "$(dirname "$0")/.."

# What runs beside other things says it to a file.
logs=$(mktemp -d)
declare -A lanes=() # by process

# Ended by a failure or not, the last line tells what ran.
summary() {
    local failed=0 passed=0 skipped
    touch "$logs/passed" "$logs/failed"
    passed=$(wc -l <"$logs/passed") failed=$(wc -l <"$logs/failed")
    cat "$logs"/said.* >"$logs/all" 2>/dev/null || true
    # A suite says it in its own way of beginning a line; a count of none is no reason.
    grep -aoE '(^|[[:space:]])skipped: .*' "$logs/all" | sed 's/^[[:space:]]*skipped: //' >"$logs/skipped" || true
    skipped=$(wc -l <"$logs/skipped")
    printf '\n'
    [ "$skipped" -eq 0 ] || { echo 'test: not tried on this machine:' && sed 's/^/test:   /' "$logs/skipped"; }
    [ "$failed" -eq 0 ] || sed 's/.*/test: "&" failed/' "$logs/failed"
    # Nothing that ran is no success.
    if [ "$1" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    echo "test: steps that passed and failed, and single checks that were skipped, in $SECONDS s:"
    echo "$passed passed, $failed failed, $skipped skipped"
}
top=$BASHPID
trap 'status=$?; [ $BASHPID -ne $top ] || { summary $status; rm -rf "$logs"; }; exit $status' EXIT

# step TITLE COMMAND...: ends the run when the command fails. What it says is kept, to be counted.
step() {
    local title=$1 start=$SECONDS status=0
    shift
    printf '\n== %s\n' "$title"
    "$@" </dev/null 2>&1 | tee "$(mktemp "$logs/said.XXXXXX")" || status=$?
    if [ $status -ne 0 ]; then
        printf '\ntest: "%s" failed\n' "$title" >&2
        echo "$title" >>"$logs/failed"
        exit 1
    fi
    echo "$title" >>"$logs/passed"
    printf -- '-- %s: %d s\n' "$title" $((SECONDS - start))
}

# beside FUNCTION: its steps, in order, beside those of others, since most leave a CPU idle now and
# then. What they say comes when they are through.
beside() {
    [ ${#lanes[@]} -lt "$(nproc)" ] || finish_lane
    # A process group of its own can be ended with all that it started.
    set -m
    "$1" >"$logs/$1" 2>&1 &
    set +m
    lanes[$!]=$1
}

end_lanes() {
    local pid
    for pid in "${!lanes[@]}"; do
        kill -TERM -- "-$pid" 2>/dev/null || true
    done
    wait
    exit 130
}
trap end_lanes INT TERM

# finish_lane: waits for the first that ends.
finish_lane() {
    local pid status=0
    wait -n -p pid "${!lanes[@]}" || status=$?
    cat "$logs/${lanes[$pid]}"
    unset "lanes[$pid]"
    [ $status -eq 0 ] && return
    # The others clean up after themselves.
    wait
    exit $status
}

lane_cpp() { step 'C++' tests/cpp/run.sh; }
lane_go() { step 'Go' bindings/go/test.sh; }
lane_zig() { step 'Zig' bindings/zig/test.sh; }
lane_tool() {
    step 'command line tool' tests/cli/run.sh
    step 'cases from the field' tests/field/run.sh
}
lane_decoder() { step 'independent decoder' tests/decoder/run.sh; }
# One after the other, since all use what cargo builds.
lane_qcow2() {
    step 'qcow2 images' tests/qcow2/run.sh
    step 'damaged qcow2 images' tests/qcow2/mutations.sh
    step 'fuzzing' tools/fuzz.sh short
}

step 'shell scripts' shellcheck --severity=warning .ci/run tools/*.sh tools/days/*.sh tools/guest/finish.sh tools/guest/workload \
    tests/examples.sh tools/install-test/debian_rust.sh tests/memory/run.sh tests/cpp/*.sh tests/qcow2/*.sh bindings/*/*.sh
step 'Rust formatting' cargo fmt --check
step 'formatting of fuzz targets' cargo fmt --check --manifest-path fuzz/Cargo.toml
step 'Rust lints' cargo clippy --locked --all-targets -- -D warnings
# What passes shows what it could not try.
step 'Rust tests' cargo test --locked -- --show-output
step 'licences' tools/third_party.py --check
step 'least Rust' tests/rust_version.py
step 'build' make --no-print-directory all
# Where cargo's settings had it put them.
built=$(cat target/last-built)
export HEXZ_LIBDIR=$built/release HEXZ_LIB=$built/release/libhexz.so HEXZ=$built/hexz
step 'C and C++ tests' tests/c/run.sh
step 'keys in memory' tests/memory/run.sh
step 'examples' tests/examples.sh
for lane in qcow2 go cpp tool zig decoder; do
    beside "lane_$lane"
done
while [ ${#lanes[@]} -gt 0 ]; do
    finish_lane
done
step 'installation' tools/install-test.sh
