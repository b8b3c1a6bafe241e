#!/bin/bash
# Installs into a scratch folder and uses what is there as a stranger would: through
# pkg-config, CMake and Meson, shared and static, each program built and run. Needs what `make`
# builds; what the machine lacks is skipped with its reason.
set -euo pipefail
cd "$(dirname "$0")/.."

here=$PWD/tools/install-test
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
skipped=0

fail() {
    echo "install: $*" >&2
    exit 1
}

ok() {
    passed=$((passed + 1))
    echo "install: $*"
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped: install: $*"
}

# The names that a library defines for others, one in a line.
shared_symbols() { nm -D --defined-only --format=just-symbols "$1" | sort; }
static_symbols() { nm -g --defined-only --format=just-symbols "$1" | grep -v -e '^$' -e ':$' | sort; }

needs_library() { readelf -d "$1" | grep -q 'NEEDED.*libhexz'; }

root=$work/root
prefix=/opt/hexz
lib=$root$prefix/lib
make --no-print-directory -s CARGO="cargo --quiet" all
touch "$work/stamp"
# As sudo runs it: none of the user's variables, and no cargo.
without_cargo() { env -i PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin "$@"; }
if without_cargo sh -c 'command -v cargo rustc' >/dev/null; then
    skip "cargo is in the system's own folders: an installation without it is not tried"
fi
without_cargo make --no-print-directory -s install DESTDIR="$root" PREFIX=$prefix
written=$(find target -newer "$work/stamp" ! -path 'target/debug*' -print -quit)
[ -z "$written" ] || fail "make install wrote $written"
ok "an installation needs no cargo and writes nothing into target/"

# --- what is there -------------------------------------------------------------------
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
for file in "lib/libhexz.so.$version" lib/libhexz.a lib/pkgconfig/hexz.pc include/hexz.h include/hexz.hpp bin/hexz \
    share/doc/hexz/THIRD_PARTY share/doc/hexz/LICENSE-MIT share/doc/hexz/LICENSE-APACHE \
    lib/cmake/hexz/hexzConfig.cmake lib/cmake/hexz/hexzConfigVersion.cmake share/man/man1/hexz.1 \
    share/bash-completion/completions/hexz share/zsh/site-functions/_hexz share/fish/vendor_completions.d/hexz.fish; do
    [ -f "$root$prefix/$file" ] || fail "$file is missing"
done
[ "$(readlink -f "$lib/libhexz.so")" = "$lib/libhexz.so.$version" ] || fail "libhexz.so leads elsewhere"
abi=$(sed -n '/^\[package.metadata.abi\]/,/^$/s/^number = //p' Cargo.toml)
since=$(sed -n '/^\[package.metadata.abi\]/,/^$/s/^since = "\(.*\)"/\1/p' Cargo.toml)
[ "$(readlink -f "$lib/libhexz.so.$abi")" = "$lib/libhexz.so.$version" ] || fail "libhexz.so.$abi leads elsewhere"
readelf -d "$lib/libhexz.so" | grep -q "SONAME.*\[libhexz.so.$abi\]" || fail "the soname is not libhexz.so.$abi"
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

