#!/bin/bash
# Installs what a group of make targets needs and the machine lacks. Says nothing
# when nothing is missing, so every target can call it first.
#
#   tools/deps.sh GROUP...      groups: build test data demo bench peers python lists
#
# `python` makes the virtual environment of the tests, target/venv; `lists` refreshes
# apt's lists of packages; the others are Debian packages. As root or through sudo.
set -euo pipefail
cd "$(dirname "$0")/.."

die() {
    echo "deps: $*" >&2
    exit 1
}

packages_of() {
    case $1 in
    build) echo gcc g++ libc6-dev make binutils pkg-config cmake ;;
    test) echo attr bzip2 lz4 shellcheck xz-utils valgrind gdb libc6-dbg e2fsprogs mount util-linux procps qemu-utils strace zstd fuse3 python3-fusepy rclone ntfs-3g exfat-fuse exfatprogs dosfstools acl libzstd-dev python3 python3-venv groff-base mandoc zsh fish meson libnbd-dev
        # To build for another machine, from the one for which Debian has them.
        [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ] || echo gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user ;;
    data) echo mmdebstrap mount qemu-system-x86 e2fsprogs iverilog python3 ca-certificates ;;
    demo) echo python3 time diffutils ;;
    bench) echo qemu-utils python3 time diffutils ;;
    # The last two are for building hexz-cli.
    peers) echo restic borgbackup pkg-config libfuse3-dev ;;
    *) die "unknown group '$1'; there are: build test data demo bench peers python lists" ;;
    esac
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# apt_get ARGUMENT...: as root, waiting for another package run instead of failing at once.
apt_get() {
    local -a as_root=(env DEBIAN_FRONTEND=noninteractive)
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; } ||
            die "not root and no usable sudo; run as root: apt-get $*"
        as_root=(sudo "${as_root[@]}")
    fi
    "${as_root[@]}" apt-get -qq -y -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install_packages() {
    local -a missing=()
    local package
    for package in $(printf '%s\n' "$@" | sort -u); do
        installed "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "these Debian packages are needed, and there is no apt-get to install them: ${missing[*]}"

    echo "deps: installing ${missing[*]}"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT # by when a local variable would be gone
    # The lists may be absent or older than the archive: try what is there, then refresh.
    apt_get install --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
        { apt_get update && apt_get install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
        { cat "$log" >&2; die "apt-get could not install: ${missing[*]}"; }
}

# The stamp is the requirements themselves: a changed list makes the environment anew.
make_venv() {
    local requirements=tests/decoder/requirements.txt venv=target/venv
    cmp -s "$requirements" "$venv/requirements.txt" && return 0
    echo "deps: making $venv with $(grep -v '^#' "$requirements" | paste -sd ' ')"
    rm -rf "$venv"
    mkdir -p target
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install -r "$requirements" </dev/null
    cp "$requirements" "$venv/requirements.txt"
}

[ $# -gt 0 ] || die "name a group: build test data demo bench peers python lists"
wanted=()
for group in "$@"; do
    case $group in
    lists) apt_get update ;;
    python) wanted+=(python3 python3-venv) ;;
    *)
        list=$(packages_of "$group")
        # Split on purpose: one word is one package.
        # shellcheck disable=SC2206
        wanted+=($list)
        ;;
    esac
done
install_packages "${wanted[@]}"
case " $* " in *" python "*) make_venv ;; esac
