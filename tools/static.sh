#!/bin/bash
# Makes the static library that is installed out of the one that rustc makes.
#
#   tools/static.sh RUSTC_ARCHIVE OUTPUT
#
# rustc's archive leaves every symbol of the Rust runtime and of the C code in it
# global: a host that links its own zstd, or a second Rust library, collides with them.
# Here everything becomes one object in which only hexz_* is global.
set -euo pipefail
archive=$1 output=$2

work=$(mktemp -d "$output.XXXXXX")
trap 'rm -rf "$work"' EXIT

# The names of no object may get lost: an archive may hold several of one name.
${LD:-ld} -r --whole-archive "$archive" -o "$work/whole.o"
# Bitcode is for a later link-time optimisation by rustc; a C linker has no use for it.
${OBJCOPY:-objcopy} --wildcard --keep-global-symbol='hexz_*' \
    --remove-section=.llvmbc --remove-section=.llvmcmd \
    "$work/whole.o" "$work/hexz.o"
${AR:-ar} rcsD "$work/libhexz.a" "$work/hexz.o"
mv "$work/libhexz.a" "$output"
