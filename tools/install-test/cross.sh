# Part of install-test.sh: real builds for other targets, installed, linked with and run.

cross_out=$PWD/target/cross

# rust_for TARGET: sets RUSTC for the commands that follow, if the machine's own has no library for it.
# 3: there is none to be had, and why is in $work/reason.
rust_for() {
    local status=0
    unset RUSTC
    [ ! -d "$(rustc --print target-libdir --target "$1" 2>/dev/null)" ] || return 0
    RUSTC=$(tools/install-test/debian_rust.sh "$cross_out/rust" 2>"$work/reason") || status=$?
    [ $status -eq 0 ] && export RUSTC && return 0
    unset RUSTC
    [ $status -eq 3 ] || { cat "$work/reason" >&2; fail "no Rust for $1"; }
    return $status
}

# elf FILE MACHINE: is of that machine, all of it, and without debug information.
elf() {
    local headers
    headers=$(readelf -h "$1" | sed -n 's/^ *Machine: *//p' | sort -u)
    [ "$headers" = "$2" ] || fail "$1 is for '$headers', not $2"
    if readelf -SW "$1" | grep -q '\.debug_info'; then fail "$1 was not stripped"; fi
}

# cross TARGET MACHINE STRIP CC RUN...: MACHINE as readelf names it, STRIP the strip that fits it, CC '' for the
# one that is found by its name, RUN what programs are run with.
cross() {
    local target=$1 machine=$2 strip=$3 cc=$4 root=$work/cross-$1 out=$cross_out/build/$1 bin made=
    local -a run=("${@:5}") words
    if ! rust_for "$target"; then
        skip "$target: rustc has no standard library for it, and Debian's is not to be had: $(tail -n 1 "$work/reason")"
        return
    fi
    # In a folder of its own: another rustc would make all of target/ anew.
    local -a here_to=(env CARGO_TARGET_DIR="$cross_out/build" CARGO_BUILD_TARGET="$target")
    "${here_to[@]}" make --no-print-directory ${cc:+CC="$cc"} >"$work/log" 2>&1 || made=no
    # What `make install` takes later is what was built for this machine.
    echo "$built_here" >target/last-built
    [ -z "$made" ] || { cat "$work/log" >&2; fail "$target: make failed"; }
    quiet "${here_to[@]}" make --no-print-directory install-strip DESTDIR="$root" PREFIX=/opt
    bin=$root/opt/bin/hexz
    elf "$bin" "$machine"
    elf "$root/opt/lib/libhexz.a" "$machine"
    grep -qx "strip $strip" "$out/built" || fail "$target is stripped with $(grep '^strip ' "$out/built")"
    grep -qx "objcopy ${strip%strip}objcopy" "$out/built" || fail "$target is made with $(grep '^objcopy ' "$out/built")"
    ok "$target: builds, and installs what is for it"

    if ! command -v "${run[0]:-true}" >/dev/null; then
        skip "$target: no ${run[0]} is installed, what was built is not run"
        run=(true)
    fi
    read -ra words <<<"$(sed -n 's/^cc //p' "$out/built")"
    PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/opt/lib/pkgconfig
    export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
    rm -f "$work/cross.hxz"
    # shellcheck disable=SC2046
    quiet "${words[@]}" -static "${strict[@]}" $(pkg-config --cflags hexz) "$here/consumer.c" \
        $(pkg-config --static --libs hexz) -o "$work/cross-consumer"
    "${run[@]}" "$work/cross-consumer" "$version" "$work/cross.hxz"
    [ "${run[0]:-}" = true ] || cmp "$work/shared.hxz" "$work/cross.hxz"
    if [ -f "$root/opt/lib/libhexz.so" ]; then
        elf "$root/opt/lib/libhexz.so" "$machine"
        needs_library "$bin" || fail "$target: the tool does not use the shared library"
    elif readelf -lW "$bin" | grep -q 'INTERP\|NEEDED'; then
        fail "$target: the tool is not static"
    fi
    [ "${run[0]:-}" != true ] || return 0
    # The same bytes as on this machine, and back.
    [ "$("${run[@]}" "$bin" version)" = "$("$native_tool" version)" ] || fail "$target: another version"
    rm -f "$work"/cross-disk*
    seq 1 300000 >"$work/cross-disk"
    "$native_tool" build "$work/cross-disk" "$work/cross-disk.here" -q --profile eda
    "${run[@]}" "$bin" build "$work/cross-disk" "$work/cross-disk.there" -q --profile eda
    cmp "$work/cross-disk.here" "$work/cross-disk.there"
    "${run[@]}" "$bin" verify "$work/cross-disk.there" -q
    "${run[@]}" "$bin" extract "$work/cross-disk.there" "$work/cross-disk.back" -q
    cmp "$work/cross-disk" "$work/cross-disk.back"
    ok "$target: links, builds the bytes that are built here, verifies, extracts"
}

native_tool=$built_here/hexz
if [ "$native" != x86_64-unknown-linux-gnu ]; then
    skip "builds for other targets are tried on x86_64"
else
    if command -v aarch64-linux-gnu-gcc >/dev/null; then
        cross aarch64-unknown-linux-gnu AArch64 aarch64-linux-gnu-strip '' qemu-aarch64 -L /usr/aarch64-linux-gnu
    else
        skip "no aarch64-linux-gnu-gcc is installed"
    fi
    if zig=$(bindings/zig/zig.sh 2>"$work/reason"); then
        export ZIG_GLOBAL_CACHE_DIR=$PWD/target/zig/global ZIG_LOCAL_CACHE_DIR=$PWD/target/zig/cache
        cross x86_64-unknown-linux-musl 'Advanced Micro Devices X86-64' strip "$zig cc -target x86_64-linux-musl"
    else
        skip "x86_64-unknown-linux-musl: no Zig: $(tail -n 1 "$work/reason")"
    fi
fi
