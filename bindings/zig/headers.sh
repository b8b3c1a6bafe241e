#!/bin/bash
# Compiles include/hexz.h for machines and systems that are not this one, with `zig cc`: alone, and in
# a program that initialises every struct and names every function, as C99 and as C++17. Nothing is
# linked: the library itself is for 64-bit Linux. One line for each target and language.
#
#   HEXZ_INCLUDE  where hexz.h is                   (include)
#   HEXZ_ZIG      the zig program                   (the one that bindings/zig/test.sh installs)
#   HEXZ_ZIG_OUT  where the caches are              (target/zig)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
include=$(realpath "${HEXZ_INCLUDE:-$root/include}")
out=$(realpath -m "${HEXZ_ZIG_OUT:-$root/target/zig}")
zig=${HEXZ_ZIG:-$out/zig}
targets=(aarch64-linux-gnu arm-linux-gnueabihf x86-linux-gnu x86_64-windows-gnu)
strict=(-Wall -Wextra -Wpedantic -Wundef -Werror "-I$include")

die() {
    echo "headers.sh: $*" >&2
    exit 1
}

[ -x "$zig" ] || die "no zig at $zig: run bindings/zig/test.sh first, or set HEXZ_ZIG"
[ -f "$include/hexz.h" ] || die "no hexz.h in $include: set HEXZ_INCLUDE"
export ZIG_GLOBAL_CACHE_DIR=$out/global ZIG_LOCAL_CACHE_DIR=$out/cache
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A program made from the header: what is new there is in it.
structs=$(sed -n 's/^} \(hexz_[a-z_]*\);$/\1/p' "$include/hexz.h")
functions=$(sed -n 's/^[a-z].*[ *]\(hexz_[a-z_]*\)(.*/\1/p' "$include/hexz.h" | grep -v '_$')
[ "$(wc -w <<<"$structs")" -ge 15 ] || die "only these structs found in hexz.h: $structs"
[ "$(wc -w <<<"$functions")" -ge 29 ] || die "only these functions found in hexz.h: $functions"
{
    printf '#include <hexz.h>\nsize_t sum(void);\nsize_t sum(void)\n{\n    size_t n = 0;\n'
    for name in $structs; do
        printf '    { %s value = HEXZ_INIT(%s); n += value.struct_size; }\n' "$name" "$name"
    done
    for name in $functions; do
        printf '    n += sizeof &%s;\n' "$name"
    done
    printf '    return n;\n}\n'
} >"$work/all.c"

for target in "${targets[@]}"; do
    for language in "c c99" "c++ c++17"; do
        read -r lang std <<<"$language"
        compile=("$zig" cc -target "$target" -x "$lang" "-std=$std" "${strict[@]}")
        echo '#include <hexz.h>' >"$work/alone.c"
        "${compile[@]}" -c "$work/alone.c" -o "$work/alone.o" || die "hexz.h alone fails for $target as $std"
        "${compile[@]}" -c "$work/all.c" -o "$work/all.o" ||
            die "a program with all of hexz.h fails for $target as $std"
        echo "zig: ok    hexz.h for $target as $std"
    done
done
