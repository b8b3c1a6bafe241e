#!/bin/bash
# Behind `make`: has cargo build the library, finds where that lies, and makes of it what is
# installed. Where that was, and with which tools, is written down for `make install`.
#
#   tools/build.sh lib|tool|static|all...
#
#   CARGO_TARGET_DIR, CARGO_BUILD_TARGET, CARGOFLAGS (--target ...), cargo's configuration
#                            as cargo takes them; a relative folder begins at the top of the project
#   CC                       a compiler for the target, words allowed; by default the target's
#                            (aarch64-linux-gnu-gcc, musl-gcc), or cc
#   OBJCOPY, STRIP, AR, LD   the same
#   CPPFLAGS, CFLAGS, LDFLAGS   for the command line tool
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

die() {
    echo "build: $*" >&2
    exit 1
}

# The target, where it is told before cargo runs.
target=${CARGO_BUILD_TARGET:-}
read -ra cargo_flags <<<"${CARGOFLAGS:-}"
for at in "${!cargo_flags[@]}"; do
    case ${cargo_flags[at]} in
    --target=*) target=${cargo_flags[at]#--target=} ;;
    --target) target=${cargo_flags[at + 1]:-} ;;
    esac
done

first_of() { # PROGRAM...: the first that there is; empty names are none
    local program
    for program in "$@"; do
        if [ -n "$program" ] && command -v "$program" >/dev/null; then
            echo "$program"
            return
        fi
    done
}

# find_tools TARGET: CC, LD, OBJCOPY, STRIP, AR for it, unless the caller has said which.
find_tools() {
    local gnu=${1/-unknown/} native prefix='' bundled
    native=$("${RUSTC:-rustc}" -vV | sed -n 's/^host: //p')
    bundled=$("${RUSTC:-rustc}" --print sysroot)/lib/rustlib/$native/bin
    # A musl of this machine's own processor is another C library, not another machine.
    local cross=0 musl=musl-gcc ld=ld
    if [ -n "$1" ] && [ "${1%%-*}" != "${native%%-*}" ]; then
        cross=1 musl='' ld=''
    fi
    if [ -z "${CC:-}" ]; then
        case $1 in
        '' | "$native") CC=cc ;;
        *-musl) CC=$(first_of "$gnu-gcc" "${gnu%%-*}-linux-musl-gcc" "$musl") ;;
        *) CC=$(first_of "$gnu-gcc") ;;
        esac
        [ -n "$CC" ] || die "no C compiler for $1 is there; install one ($gnu-gcc), or name it: make CC=..."
    fi
    # aarch64-linux-gnu-gcc-12 has aarch64-linux-gnu-objcopy beside it.
    local program=${CC%% *}
    case $program in *-gcc | *-gcc-[0-9]* | *-cc) prefix=${program%-*cc*}- ;; esac
    [ "$prefix" != musl- ] || prefix=
    [ -n "$prefix" ] || [ $cross = 0 ] || prefix=$gnu-
    local -a plain=(objcopy strip ar)
    # GNU's know the machine that they were made for; LLVM's know all.
    [ $cross = 0 ] || plain=("" "" ar)
    [ -n "${OBJCOPY:-}" ] || OBJCOPY=$(first_of ${prefix:+"${prefix}objcopy"} ${plain[0]} llvm-objcopy "$bundled/rust-objcopy")
    [ -n "${STRIP:-}" ] || STRIP=$(first_of ${prefix:+"${prefix}strip"} ${plain[1]} llvm-strip)
    # llvm-objcopy strips too.
    [ -n "$STRIP" ] || STRIP=$OBJCOPY
    [ -n "${AR:-}" ] || AR=$(first_of ${prefix:+"${prefix}ar"} ${plain[2]} llvm-ar)
    if [ -z "${LD:-}" ]; then
        LD=$(first_of ${prefix:+"${prefix}ld"} "$ld" ld.lld)
        [ -n "$LD" ] || LD=$bundled/gcc-ld/ld.lld
    fi
    [ -n "$OBJCOPY" ] || die "no objcopy for ${1:-this machine} is there; name one: make OBJCOPY=..."
}
# What cargo's C code is compiled with changes its fingerprint: said only where there is a choice.
for_cargo=(${CC:+"CC=$CC"} ${AR:+"AR=$AR"})
find_tools "$target"
export -n CC LD OBJCOPY STRIP AR

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# wrap: CC as one word, in a place that stays the same. cargo's C code is compiled with --target= and the
# target as Rust calls it, which Zig has other names for: its own target is in CC.
wrap() {
    local drop='' wrapper
    case $CC in
    *zig\ cc*) drop='for word do shift; case $word in --target=*) ;; *) set -- "$@" "$word" ;; esac; done' ;;
    esac
    wrapper=$(realpath -m "${CARGO_TARGET_DIR:-target}/$target")/cc
    mkdir -p "$(dirname "$wrapper")"
    printf '#!/bin/sh\n%s\nexec %s "$@"\n' "$drop" "$CC" >"$work/cc"
    chmod 755 "$work/cc"
    cmp -s "$work/cc" "$wrapper" || cp "$work/cc" "$wrapper"
    echo "$wrapper"
}
cc_of_cargo=$CC
case $CC in *zig\ cc*) cc_of_cargo=$(wrap) ;; esac
if [ -n "$target" ]; then
    for_cargo=("CC_${target//[-.]/_}=$cc_of_cargo" "AR_${target//[-.]/_}=$AR")
    # cargo links the shared library with the same compiler; what is given as a linker is one word.
    linker=CARGO_TARGET_$(tr 'a-z.-' 'A-Z__' <<<"$target")_LINKER
    if [ -z "${!linker:-}" ]; then
        export "$linker=$(wrap)"
    fi
