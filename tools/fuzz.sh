#!/bin/bash
# Coverage-guided fuzzing with libFuzzer (fuzz/), on the stable toolchain: of qcow2 images and of
# snapshots, one after the other.
#
#   tools/fuzz.sh short            the checked-in corpus and so many inputs more, always the same ones
#   tools/fuzz.sh long [SECONDS]   on all cores, by default for half an hour each; what it learns is kept
#                                  in target/fuzz/corpus for the next time
#   tools/fuzz.sh merge            makes of that the corpus that is checked in
#   tools/fuzz.sh repeat FILE...   an input again, with what went wrong; in a folder that is named as its
#                                  target, or FUZZ_TARGETS says which
#
# FUZZ_CORES is how many cores the long form takes, FUZZ_TARGETS which targets are meant.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1

out=target/fuzz
targets=${FUZZ_TARGETS:-qcow2 snapshot}

# choose TARGET: what follows is about it.
choose() {
    target=$1
    program=$out/build/debug/$target
    checked_in=fuzz/corpus/$target.tar.xz
    corpus=$out/corpus/$target
    found=$out/found/$target
    options=(
        # A minute is a hang even on a machine that does much else: an input takes a millisecond.
        -timeout=60
        -rss_limit_mb=512
        -print_final_stats=1
        -verbosity=1
        "-artifact_prefix=$found/"
    )
    # So many inputs take some ten seconds on one idle core. Larger ones have more zeros in them, not more of
    # interest.
    case $target in
    qcow2) short_runs=20000 options+=(-max_len=262144 -dict=fuzz/qcow2.dict) ;;
    snapshot) short_runs=5000 options+=(-max_len=65536) ;;
    *) die "no target is called '$target'; there are: qcow2 snapshot" ;;
    esac
    mkdir -p "$corpus" "$found"
}

die() {
    echo "fuzz: $*" >&2
    exit 1
}

# What `cargo fuzz` would build, less the sanitizers, which are there on nightly only: the library
# has no unsafe code where it reads a source or a snapshot. A third of what takes time to compile is what the
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
}

# prepare FOLDER: what to begin with, in FOLDER/seeds, and the files that qcow2 images may name, in
# FOLDER/files.
prepare() {
    rm -rf "$1"
    mkdir -p "$1/seeds"
    if [ "$target" = qcow2 ]; then
        mkdir "$1/files"
        python3 tests/qcow2/seeds.py "$1/files"
        python3 fuzz/seeds.py "$1/files"
        # libFuzzer would cut a longer one, and a piece of an image is none.
        find "$1/files" -name '*.qcow2' -size -513 -exec cp {} "$1/seeds" \;
        export HEXZ_FUZZ_FILES=$1/files
    fi
    tar -xJf "$checked_in" -C "$1/seeds"
}

# fuzz ARGUMENT...: fails when something is found, and tells how to repeat it.
fuzz() {
    local input
    touch "$out/began"
    "$program" "${options[@]}" "$@" && return
    while IFS= read -r input; do
        echo "fuzz: found: $input; again: tools/fuzz.sh repeat $input"
        echo "fuzz: to make that file elsewhere: base64 -d | gunzip >$target/FILE"
        gzip -9nc "$input" | base64
    done < <(find "$found" -type f -newer "$out/began")
    return 1
} >&2

short() {
    local work=$out/short/$target
    prepare "$work"
    # Sorted, since folders give files in any order, and the order decides what is tried.
    find "$work/seeds" -type f | LC_ALL=C sort | paste -sd , | tr -d '\n' >"$work/list"
    fuzz -seed=1 -use_cmp=0 -runs="$short_runs" "-seed_inputs=@$work/list" 2>"$work/log" || {
        cat "$work/log" >&2
        exit 1
    }
    echo "fuzz: $target"
    grep -E '^Done|^stat::' "$work/log"
}

long() { # SECONDS
    prepare "$out/long/$target"
    fuzz "-fork=${FUZZ_CORES:-$(nproc)}" "-max_total_time=$1" "$corpus" "$out/long/$target/seeds"
}

merge() {
    local merged=$out/merged/$target
    prepare "$out/long/$target"
    rm -rf "$merged"
    mkdir -p "$merged"
    fuzz -merge=1 "$merged" "$corpus" "$out/long/$target/seeds"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=644 -C "$merged" -c . |
        xz -9e >"$checked_in"
    ls -l "$checked_in"
}

case ${1:-} in
short | long | merge)
    build
    for each in $targets; do
        choose "$each"
        case $1 in
        long) long "$((${2:-3600} / $(wc -w <<<"$targets")))" ;;
        *) "$1" ;;
        esac
    done
    ;;
repeat)
    shift
    [ $# -gt 0 ] || die "name an input"
    build
    choose "${FUZZ_TARGETS:-$(basename "$(dirname "$(realpath "$1")")")}"
    prepare "$out/repeat"
    "$program" "${options[@]}" "$@"
    ;;
*) die "say which: short, long [SECONDS], merge or repeat FILE..." ;;
esac
