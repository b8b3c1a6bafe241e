#!/bin/bash
# Behind `make install`, `make install-strip` (without debug information, most of which
# is that of Rust's own library) and `make uninstall`.
#
#   tools/install.sh install|install-strip|uninstall VERSION DESTDIR PREFIX LIBDIR INCLUDEDIR BINDIR
set -euo pipefail
cd "$(dirname "$0")/.."
action=$1 version=$2 destdir=$3 prefix=$4 libdir=$5 includedir=$6 bindir=$7

headers=(hexz.h hexz.hpp)
lib=$destdir$libdir

# The soname carries the number of the ABI, which is not that of the release.
soname=libhexz.so.0

# What the tool brings for readers and shells: FILE PLACE, beneath the prefix.
shared_files() {
    cat <<'FILES'
man/hexz.1 share/man/man1/hexz.1
completions/hexz.bash share/bash-completion/completions/hexz
completions/_hexz share/zsh/site-functions/_hexz
completions/hexz.fish share/fish/vendor_completions.d/hexz.fish
FILES
}

refresh_linker_cache() {
    if [ -z "$destdir" ] && [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null; then
        ldconfig
    fi
}

# fill TEMPLATE OUTPUT: the template with its @NAMES@ replaced.
fill() {
    local static_libs
    static_libs=$(sed -n 's/^Libs.private: //p' hexz.pc.in | tr ' ' ';')
    sed -e "s|@VERSION@|$version|g" -e "s|@PREFIX@|$prefix|g" -e "s|@LIBDIR@|$libdir|g" \
        -e "s|@INCLUDEDIR@|$includedir|g" -e "s|@STATIC_LIBS@|$static_libs|g" \
        -e "s|@INCLUDEDIR_FROM_LIBDIR@|$(realpath -ms --relative-to="$libdir" "$includedir")|g" \
        "$1" >"$work/filled"
    install -m 644 "$work/filled" "$2"
}

install_all() {
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    install -d "$lib/pkgconfig" "$lib/cmake/hexz" "$destdir$includedir" "$destdir$bindir"

    install -m 755 target/release/libhexz.so "$lib/libhexz.so.$version"
    ln -sf "libhexz.so.$version" "$lib/$soname"
    ln -sf "$soname" "$lib/libhexz.so"
    install -m 644 target/libhexz.a "$lib/libhexz.a"

    local header
    for header in "${headers[@]}"; do
        install -m 644 "include/$header" "$destdir$includedir/$header"
    done
    fill hexz.pc.in "$lib/pkgconfig/hexz.pc"
    fill cmake/hexzConfig.cmake.in "$lib/cmake/hexz/hexzConfig.cmake"
    fill cmake/hexzConfigVersion.cmake.in "$lib/cmake/hexz/hexzConfigVersion.cmake"

    local file place
    while read -r file place; do
        install -D -m 644 "$file" "$destdir$prefix/$place"
    done < <(shared_files)

    # Linked anew, because the tool in target/ looks for the library beside itself. In a
    # place of the system's own the loader finds it; elsewhere the tool says where it is.
    local -a rpath=()
    case $libdir in
    /lib | /lib/* | /usr/lib | /usr/lib/*) ;;
    *) rpath=("-Wl,-rpath,\$ORIGIN/$(realpath -ms --relative-to="$bindir" "$libdir")") ;;
    esac
    local -a objects
    mapfile -t objects < <(find target/tool -name '*.o' | sort)
    "${CC:-cc}" -o "$work/hexz" "${objects[@]}" -L"$lib" -lhexz "${rpath[@]}"
    install -m 755 "$work/hexz" "$destdir$bindir/hexz"
    if [ "$action" = install-strip ]; then
        strip --strip-debug "$lib/libhexz.a" "$lib/libhexz.so.$version" "$destdir$bindir/hexz"
    fi
    refresh_linker_cache
}

uninstall_all() {
    local header file place
    while read -r file place; do
        rm -f "$destdir$prefix/$place"
    done < <(shared_files)
    for header in "${headers[@]}"; do
        rm -f "$destdir$includedir/$header"
    done
    rm -f "$lib/libhexz.so.$version" "$lib/$soname" "$lib/libhexz.so" "$lib/libhexz.a" \
        "$lib/pkgconfig/hexz.pc" "$destdir$bindir/hexz"
    rm -rf "$lib/cmake/hexz"
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