elif [ "$cc_of_cargo" != "$CC" ]; then
    for_cargo[0]=CC=$cc_of_cargo
fi

env "${for_cargo[@]}" tools/cargo.sh build --release --locked "${cargo_flags[@]}" --message-format=json-render-diagnostics >"$work/said"
# found LIBRARY: where cargo says that it put it.
found() { sed -n 's/.*"crate_types":\["cdylib".*"filenames":\[.*"\([^"]*\/'"$1"'\)".*/\1/p' "$work/said" | tail -n 1; }
archive=$(found 'libhexz\.a')
[ -n "$archive" ] || die "cargo does not say where libhexz.a is"
shared=$(found 'libhexz\.so')
profile=$(dirname "$archive")
dir=$(dirname "$profile")

# put FILE NAME: a copy in $dir, left alone where it is the same, so that make sees what is new. What
# cargo builds later, for a test or a bench, does not change what `make install` takes.
put() {
    cmp -s "$1" "$dir/$2" || { cp "$1" "$dir/$2.new" && mv "$dir/$2.new" "$dir/$2"; }
}
if [ -n "$shared" ]; then put "$shared" libhexz.so; else rm -f "$dir/libhexz.so"; fi

# find_unwinder: what a program linked with libhexz.a needs besides what CC brings. GCC brings an unwinder, Zig
# and a Clang with compiler-rt bring one where it is asked for.
find_unwinder() {
    local library
    local -a cc
    read -ra cc <<<"$CC"
    echo 'void _Unwind_Resume(void *); int main(void) { _Unwind_Resume(0); return 0; }' >"$work/unwind.c"
    for library in '' -lunwind; do
        if "${cc[@]}" -o "$work/unwind" "$work/unwind.c" $library 2>/dev/null; then
            echo "$library"
            return
        fi
    done
}
unwinder=$(find_unwinder)

# Read by tools/install.sh. A changed flag makes the tool anew.
printf '%s\n' "cc $CC" "objcopy $OBJCOPY" "strip $STRIP" "ar $AR" "ld $LD" \
    "cppflags ${CPPFLAGS:-}" "cflags ${CFLAGS:-}" "ldflags ${LDFLAGS:-}" "unwinder $unwinder" >"$work/built"
put "$work/built" built

goals=()
for goal in "$@"; do
    case $goal in
    lib) ;;
    all) goals+=(hexz libhexz.a) ;;
    tool) goals+=(hexz) ;;
    static) goals+=(libhexz.a) ;;
    *) die "unknown goal '$goal'; there are: lib tool static all" ;;
    esac
done
# Relative names through a link: no space in the name of a folder reaches make.
ln -sfn "$root" "$dir/hexz-source"
if [ ${#goals[@]} -gt 0 ]; then
    unset MAKEFLAGS MFLAGS MAKELEVEL
    make --no-print-directory -C "$dir" -f hexz-source/tools/products.mk -j"$(nproc)" "${goals[@]}" \
        CC="$CC" LD="$LD" OBJCOPY="$OBJCOPY" AR="$AR" CPPFLAGS="${CPPFLAGS:-}" CFLAGS="${CFLAGS:-}" \
        LDFLAGS="${LDFLAGS:-}" UNWINDER="$unwinder" PROFILE="$(basename "$profile")" SHARED="${shared:+1}"
fi
# `sudo make install` does not know what was set here.
if mkdir -p target 2>/dev/null && [ -w target ]; then
    echo "$dir" >target/last-built
fi
