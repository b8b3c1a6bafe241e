#!/bin/bash
# Tests the Zig binding: installs Zig below target/ (zig.sh), checks formatting, runs the tests against the
# shared and the static library, builds and runs the examples as a package of their own, and compiles
# hexz.h for other machines. Nothing is written outside target/.
#
#   HEXZ_LIBDIR   where libhexz.so and libhexz.a are      (target/release)
#   HEXZ_INCLUDE  where hexz.h is                         (include)
#   HEXZ_ZIG_OUT  where Zig and its caches are            (target/zig)
#   PYTHON        as zig.sh takes it
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
libdir=$(realpath "${HEXZ_LIBDIR:-$root/target/release}")
include=$(realpath "${HEXZ_INCLUDE:-$root/include}")
out=$(realpath -m "${HEXZ_ZIG_OUT:-$root/target/zig}")
passed=0

die() {
    echo "zig: FAIL  $*" >&2
    exit 1
}

# ok N TEXT: N tests more, and a line.
ok() {
    passed=$((passed + $1))
    printf 'zig: ok    %s\n' "$2"
}

# zig_build ARGUMENT...: `zig build`, which first compiles Zig's build system where the caches are new: with
# this variable unoptimised, in 20 seconds of CPU instead of more than two minutes.
zig_build() {
    ZIG_DEBUG_CMD=1 "$zig" build "$@"
}

# run_tests LINKAGE: all tests with that library.
run_tests() {
    local log=$out/test-$1.log
    zig_build test --summary all "-Dlinkage=$1" "-Dlibdir=$lib" "-Dinclude=$include" >"$log" 2>&1 || {
        cat "$log" >&2
        die "tests, $1 library"
    }
    # "Build Summary: 5/5 steps succeeded; 48/48 tests passed"
    local counts
    counts=$(sed -n 's,.*succeeded; \([0-9]*/[0-9]*\) tests passed$,\1,p' "$log")
    [ -n "$counts" ] && [ "${counts%/*}" = "${counts#*/}" ] && [ "${counts%/*}" -gt 0 ] || {
        cat "$log" >&2
        die "tests, $1 library: not all of them ran"
    }
    ok "${counts%/*}" "${counts%/*} tests with the $1 library"
}

# The examples are a package that depends on this one, as a user's is.
run_examples() {
    local bin=$out/examples/bin sum
    (cd "$here/examples" && zig_build "-Dlibdir=$lib" --prefix "$out/examples") >"$out/examples.log" 2>&1 || {
        cat "$out/examples.log" >&2
        die "the examples do not build"
    }
    cd "$work"
    head -c 3000123 /dev/urandom >disk.img
    head -c 1000000 disk.img >memory.dump

    "$bin/quick" 2>quick.log || die "quick: $(cat quick.log)"
    grep -qx "3000123 bytes, the first is $(od -An -tx1 -N1 disk.img | sed 's/^ 0\?//')" quick.log || die "quick said: $(cat quick.log)"
    ! "$bin/quick" 2>quick.log || die "quick replaced its output"
    grep -q "^output 'machine.hxz': already exists" quick.log || die "quick said: $(cat quick.log)"
    ok 2 "example quick builds, reads, and says why it fails"

    HEXZ_PASSWORD=secret "$bin/checkpoint" disk.img memory.dump sealed.hxz >checkpoint.log 2>progress.log ||
        die "checkpoint: $(cat progress.log)"
    for sum in $(sha256sum disk.img memory.dump | cut -d ' ' -f 1); do
        grep -q "SHA-256 $sum\$" checkpoint.log || die "checkpoint said: $(cat checkpoint.log)"
    done
    ! "$bin/checkpoint" disk.img memory.dump other.hxz 2>progress.log || die "checkpoint encrypted without a password"
    grep -q 'because of NoPassword' progress.log || die "checkpoint said: $(cat progress.log)"
    [ ! -e other.hxz ] || die "checkpoint left a file"
    ok 2 "example checkpoint encrypts, verifies, reads back, and refuses"
    cd "$here"
}

[ -f "$libdir/libhexz.so" ] || die "no libhexz.so in $libdir: cargo build --release, or set HEXZ_LIBDIR"
[ -f "$libdir/libhexz.a" ] || die "no libhexz.a in $libdir: cargo build --release, or set HEXZ_LIBDIR"
[ -f "$include/hexz.h" ] || die "no hexz.h in $include: set HEXZ_INCLUDE"
zig=$(HEXZ_ZIG_OUT=$out "$here/zig.sh") || die "Zig could not be installed"
export ZIG_GLOBAL_CACHE_DIR=$out/global ZIG_LOCAL_CACHE_DIR=$out/cache
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$here"

# The loader looks for the soname, which cargo does not make a file of.
lib=$out/lib
mkdir -p "$lib"
ln -sfn "$libdir/libhexz.so" "$lib/libhexz.so"
ln -sfn "$libdir/libhexz.so" "$lib/libhexz.so.0"
ln -sfn "$libdir/libhexz.a" "$lib/libhexz.a"

"$zig" fmt --check build.zig build.zig.zon src tests examples || die "zig fmt would change these files"
ok 1 "formatting ($("$zig" version))"
run_tests dynamic
run_tests static
run_examples
awk '/^```zig$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' README.md | diff - examples/quick.zig ||
    die "the first program of README.md is not examples/quick.zig"
ok 1 "README.md shows examples/quick.zig"
HEXZ_INCLUDE=$include HEXZ_ZIG=$zig HEXZ_ZIG_OUT=$out ./headers.sh | tee "$work/headers.log"
passed=$((passed + $(grep -c '^zig: ok' "$work/headers.log")))

echo "Zig: $passed tests passed"