# own_zstd.c brings functions with the names of zstd's own into the same program.
# static_consumer NAME FLAG...: with what pkg-config says for static linking, as it says it.
static_consumer() {
    local program=$work/$1
    shift
    # shellcheck disable=SC2046
    cc "${strict[@]}" "$@" $(pkg-config --cflags hexz) "$here/consumer.c" "$here/own_zstd.c" \
        $(pkg-config --static --libs hexz) -o "$program" 2>"$work/log" || { cat "$work/log" >&2; fail "$program does not link"; }
    if readelf -d "$program" | grep -q 'NEEDED.*libhexz'; then fail "$program needs libhexz.so"; fi
    rm -f "$work/static.hxz"
    "$program" "$version" "$work/static.hxz"
    cmp "$work/shared.hxz" "$work/static.hxz"
}
static_consumer static-c
ok "pkg-config --static takes the archive beside the shared library, in a program with a zstd of its own"
static_consumer static-whole -static
if readelf -d "$work/static-whole" | grep -q NEEDED; then fail "cc -static made a program that needs libraries"; fi
ok "cc -static, which has no libgcc_s"
mkdir "$work/aside"
mv "$lib"/libhexz.so* "$work/aside"
static_consumer static-alone
mv "$work/aside"/* "$lib"
ok "pkg-config --static where only the archive is installed"

# What rustc says the static library needs is what hexz.pc says, less what the compiler driver brings.
wanted=$(CARGO_TERM_COLOR=never cargo rustc --quiet --locked --lib --crate-type staticlib -- \
    --print native-static-libs 2>&1 | sed -n 's/^note: native-static-libs: -lgcc_s //p')
[ -n "$wanted" ] || fail "rustc named no native libraries"
grep -qF -- "-l:libhexz.a $wanted -Wl" "$lib/pkgconfig/hexz.pc" || fail "Libs.private of hexz.pc is not what rustc names: $wanted"
ok "Libs.private is what rustc names"

# --- nothing of the machine ------------------------------------------------------------
# Other folders of this machine that a compiler could have written down.
for folder in "$PWD" "$HOME" "${CARGO_HOME:-$HOME/.cargo}" "$(rustc --print sysroot)"; do
    [ "$folder" != / ] || continue
    named=$(grep -rlaF -- "$folder/" "$root" || true)
    [ -z "$named" ] || fail "$folder is written down in: $named"
done
ok "no installed file names a folder of this machine"

# --- the ABI's promise is one ----------------------------------------------------------
grep -q "\`libhexz.so.$abi\`.*since $since" docs/ABI.md || fail "docs/ABI.md does not say 'libhexz.so.$abi ... since $since'"
grep -q "libhexz.so.$abi\"" "$lib/cmake/hexz/hexzConfig.cmake" || fail "hexzConfig.cmake has another soname"
grep -qF "VERSION_LESS \"$since\"" "$lib/cmake/hexz/hexzConfigVersion.cmake" || fail "hexzConfigVersion.cmake has another first release"
ok "soname, CMake's files and docs/ABI.md say the same"

# --- Meson -----------------------------------------------------------------------------
if command -v meson >/dev/null; then
    (unset PKG_CONFIG_SYSROOT_DIR
        mkdir "$work/meson-source"
        cp "$here/meson.build" "$here/consumer.c" "$work/meson-source"
        # In a place of its own, as a user has it: Meson takes archives by their paths.
        without_cargo make --no-print-directory -s install PREFIX="$work/meson-prefix" DESTDIR=
        PKG_CONFIG_LIBDIR=$work/meson-prefix/lib/pkgconfig meson setup "$work/meson" "$work/meson-source" &&
        meson compile -C "$work/meson") >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "the Meson project does not build"; }
    readelf -d "$work/meson/shared" | grep -q "NEEDED.*\[libhexz.so.$abi\]" || fail "the shared Meson program does not need the soname"
    if needs_library "$work/meson/static"; then fail "the static Meson program needs libhexz.so"; fi
    for kind in shared static; do
        rm -f "$work/meson.hxz"
        LD_LIBRARY_PATH=$work/meson-prefix/lib "$work/meson/$kind" "$version" "$work/meson.hxz"
        cmp "$work/shared.hxz" "$work/meson.hxz"
    done
    ok "Meson, shared and static"
else
    skip "no meson is installed"
fi

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

for refused in 0.0.1 0.0 0.99 1 9.9; do
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

# --- other folders, targets and compilers ------------------------------------------------
. tools/install-test/elsewhere.sh
. tools/install-test/cross.sh

echo "install: $passed passed, 0 failed, $skipped skipped"
