#!/bin/bash
# Behind `make test`: every check there is, in order, until one fails.
set -euo pipefail
cd "$(dirname "$0")/.."

# What runs beside other things says it to a file.
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
declare -A lanes=() # by process

# step TITLE COMMAND...: ends the run when the command fails.
step() {
    local title=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$title"
    "$@" </dev/null || {
        printf '\ntest: "%s" failed\n' "$title" >&2
        exit 1
    }
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
    step 'command line tool' env HEXZ=target/hexz tests/cli/run.sh
    step 'cases from the field' tests/field/run.sh
}
lane_decoder() { step 'independent decoder' tests/decoder/run.sh; }
# One after the other, since all use what cargo builds.
lane_qcow2() {
    step 'qcow2 images' tests/qcow2/run.sh
    step 'damaged qcow2 images' tests/qcow2/mutations.sh
    step 'fuzzing' tools/fuzz.sh short
}

step 'shell scripts' shellcheck --severity=warning .ci/run tools/*.sh tools/guest/finish.sh tools/guest/workload \
    tests/examples.sh tests/memory/run.sh tests/cpp/*.sh tests/qcow2/*.sh bindings/*/*.sh
step 'Rust formatting' cargo fmt --check
step 'formatting of fuzz targets' cargo fmt --check --manifest-path fuzz/Cargo.toml
step 'Rust lints' cargo clippy --locked --all-targets -- -D warnings
step 'Rust tests' cargo test --locked
step 'build' make --no-print-directory all
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

printf '\ntest: all %d steps passed in %d s\n' "$(wc -l <"$logs/passed")" "$SECONDS"
