#!/bin/bash
# Behind `make install`, `make install-strip` (without debug information, most of which
# is that of Rust's own library) and `make uninstall`. Copies what tools/build.sh left, runs no
# cargo and writes nothing but what is installed.
#
#   tools/install.sh install|install-strip|uninstall VERSION DESTDIR PREFIX LIBDIR INCLUDEDIR BINDIR DATADIR
set -euo pipefail
cd "$(dirname "$0")/.."
action=$1 version=$2 destdir=$3 prefix=$4 libdir=$5 includedir=$6 bindir=$7 datadir=$8

headers=(hexz.h hexz.hpp)
documents=(THIRD_PARTY LICENSE-MIT LICENSE-APACHE)
lib=$destdir$libdir
doc=$destdir$datadir/doc/hexz

# The soname carries the number of the ABI, which is not that of the release: docs/ABI.md.
abi() { sed -n '/^\[package.metadata.abi\]/,/^$/s/^'"$1"' = "\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' Cargo.toml; }
soname=libhexz.so.$(abi number)

die() {
    echo "install: $*" >&2
    exit 1
}

# What rustc names for libhexz.a, less libgcc_s: the compiler driver brings an unwinder of the kind
# that it links, libgcc_eh for a static program; or tools/build.sh has found which to ask for.
static_libs="-lutil -lrt -lpthread -lm -ldl -lc"

# find_built: the folder where `make` left things. What the caller says comes first; what make wrote
# down is for sudo, which forgets variables.
find_built() {
    if [ -n "${CARGO_TARGET_DIR:-}${CARGO_BUILD_TARGET:-}" ]; then
        built=${CARGO_TARGET_DIR:-target}${CARGO_BUILD_TARGET:+/$CARGO_BUILD_TARGET}
    else
        built=$(cat target/last-built 2>/dev/null || echo target)
    fi
    if [ ! -f "$built/built" ] || [ ! -f "$built/libhexz.a" ] || [ ! -d "$built/tool" ]; then
        die "nothing is built in $built: run make first, with the same CARGO_TARGET_DIR and CARGO_BUILD_TARGET"
    fi
    local unwinder newer
    unwinder=$(sed -n 's/^unwinder //p' "$built/built")
    static_libs=${unwinder:+$unwinder }$static_libs
    newer=$(find src c-examples include build.rs Cargo.toml Cargo.lock -newer "$built/libhexz.a" -newer "$built/tool/hexz.o" \
        -type f -print -quit 2>/dev/null || true)
    [ -z "$newer" ] || echo "install: $newer is newer than what was built; run make to have it in" >&2
}

# tool NAME: what the caller names, else what was built with.
tool() {
    local variable=${1^^}
    echo "${!variable:-$(sed -n "s/^$1 //p" "$built/built")}"
}

# What the tool brings for readers and shells: FILE PLACE, beneath DATADIR.
shared_files() {
    cat <<'FILES'
man/hexz.1 man/man1/hexz.1
completions/hexz.bash bash-completion/completions/hexz
completions/_hexz zsh/site-functions/_hexz
completions/hexz.fish fish/vendor_completions.d/hexz.fish
FILES
}

