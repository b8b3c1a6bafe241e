#!/bin/bash
# Behind `make test`: every check there is, in order, until one fails.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0

# step TITLE COMMAND...: ends the run when the command fails.
step() {
    local title=$1 start=$SECONDS
    shift
    printf '\n== %s\n' "$title"
    "$@" </dev/null || {
        printf '\ntest: "%s" failed after %d steps that passed\n' "$title" "$passed" >&2
        exit 1
    }
    passed=$((passed + 1))
    printf -- '-- %s: %d s\n' "$title" $((SECONDS - start))
}

step 'shell scripts' shellcheck --severity=warning .ci/run tools/*.sh tools/guest/finish.sh tools/guest/workload \
    tests/examples.sh tests/cpp/*.sh tests/qcow2/*.sh bindings/*/*.sh
step 'Rust formatting' cargo fmt --check
step 'formatting of fuzz targets' cargo fmt --check --manifest-path fuzz/Cargo.toml
step 'Rust lints' cargo clippy --locked --all-targets -- -D warnings
step 'Rust tests' cargo test --locked
step 'build' make --no-print-directory all
step 'C and C++ tests' tests/c/run.sh
step 'examples' tests/examples.sh
step 'C++' tests/cpp/run.sh
step 'Go' bindings/go/test.sh
step 'Zig' bindings/zig/test.sh
step 'command line tool' env HEXZ=target/hexz tests/cli/run.sh
step 'qcow2 images' tests/qcow2/run.sh
step 'damaged qcow2 images' tests/qcow2/mutations.sh
step 'fuzzing' tools/fuzz.sh short
step 'independent decoder' tests/decoder/run.sh
step 'installation' tools/install-test.sh

printf '\ntest: all %d steps passed in %d s\n' "$passed" "$SECONDS"
