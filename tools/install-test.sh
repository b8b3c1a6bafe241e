#!/bin/bash
# Installs into a scratch folder and uses what is there as a stranger would: through
# pkg-config and through CMake, shared and static, each program built and run.
set -euo pipefail
cd "$(dirname "$0")/.."

here=$PWD/tools/install-test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

fail() {
    echo "install: $*" >&2
    exit 1
}

ok() {
    passed=$((passed + 1))
    echo "install: $*"
}

# The names that a library defines for others, one in a line.
shared_symbols() { nm -D --defined-only --format=just-symbols "$1" | sort; }
static_symbols() { nm -g --defined-only --format=just-symbols "$1" | grep -v -e '^$' -e ':$' | sort; }

needs_library() { readelf -d "$1" | grep -q 'NEEDED.*libhexz'; }

root=$work/root
prefix=/opt/hexz
lib=$root$prefix/lib
make --no-print-directory -s CARGO="cargo --quiet" install DESTDIR="$root" PREFIX=$prefix

# --- what is there -------------------------------------------------------------------
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
for file in "lib/libhexz.so.$version" lib/libhexz.a lib/pkgconfig/hexz.pc include/hexz.h include/hexz.hpp bin/hexz \
    lib/cmake/hexz/hexzConfig.cmake lib/cmake/hexz/hexzConfigVersion.cmake share/man/man1/hexz.1 \
    share/bash-completion/completions/hexz share/zsh/site-functions/_hexz share/fish/vendor_completions.d/hexz.fish; do
    [ -f "$root$prefix/$file" ] || fail "$file is missing"
done
[ "$(readlink -f "$lib/libhexz.so")" = "$lib/libhexz.so.$version" ] || fail "libhexz.so leads elsewhere"
[ "$(readlink -f "$lib/libhexz.so.0")" = "$lib/libhexz.so.$version" ] || fail "libhexz.so.0 leads elsewhere"
readelf -d "$lib/libhexz.so" | grep -q 'SONAME.*\[libhexz.so.0\]' || fail "the soname is not libhexz.so.0"
if grep -rq '@[A-Z_]*@' "$lib/pkgconfig" "$lib/cmake"; then fail "a template was not filled"; fi
ok "files, links and soname are in place"

env -i "$root$prefix/bin/hexz" profiles | grep -q '^generic' || fail "the installed tool does not run"
needs_library "$root$prefix/bin/hexz" || fail "the installed tool does not use the shared library"
ok "the tool runs from where it was installed"

# --- symbols -------------------------------------------------------------------------
static_symbols "$lib/libhexz.a" >"$work/static"
shared_symbols "$lib/libhexz.so" >"$work/shared"
grep -qx hexz_build "$work/static" || fail "libhexz.a does not define hexz_build"
diff "$work/shared" "$work/static" >&2 || fail "libhexz.a and libhexz.so define different names"
if grep -v '^hexz_' "$work/static" >&2; then fail "libhexz.a defines names that are not hexz_*"; fi
ok "both libraries define the same $(wc -l <"$work/static") names, all hexz_*"

# --- pkg-config ----------------------------------------------------------------------
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$lib/pkgconfig
[ "$(pkg-config --modversion hexz)" = "$version" ] || fail "hexz.pc has another version"
strict=(-std=c99 -Wall -Wextra -Wpedantic -Werror)

# Split on purpose: the flags are words.
# shellcheck disable=SC2046
cc "${strict[@]}" $(pkg-config --cflags hexz) "$here/consumer.c" $(pkg-config --libs hexz) -o "$work/shared-c"
needs_library "$work/shared-c" || fail "the shared consumer does not need libhexz.so"
LD_LIBRARY_PATH=$lib "$work/shared-c" "$version" "$work/shared.hxz"
ok "pkg-config, shared"

static_libs=$(pkg-config --libs --static hexz | sed "s|-lhexz|$lib/libhexz.a|")
# own_zstd.c brings functions with the names of zstd's own into the same program.
# shellcheck disable=SC2046,SC2086
cc "${strict[@]}" $(pkg-config --cflags hexz) "$here/consumer.c" "$here/own_zstd.c" $static_libs -o "$work/static-c"
if needs_library "$work/static-c"; then fail "the static consumer needs libhexz.so"; fi
"$work/static-c" "$version" "$work/static.hxz"
cmp "$work/shared.hxz" "$work/static.hxz"
ok "pkg-config, static, in a program with a zstd of its own"

# What rustc says the static library needs is what hexz.pc says.
wanted=$(CARGO_TERM_COLOR=never cargo rustc --quiet --locked --lib --crate-type staticlib -- \
    --print native-static-libs 2>&1 | sed -n 's/^note: native-static-libs: //p')
[ -n "$wanted" ] || fail "rustc named no native libraries"
[ "$wanted" = "$(sed -n 's/^Libs.private: //p' "$lib/pkgconfig/hexz.pc")" ] ||
    fail "Libs.private in hexz.pc.in is not what rustc names: $wanted"
ok "Libs.private is what rustc names"

# --- CMake ---------------------------------------------------------------------------
# Moved first: the package finds its files from where it lies.
mv "$root" "$work/moved"
cmake -S "$here" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$work/moved$prefix" -DWANTED="$version" >"$work/log" 2>&1 &&
    cmake --build "$work/cmake" >>"$work/log" 2>&1 || { cat "$work/log" >&2; fail "the CMake project does not build"; }
"$work/cmake/shared" "$version" "$work/cmake-shared.hxz"
"$work/cmake/static" "$version" "$work/cmake-static.hxz"
cmp "$work/shared.hxz" "$work/cmake-shared.hxz"
cmp "$work/shared.hxz" "$work/cmake-static.hxz"
readelf -d "$work/cmake/shared" | grep -q 'NEEDED.*\[libhexz.so.0\]' || fail "CMake records another name than the soname"
if needs_library "$work/cmake/static"; then fail "the static CMake consumer needs libhexz.so"; fi
ok "CMake, shared and static"

for refused in 0.0.1 0.99 1 9.9; do
    if cmake -S "$here" -B "$work/refused-$refused" -DCMAKE_PREFIX_PATH="$work/moved$prefix" \
        -DWANTED=$refused >/dev/null 2>&1; then
        fail "find_package(hexz $refused) was answered by $version"
    fi
done
ok "CMake refuses versions that this one does not stand in for"

# --- and away ------------------------------------------------------------------------
mv "$work/moved" "$root"
make --no-print-directory -s uninstall DESTDIR="$root" PREFIX=$prefix
left=$(find "$root" ! -type d)
[ -z "$left" ] || fail "uninstall leaves: $left"
ok "uninstall leaves nothing"
echo "install: $passed passed"
