# Part of install-test.sh: builds and installations with other folders, targets, compilers and flags.
# cargo is played by a program that writes down how it was called and lays what is built already
# where cargo would; tools/, make and the compilers are real.

cat >"$work/cargo" <<'PLAYED'
#!/bin/bash
set -eu
out=${CARGO_TARGET_DIR:-target}
target=${CARGO_BUILD_TARGET:-}
printf '%s\n' "$@" >"$PLAYED/arguments"
env >"$PLAYED/environment"
while [ $# -gt 0 ]; do
    case $1 in --target) target=$2 ;; --target=*) target=${1#--target=} ;; esac
    shift
done
out=$(realpath -m "$out${target:+/$target}/release")
mkdir -p "$out"
cp "$PLAYED/real/libhexz.a" "$PLAYED/real/libhexz.so" "$out"
ln -sf libhexz.so "$out/libhexz.so.0"
echo '{"reason":"compiler-artifact","target":{"kind":["lib"],"crate_types":["lib"],"name":"libc"},"filenames":["/x/liblibc.rlib"]}'
echo '{"reason":"compiler-artifact","target":{"kind":["cdylib"],"crate_types":["cdylib","staticlib","rlib"],"name":"hexz"},"filenames":["'"$out"'/libhexz.so","'"$out"'/libhexz.a","'"$out"'/libhexz.rlib"],"fresh":true}'
PLAYED
chmod 755 "$work" "$work/cargo"
export PLAYED=$work/played
mkdir -p "$PLAYED/real"
built_here=$(cat target/last-built)
cp "$built_here/release/libhexz.a" "$built_here/release/libhexz.so" "$PLAYED/real"

# A source tree of its own: what is written down there is not for the next `make install`.
tree="$work/source tree"
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard -- Makefile Cargo.toml Cargo.lock build.rs src benches include c-examples cmake tools man completions '*.pc.in' \
    THIRD_PARTY 'LICENSE-*' | xargs -0 cp --parents -t "$tree"
quiet() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }
make_there() { quiet make --no-print-directory -C "$tree" CARGO="$work/cargo" "$@"; }

if make --no-print-directory -C "$tree" install DESTDIR="$work/none" >"$work/log" 2>&1; then fail "nothing was installed, and make says that it was"; fi
grep -q 'run make first' "$work/log" || fail "nothing is built, and the text is: $(cat "$work/log")"
[ ! -e "$work/none" ] || fail "an installation of nothing left files"
ok "nothing built: 'run make first'"

# Quoted on purpose as the C compiler of a user: words, flags that zstd cannot stand, flags for the linker.
build_id=0123456789abcdef
CARGO_TARGET_DIR="$work/far away" make_there CC='cc -m64' CFLAGS='-std=c99 -O0 -Werror -Wconversion -Wno-conversion' \
    LDFLAGS="-Wl,--build-id=0x$build_id"
[ ! -e "$tree/target/release" ] || fail "CARGO_TARGET_DIR is set, and libraries lie in target/"
if grep '^CFLAGS=' "$PLAYED/environment" | grep -q 'std=c99\|Werror'; then fail "CFLAGS of the tool reach cargo's C code"; fi
if grep -q '^LDFLAGS=' "$PLAYED/environment"; then fail "LDFLAGS reach cargo"; fi
grep -qx 'CC=cc -m64' "$PLAYED/environment" || fail "CC does not reach cargo"
ok "CFLAGS and LDFLAGS of the user are the tool's alone, CC is everybody's"
# sudo knows no variables: where things lie is written down.
quiet without_cargo make --no-print-directory -C "$tree" install-strip DESTDIR="$work/elsewhere root" PREFIX=/usr LIBDIR=/usr/lib/x86
"$work/elsewhere root/usr/bin/hexz" profiles >/dev/null 2>&1 && fail "the loader found a library where it does not look"
LD_LIBRARY_PATH="$work/elsewhere root/usr/lib/x86" "$work/elsewhere root/usr/bin/hexz" profiles | grep -q '^generic' || fail "the tool does not run"
readelf -n "$work/elsewhere root/usr/bin/hexz" | grep -q $build_id || fail "LDFLAGS do not reach the installed tool"
ok "CARGO_TARGET_DIR with a space, CC with words, LDFLAGS to the installed tool, found again without variables"