refresh_linker_cache() {
    if [ -z "$destdir" ] && [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then
        ldconfig
    fi
}

# fill TEMPLATE OUTPUT: the template with its @NAMES@ replaced.
fill() {
    local cmake_libs=${static_libs// /;} text
    text=$(cat "$1")
    text=${text//@VERSION@/"$version"}
    text=${text//@SONAME@/"$soname"}
    text=${text//@ABI_SINCE@/"$(abi since)"}
    text=${text//@PREFIX@/"$prefix"}
    text=${text//@LIBDIR@/"$libdir"}
    text=${text//@INCLUDEDIR@/"$includedir"}
    case $1 in *.pc.in) text=${text//@STATIC_LIBS@/"$static_libs"} ;; esac
    text=${text//@STATIC_LIBS@/"$cmake_libs"}
    text=${text//@INCLUDEDIR_FROM_LIBDIR@/"$(realpath -ms --relative-to="$libdir" "$includedir")"}
    printf '%s\n' "$text" >"$work/filled"
    install -m 644 "$work/filled" "$2"
}

install_tool() {
    # Linked anew, because the tool in target/ looks for the library beside itself. In a
    # place of the system's own the loader finds it; elsewhere the tool says where it is.
    local -a rpath=() objects cc cflags ldflags
    case $libdir in
    /lib | /lib/* | /usr/lib | /usr/lib/*) ;;
    *) rpath=("-Wl,-rpath,\$ORIGIN/$(realpath -ms --relative-to="$bindir" "$libdir")") ;;
    esac
    mapfile -t objects < <(find "$built/tool" -name '*.o' | sort)
    read -ra cc <<<"$(tool cc)"
    read -ra cflags <<<"$(sed -n 's/^cflags //p' "$built/built")"
    read -ra ldflags <<<"${LDFLAGS:-$(sed -n 's/^ldflags //p' "$built/built")}"
    if [ -f "$built/libhexz.so" ]; then
        "${cc[@]}" "${cflags[@]}" "${ldflags[@]}" -o "$work/hexz" "${objects[@]}" -L"$lib" -lhexz "${rpath[@]}"
    else
        # shellcheck disable=SC2086 # the libraries are words
        "${cc[@]}" "${cflags[@]}" "${ldflags[@]}" -o "$work/hexz" "${objects[@]}" "$lib/libhexz.a" $static_libs
    fi
    install -m 755 "$work/hexz" "$destdir$bindir/hexz"
}

install_all() {
    find_built
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    install -d "$lib/pkgconfig" "$lib/cmake/hexz" "$destdir$includedir" "$destdir$bindir" "$doc"

    local -a strippable=("$lib/libhexz.a" "$destdir$bindir/hexz")
    if [ -f "$built/libhexz.so" ]; then
        install -m 755 "$built/libhexz.so" "$lib/libhexz.so.$version"
        ln -sf "libhexz.so.$version" "$lib/$soname"
        ln -sf "$soname" "$lib/libhexz.so"
        strippable+=("$lib/libhexz.so.$version")
    fi
    install -m 644 "$built/libhexz.a" "$lib/libhexz.a"

    local file
    for file in "${headers[@]}"; do
        install -m 644 "include/$file" "$destdir$includedir/$file"
    done
    for file in "${documents[@]}"; do
        install -m 644 "$file" "$doc/$file"
    done
    local place
    while read -r file place; do
        install -D -m 644 "$file" "$destdir$datadir/$place"
    done < <(shared_files)
    fill hexz.pc.in "$lib/pkgconfig/hexz.pc"
    fill hexz-shared.pc.in "$lib/pkgconfig/hexz-shared.pc"
    if [ ! -f "$built/libhexz.so" ]; then
        # -lhexz is the archive then, whoever asks; Zig's linker knows no --push-state.
        sed -i "s/^Libs:.*/& $static_libs/; /^Libs.private:/d" "$lib/pkgconfig/hexz-shared.pc"
        sed -i '/^# With --static/d; /^Libs.private:/d' "$lib/pkgconfig/hexz.pc"
    fi
    fill cmake/hexzConfig.cmake.in "$lib/cmake/hexz/hexzConfig.cmake"
    fill cmake/hexzConfigVersion.cmake.in "$lib/cmake/hexz/hexzConfigVersion.cmake"
    install_tool
    if [ "$action" = install-strip ]; then
        # Not the symbols: those of the archive are what it is for.
        local -a strip
        read -ra strip <<<"$(tool strip)"
        for file in "${strippable[@]}"; do "${strip[@]}" --strip-debug "$file"; done
    fi
    refresh_linker_cache
}

uninstall_all() {
    local file place
    while read -r file place; do
        rm -f "$destdir$datadir/$place"
    done < <(shared_files)
    for file in "${headers[@]}"; do
        rm -f "$destdir$includedir/$file"
    done
    for file in "${documents[@]}"; do
        rm -f "$doc/$file"
    done
    rm -f "$lib/libhexz.so.$version" "$lib/$soname" "$lib/libhexz.so" "$lib/libhexz.a" \
        "$lib/pkgconfig/hexz.pc" "$lib/pkgconfig/hexz-shared.pc" "$destdir$bindir/hexz"
    rm -rf "$lib/cmake/hexz"
    [ ! -d "$doc" ] || rmdir --ignore-fail-on-non-empty "$doc"
    refresh_linker_cache
}

case $action in
install | install-strip) install_all ;;
uninstall) uninstall_all ;;
*)
    echo "install: unknown action '$action'" >&2
    exit 2
    ;;
esac
