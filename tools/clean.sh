#!/bin/bash
# Behind `make clean`: removes what `make` and the tests built, where cargo's variables had it put too. target/data
# and what fuzzing learnt are kept.
#
#   CARGO, CARGOFLAGS, CARGO_TARGET_DIR, CARGO_BUILD_TARGET   as tools/build.sh takes them
set -euo pipefail
cd "$(dirname "$0")/.."
dir=${CARGO_TARGET_DIR:-target}

read -ra cargo <<<"${CARGO:-cargo}"
"${cargo[@]}" clean --release
"${cargo[@]}" clean --profile dev

# cargo leaves what it built for a target.
places=("$dir" "$dir/${CARGO_BUILD_TARGET:-}")
read -ra flags <<<"${CARGOFLAGS:-}"
for at in "${!flags[@]}"; do
    case ${flags[at]} in
    --target=*) places+=("$dir/${flags[at]#--target=}") ;;
    --target) places+=("$dir/${flags[at + 1]:-}") ;;
    esac
done
for place in "${places[@]}"; do
    for name in release debug tool hexz libhexz.a libhexz.so built cc hexz-source; do
        rm -rf "${place:?}/$name"
    done
    # The target's own folder, if that was all.
    [ "$(realpath -m "$place")" = "$(realpath -m "$dir")" ] || [ ! -d "$place" ] || rmdir --ignore-fail-on-non-empty "$place"
done
rm -rf target/last-built target/cross target/venv target/go target/zig target/fuzz/build