native=$(rustc -vV | sed -n 's/^host: //p')
for how in variable flag; do
    case $how in
    variable) CARGO_BUILD_TARGET=$native make_there ;;
    flag) make_there CARGOFLAGS="--target $native" ;;
    esac
    [ -f "$tree/target/$native/libhexz.a" ] && [ -x "$tree/target/$native/hexz" ] || fail "--target by $how: nothing in target/$native"
    quiet make --no-print-directory -C "$tree" install DESTDIR="$work/by-$how" PREFIX=/opt
    env -i "$work/by-$how/opt/bin/hexz" profiles | grep -q '^generic' || fail "--target by $how: the tool does not run"
    rm -rf "$tree/target/$native"
done
ok "CARGO_BUILD_TARGET and --target"

# left FOLDER: what `make clean` has not removed there, besides what cargo marks its folder with.
left() { find "$1" ! -type d ! -name CACHEDIR.TAG ! -name '.rustc_info.json' ! -name kept; }
# cargo itself: it has to know the project, and what it removes.
clean_there() { quiet env -u CARGO make --no-print-directory -C "$tree" clean "$@"; }
for how in variable flag; do
    export CARGO_TARGET_DIR="$work/to clean"
    flags=()
    [ $how = variable ] && export CARGO_BUILD_TARGET=$native || flags=(CARGOFLAGS="--target $native")
    make_there "${flags[@]}"
    touch "$CARGO_TARGET_DIR/kept" "$CARGO_TARGET_DIR/$native/kept"
    [ -n "$(left "$CARGO_TARGET_DIR")" ] || fail "nothing was built to be cleaned away"
    clean_there "${flags[@]}"
    [ -z "$(left "$CARGO_TARGET_DIR")" ] || fail "make clean, the target by $how, leaves: $(left "$CARGO_TARGET_DIR")"
    [ -f "$CARGO_TARGET_DIR/$native/kept" ] || fail "make clean removed what was not built"
    unset CARGO_TARGET_DIR CARGO_BUILD_TARGET
done

# The same archive of rustc's in a folder of another name: the long form is `make reproduce`.
make_there
for file in hexz libhexz.a; do
    cmp "$built_here/$file" "$tree/target/$file" || fail "$file is another one when it is built in another folder"
done
ok "tool and archive are the same from another folder"
clean_there
[ -z "$(left "$tree/target")" ] || fail "make clean leaves in target/: $(left "$tree/target")"
ok "make clean removes what was built, elsewhere and for another target too"

# As a user who may not write to the project.
chmod -R a-w "$tree"
chmod -R a+rX "$work"
mkdir -m 777 "$work/nobody" && chmod 777 "$PLAYED"
as_nobody=(env)
[ "$(id -u)" -ne 0 ] || as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$work/nobody" RUSTC="$work/rustc")
# rustc may lie in a folder of root's.
printf '#!/bin/sh\ncase $* in -vV) echo "host: %s" ;; *) echo /rust ;; esac\n' "$native" >"$work/rustc"
chmod 755 "$work/rustc"
rm -f "$PLAYED/arguments" "$PLAYED/environment"
CARGO_TARGET_DIR=$work/nobody/out quiet "${as_nobody[@]}" TMPDIR="$work/nobody" make --no-print-directory -C "$tree" CARGO="$work/cargo"
CARGO_TARGET_DIR=$work/nobody/out quiet make --no-print-directory -C "$tree" install DESTDIR="$work/readonly" PREFIX=/opt
env -i "$work/readonly/opt/bin/hexz" profiles | grep -q '^generic' || fail "built from a read-only project, the tool does not run"
chmod -R u+w "$tree"
ok "a project that may not be written to"
