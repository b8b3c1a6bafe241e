#!/bin/bash
# Coverage-guided fuzzing with libFuzzer (fuzz/), on the stable toolchain.
#
#   tools/fuzz.sh short            the checked-in corpus and so many inputs more, always the same ones
#   tools/fuzz.sh long [SECONDS]   on all cores, by default for an hour; what it learns is kept in
#                                  target/fuzz/corpus for the next time
#   tools/fuzz.sh merge            makes of that the corpus that is checked in
#   tools/fuzz.sh repeat FILE...   an input again, with what went wrong
#
# FUZZ_CORES is how many cores the long form takes.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

out=target/fuzz
checked_in=fuzz/corpus/qcow2.tar.xz
# So many inputs take some ten seconds on one idle core.
short_runs=20000

options=(
    # Larger images have more zeros in them, not more of interest.
    -max_len=262144
    -dict=fuzz/qcow2.dict
    # A minute is a hang even on a machine that does much else: an input takes a millisecond.
    -timeout=60
    -rss_limit_mb=512
    -print_final_stats=1
    -verbosity=1
    "-artifact_prefix=$out/found/"
)

die() {
    echo "fuzz: $*" >&2
    exit 1
}

# What `cargo fuzz` would build, less the sanitizers, which are there on nightly only: the library
# has no unsafe code where it reads a source. A third of what takes time to compile is what the
# library's tests have compiled already; cargo looks whether it fits, and makes anew what does not.
build() {
    local built=$out/build part how
    if [ ! -d "$built" ] && [ -d target/debug/deps ]; then
        for part in .fingerprint build deps; do
            mkdir -p "$built/debug/$part"
            # What cargo writes again is copied; libraries, which are large, are linked.
            [ $part = deps ] && how=-al || how=-a
            find "target/debug/$part" -mindepth 1 -maxdepth 1 ! -name '*hexz*' \
                -exec cp $how -t "$built/debug/$part" {} +
        done
    fi
    RUSTC_WRAPPER=$PWD/tools/fuzz-rustc.sh CARGO_INCREMENTAL=0 "${CARGO:-cargo}" build --locked \
        --manifest-path fuzz/Cargo.toml --target-dir "$built"
    program=$built/debug/qcow2
}

# prepare FOLDER: the files that images may name, in FOLDER/files, and what to begin with, in
# FOLDER/seeds.
prepare() {
    rm -rf "$1"
    mkdir -p "$1/files" "$1/seeds" "$out/found"
    python3 tests/qcow2/seeds.py "$1/files"
    python3 fuzz/seeds.py "$1/files"
    # libFuzzer would cut a longer one, and a piece of an image is none.
    find "$1/files" -name '*.qcow2' -size -513 -exec cp {} "$1/seeds" \;
    tar -xJf "$checked_in" -C "$1/seeds"
    export HEXZ_FUZZ_FILES=$1/files
}

# fuzz ARGUMENT...: fails when something is found, and tells how to repeat it.
fuzz() {
    local input
    touch "$out/began"
    "$program" "${options[@]}" "$@" && return
    while IFS= read -r input; do
        echo "fuzz: found: $input; again: tools/fuzz.sh repeat $input"
        echo "fuzz: to make that file elsewhere: base64 -d | gunzip >FILE"
        gzip -9nc "$input" | base64
    done < <(find "$out/found" -type f -newer "$out/began")
    return 1
} >&2

case ${1:-} in
short)
    build
    prepare "$out/short"
    # Sorted, since folders give files in any order, and the order decides what is tried.
    find "$out/short/seeds" -type f | LC_ALL=C sort | paste -sd , |
        tr -d '\n' >"$out/short/list"
    fuzz -seed=1 -use_cmp=0 -runs="$short_runs" "-seed_inputs=@$out/short/list" 2>"$out/short/log" || {
        cat "$out/short/log" >&2
        exit 1
    }
    grep -E '^Done|^stat::' "$out/short/log"
    ;;
long)
    build
    prepare "$out/long"
    mkdir -p "$out/corpus"
    fuzz "-fork=${FUZZ_CORES:-$(nproc)}" "-max_total_time=${2:-3600}" "$out/corpus" "$out/long/seeds"
    ;;
merge)
    build
    prepare "$out/long"
    rm -rf "$out/merged"
    mkdir -p "$out/merged" "$out/corpus"
    fuzz -merge=1 "$out/merged" "$out/corpus" "$out/long/seeds"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=644 -C "$out/merged" -c . |
        xz -9e >"$checked_in"
    ls -l "$checked_in"
    ;;
repeat)
    shift
    [ $# -gt 0 ] || die "name an input"
    build
    prepare "$out/repeat"
    "$program" "${options[@]}" "$@"
    ;;
*) die "say which: short, long [SECONDS], merge or repeat FILE..." ;;
esac
