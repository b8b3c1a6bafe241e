#!/bin/bash
# Formats, vets and tests the Go module: with the race detector, with
# AddressSanitizer, which reports what C memory was not freed, linked with the
# static library, and as a program outside the module uses it.
#
#   bindings/go/test.sh [TEST]         TEST: as for go test -run
#
#   HEXZ_LIBDIR   where libhexz.so and libhexz.a are      (target/release)
#   HEXZ_INCLUDE  where hexz.h is                         (include)
#   HEXZ_GO       the go command                          (that of requirements.txt,
#                                                          installed into target/go)
#   HEXZ_GO_MODES which modes, of: lint plain race asan static  (all)
#
# The first run compiles Go's standard library for each mode, which takes two minutes of CPU.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
libdir=$(realpath "${HEXZ_LIBDIR:-$root/target/release}")
include=$(realpath "${HEXZ_INCLUDE:-$root/include}")
out=$root/target/go
only=${1:-}
passed=0

die() {
    echo "bindings/go/test.sh: $*" >&2
    exit 1
}

# The stamp is the requirements themselves: a changed version makes the environment anew.
install_go() {
    local venv=$out/venv
    go=$venv/bin/go
    cmp -s "$here/requirements.txt" "$venv/requirements.txt" && return 0
    echo "go: installing $(grep -v '^#' "$here/requirements.txt") into target/go"
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install -r "$here/requirements.txt" </dev/null
    cp "$here/requirements.txt" "$venv/requirements.txt"
}

# Nothing of the user's settings, nothing from the network, nothing outside target/go.
set_environment() {
    export GOENV=off GOWORK=off GOTOOLCHAIN=local GOPROXY=off GOFLAGS=-buildvcs=false CGO_ENABLED=1
    export GOCACHE=$out/cache GOPATH=$out/path XDG_CONFIG_HOME=$out/config
    unset GOOS GOARCH GOEXPERIMENT CGO_CFLAGS CGO_LDFLAGS GODEBUG
    export PKG_CONFIG_PATH=$out/lib/pkgconfig LD_LIBRARY_PATH=$out/lib
}

# The build tree as it looks once it is installed: the loader looks for the
# soname, which cargo does not make a file of, and pkg-config for hexz.pc. Go
# does not look whether a header has changed, hence the sum.
make_prefix() {
    mkdir -p "$out/lib/pkgconfig"
    ln -sfn "$libdir/libhexz.so" "$out/lib/libhexz.so"
    ln -sfn "$libdir/libhexz.so" "$out/lib/libhexz.so.0"
    local sum
    sum=$(sha256sum "$include/hexz.h" | cut -c1-16)
    local name
    for name in hexz hexz-shared; do
        sed -e "s|@PREFIX@|$out|" -e "s|@LIBDIR@|$out/lib|" -e "s|@INCLUDEDIR@|$include|" -e 's|@VERSION@|0|' \
            -e "s|^Cflags:.*|& -DHEXZ_HEADER_SUM=$sum|" "$root/$name.pc.in" >"$out/lib/pkgconfig/$name.pc"
    done
}

# step NAME COMMAND...: one test; a failure ends the run.
step() {
    local name=$1
    shift
    ("$@") >"$out/log" 2>&1 || {
        cat "$out/log"
        die "$name failed"
    }
    passed=$((passed + 1))
    echo "go: ok    $name"
}

# tests MODE FLAG... PACKAGES: the tests in one mode, a line for each.
tests() {
    local mode=$1 count
    shift
    "$go" test -count=1 -vet=off -timeout=10m -v -run="$only" "$@" >"$out/log" 2>&1 || {
        cat "$out/log"
        die "tests failed in mode $mode"
    }
    sed -n "s/^ *--- PASS: \(.*\) (.*/go: ok    $mode \1/p" "$out/log"
    count=$(grep -c '^ *--- PASS: ' "$out/log") || [ -n "$only" ] || die "no test ran in mode $mode"
    passed=$((passed + count))
}

formatted() {
    local files
    files=$("$("$go" env GOROOT)/bin/gofmt" -l .)
    [ -z "$files" ] || {
        echo "gofmt -w $files"
        return 1
    }
}

no_dependencies() {
    [ "$("$go" list -m all)" = hexz ]
}

# Without cgo the compiler must say what is missing, and nothing else.
says_that_cgo_is_needed() {
    local text
    text=$(CGO_ENABLED=0 "$go" build . 2>&1) && return 1
    echo "$text"
    [ "$(grep -c '\.go:' <<<"$text")" -eq 1 ] && grep -q 'undefined: .*set_CGO_ENABLED_to_1' <<<"$text"
}

# A module elsewhere, as the README says, with a program that needs libhexz.so
# where it runs and one that does not. Each line is checked: within a step, set -e
# has no effect.
used_from_outside() {
    local work=$out/outside
    rm -rf "$work"
    mkdir -p "$work"
    cp examples/snapshot/main.go "$work/"
    cd "$work" || return
    "$go" mod init example && "$go" mod edit -require=hexz@v0.0.0 -replace="hexz=$here" || return
    "$go" build -o shared . || return
    CGO_CFLAGS="-I$include" CGO_LDFLAGS="-L$libdir" "$go" build -tags hexz_static -o static . || return
    readelf -d shared >shared.txt && readelf -d static >static.txt || return
    grep -q 'NEEDED.*libhexz\.so\.0' shared.txt || return
    ! grep 'NEEDED.*hexz' static.txt || return
    head -c 16384 /dev/zero | tee disk.img >memory.dump || return
    ./shared && rm machine.hxz && LD_LIBRARY_PATH='' ./static && [ -s machine.hxz ]
}

lint() {
    step 'gofmt' formatted
    step 'no dependencies' no_dependencies
    step 'without cgo' says_that_cgo_is_needed
    step 'go vet' "$go" vet ./...
    step 'from outside' used_from_outside
}

[ -f "$libdir/libhexz.so" ] || die "no libhexz.so in $libdir: cargo build --release, or set HEXZ_LIBDIR"
[ -f "$libdir/libhexz.a" ] || die "no libhexz.a in $libdir: cargo build --release, or set HEXZ_LIBDIR"
[ -f "$include/hexz.h" ] || die "no hexz.h in $include: set HEXZ_INCLUDE"
"$root/tools/deps.sh" build test || die "what the tests need could not be installed"
mkdir -p "$out"
if [ -n "${HEXZ_GO:-}" ]; then go=$HEXZ_GO; else install_go; fi
set_environment
make_prefix
cd "$here"

for mode in ${HEXZ_GO_MODES:-lint plain race asan static}; do
    case $mode in
    lint) [ -n "$only" ] || lint ;;
    # In this mode only: what the examples import takes longer to compile than all else.
    plain) tests plain ./examples/... ;;
    race) tests race -race . ;;
    asan) tests asan -asan . ;;
    static) CGO_CFLAGS="-I$include" CGO_LDFLAGS="-L$libdir" tests static -tags=hexz_static . ;;
    *) die "no mode is called '$mode'; there are: lint plain race asan static" ;;
    esac
done
[ "$passed" -gt 0 ] || die "no test is called '$only'"
echo "Go: $passed tests passed"
