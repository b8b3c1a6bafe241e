#!/bin/bash
# cargo as `make` calls it: nothing that it builds names a folder of this machine, and the
# C code in it (zstd, the assembly of blake3) is compiled with flags of its own.
#
#   tools/cargo.sh ARGUMENT...
#
#   CARGO         the program                                        (cargo)
#   CARGO_CFLAGS  flags for that C code, quoted as for a shell
#   RUSTFLAGS     as ever; what is needed here comes on top
#
# CFLAGS, CXXFLAGS, CPPFLAGS and LDFLAGS are the command line tool's: a -std=c99 or -Werror that
# suits it does not suit zstd. CFLAGS_<target>, which cc-rs reads first, reaches the C code.
set -euo pipefail
cd "$(dirname "$0")/.."

# The last that fits wins, for rustc and for the C compilers. Where links lead elsewhere either name is met.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
folders=("$cargo_home=/cargo" "$(realpath -m "$cargo_home")=/cargo"
    "$(realpath -m "$cargo_home/registry")=/cargo/registry" "$(realpath -m "$cargo_home/git")=/cargo/git")
sysroot=$("${RUSTC:-rustc}" --print sysroot 2>/dev/null) && folders+=("$sysroot=/rust")
[ -z "${CARGO_TARGET_DIR:-}" ] || folders+=("$(realpath -m "$CARGO_TARGET_DIR")=/build")
folders+=("$PWD=/hexz" "$(pwd -P)=/hexz")

cflags=${CARGO_CFLAGS:-}
rustflags=
for folder in "${folders[@]}"; do
    cflags+=" $(printf '%q' "-ffile-prefix-map=$folder")"
    rustflags+=$'\x1f'"--remap-path-prefix=$folder"
done

unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CARGO_CFLAGS
export CC_SHELL_ESCAPED_FLAGS=1 CFLAGS="${cflags# }"
# Flags in the environment replace those of cargo's configuration; flags of [target] add up.
if [ -n "${CARGO_ENCODED_RUSTFLAGS:-}" ]; then
    export CARGO_ENCODED_RUSTFLAGS+=$rustflags
elif [ -n "${RUSTFLAGS:-}" ]; then
    read -ra words <<<"$RUSTFLAGS"
    CARGO_ENCODED_RUSTFLAGS=$(printf '%s\x1f' "${words[@]}")
    export CARGO_ENCODED_RUSTFLAGS=${CARGO_ENCODED_RUSTFLAGS%$'\x1f'}$rustflags
else
    list=
    while IFS= read -rd $'\x1f' flag; do
        list+="\"${flag//[\\\"]/\\&}\","
    done <<<"${rustflags#?}"$'\x1f'
    set -- --config "target.'cfg(all())'.rustflags=[$list]" "$@"
fi
read -ra cargo <<<"${CARGO:-cargo}" # words allowed
exec "${cargo[@]}" "$@"
