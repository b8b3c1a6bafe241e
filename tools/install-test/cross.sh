# Part of install-test.sh: real builds for other targets, where rustc has their standard library.

# cross TARGET MACHINE COMPILER [EMULATOR]: MACHINE as readelf names it.
cross() {
    local target=$1 machine=$2 compiler=$3 emulator=${4:-} root=$work/cross-$1
    if [ ! -d "$("${RUSTC:-rustc}" --print target-libdir --target "$target" 2>/dev/null)" ]; then
        skip "rustc has no standard library for $target"
    elif ! command -v "$compiler" >/dev/null; then
        skip "no $compiler is installed"
    else
        quiet make --no-print-directory CARGO_BUILD_TARGET="$target"
        quiet make --no-print-directory install-strip CARGO_BUILD_TARGET="$target" DESTDIR="$root" PREFIX=/opt
        readelf -h "$root/opt/bin/hexz" | grep -q "Machine: *$machine" || fail "$target: the tool is for another machine"
        PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/opt/lib/pkgconfig
        export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
        # shellcheck disable=SC2046
        quiet "$compiler" -static "${strict[@]}" $(pkg-config --cflags hexz) "$here/consumer.c" \
            $(pkg-config --static --libs hexz) -o "$work/cross-consumer"
        if [ -z "$emulator" ] || command -v "$emulator" >/dev/null; then
            $emulator "$work/cross-consumer" "$version" "$work/cross.hxz"
            cmp "$work/shared.hxz" "$work/cross.hxz"
        else
            skip "no $emulator: what was built for $target is not run"
        fi
        ok "$target: builds, links, installs"
    fi
}
cross aarch64-unknown-linux-gnu AArch64 aarch64-linux-gnu-gcc qemu-aarch64-static
cross x86_64-unknown-linux-musl X86-64 musl-gcc
