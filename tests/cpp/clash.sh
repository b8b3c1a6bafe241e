#!/bin/bash
# A program that has a libzstd of its own and links libhexz.a statically. rustc's archive
# brings another zstd with global names: depending on the order of the two the program does
# not link, or silently runs with the wrong zstd. With the archive that is installed
# (tools/static.sh) both orders work, each side with its own.
#
#   tests/cpp/clash.sh WORK_FOLDER       lines that begin with "note: " tell the figures
#
#   HEXZ_LIBDIR   where rustc's libhexz.a is              (target/release)
#   HEXZ_INCLUDE  where hexz.h is                         (include)
#   CC            the compiler                            (gcc)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$1
before=$(realpath "${HEXZ_LIBDIR:-$root/target/release}")/libhexz.a
after=$work/libhexz.a
include=$(realpath "${HEXZ_INCLUDE:-$root/include}")
cc=${CC:-gcc}
# What rustc --print native-static-libs names, from where it is kept.
read -r -a system <<<"$(sed -n 's/^static_libs="\(.*\)"/\1/p' "$root/tools/install.sh") -lgcc_s"

fail() {
    echo "clash: $*" >&2
    exit 1
}

zstd=$("$cc" -print-file-name=libzstd.a)
[ -f "$zstd" ] || fail "no libzstd.a to link with: apt-get install libzstd-dev"

# Global definitions, and those of them that begin with a word.
globals() { nm -g --defined-only --format=just-symbols "$1" 2>/dev/null | grep -v -e '^$' -e ':$'; }
count() { globals "$1" | grep -c "^$2" || true; }

# attempt NAME ARCHIVE...: what happens with the archives in this order, in one word.
attempt() {
    local name=$1 status=0
    shift
    "$cc" -std=c99 -Wall -Wextra -Wpedantic -Werror "-I$include" "$here/own_zstd.c" "$@" "${system[@]}" \
        -o "$work/$name" >"$work/$name.txt" 2>&1 || {
        if grep -q 'multiple definition' "$work/$name.txt"; then echo "does not link"; else echo "fails"; fi
        return
    }
    rm -f "$work/$name.hxz"
    "$work/$name" "$work/source" "$work/$name.hxz" >>"$work/$name.txt" 2>&1 || status=$?
    case $status in
    0) echo "works" ;;
    3) echo "runs with the wrong zstd" ;;
    *) echo "fails" ;;
    esac
}

mkdir -p "$work"
"$root/tools/static.sh" "$before" "$after"
awk 'BEGIN { for (i = 0; i < 40000; i++) print "#" i * 25 "\n" i % 2 "!\nb" i * 7919 % 65536 " \"" }' >"$work/source"

for archive in "$before" "$after"; do
    title=before
    [ "$archive" = "$after" ] && title=after
    echo "note: $title: $(count "$archive" ZSTD_) global ZSTD_ symbols of $(count "$archive" ''); hexz first: $(
        attempt "$title-first" "$archive" "$zstd"
    ); zstd first: $(attempt "$title-last" "$zstd" "$archive")"
done

[ "$(count "$before" ZSTD_)" -gt 0 ] || fail "rustc's archive has no ZSTD_ symbols: this test shows nothing any more"
[ "$(attempt before "$zstd" "$before")" = "does not link" ] ||
    fail "rustc's archive does not clash: this test shows nothing any more"
[ "$(count "$after" ZSTD_)" -eq 0 ] || fail "the installed archive defines ZSTD_ symbols"
[ "$(count "$after" hexz_)" -gt 0 ] || fail "the installed archive does not define hexz_ symbols"
[ "$(count "$after" hexz_)" -eq "$(count "$after" '')" ] || fail "the installed archive defines more than hexz_ symbols"
for name in after-first after-last; do
    case $name in
    after-first) said=$(attempt $name "$after" "$zstd") ;;
    after-last) said=$(attempt $name "$zstd" "$after") ;;
    esac
    [ "$said" = works ] || { cat "$work/$name.txt" >&2 && fail "$name: $said"; }
done
cmp "$work/after-first.hxz" "$work/after-last.hxz"
