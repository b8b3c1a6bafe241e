#!/bin/bash
# Makes the data that the demo and the benches run on, under target/data:
#
#   disk.raw      sparse 2 GiB ext4 image of an installed Debian, about 1.4 GB used
#   memory.raw    512 MiB of guest memory: that machine, booted from that disk
#   eda.vcd       waveform of a simulated design, about 200 MB of text
#   firmware.raw  ARM firmware from Debian's packages, laid out as a flash image
#
#   tools/image.sh [disk|memory|eda|firmware]...     all when none is named
#
# A file that is there is kept; each appears by rename, so an interrupted run leaves
# none half made. Packages come from the apt sources of this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/apt_transport.sh

data=$PWD/target/data
guest=$PWD/tools/guest
disk_size=2G

die() {
    echo "image: $*" >&2
    exit 1
}

# The sources in apt's own words, whichever files and syntax they are written in.
debian_sources() {
    local -a query=(apt-get indextargets "Created-By: Packages" "Origin: Debian"
        "Architecture: amd64" --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)')
    local lines
    lines=$("${query[@]}" | sort -u)
    if [ -z "$lines" ]; then
        # A machine that has never run `apt-get update` has no lists to ask about.
        tools/deps.sh lists >&2
        lines=$("${query[@]}" | sort -u)
    fi
    [ -n "$lines" ] || die "apt knows no Debian amd64 source; see sources.list(5)"
    printf '%s\n' "$lines"
}

make_disk() {
    local work=$1 suite option
    local -a apt_options=()
    debian_sources >"$work/sources.list"
    # The plain release, not its -updates or -security: the shortest of their names.
    suite=$(cut -d ' ' -f 3 "$work/sources.list" | awk '{ print length, $0 }' | sort -n | awk 'NR == 1 { print $2 }')
    while IFS= read -r option; do
        apt_options+=("--aptopt=$option")
    done < <(transport_options)

    local packages
    packages=$(grep -v '^#' "$guest/packages" | paste -sd ,)
    # Unpacking a root file system with its owners takes root.
    local -a as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" env TMPDIR="$work" mmdebstrap --quiet --variant=important --format=null \
        --include="$packages" "${apt_options[@]}" \
        --dpkgopt=force-unsafe-io \
        --customize-hook="$guest/finish.sh \"\$1\" '$guest' '$work' $disk_size" \
        "$suite" - "$work/sources.list" </dev/null >"$work/log" 2>&1 ||
        { tail -n 40 "$work/log" >&2; die "the root file system could not be installed"; }
    # A dump is of one disk only.
    rm -f "$data/memory.raw"
    mv "$work/vmlinuz" "$work/initrd" "$data/"
    mv "$work/disk.raw" "$data/disk.raw"
}

make_memory() {
    local work=$1
    [ -e "$data/disk.raw" ] || die "memory needs disk; run: tools/image.sh disk memory"
    python3 tools/guest_memory.py --disk "$data/disk.raw" --kernel "$data/vmlinuz" \
        --initrd "$data/initrd" --work "$work" --output "$work/memory.raw"
    mv "$work/memory.raw" "$data/memory.raw"
}

make_eda() {
    local work=$1
    iverilog -g2012 -o "$work/bank.vvp" tools/eda/filter_bank.v
    vvp -n "$work/bank.vvp" "+vcd=$work/eda.vcd" +cycles=60000 >/dev/null
    mv "$work/eda.vcd" "$data/eda.vcd"
}

make_firmware() {
    local work=$1 release
    release=$(. /etc/os-release && echo "$VERSION_ID")
    local -a packages=(u-boot-qemu qemu-efi-arm qemu-efi-aarch64
        "debian-installer-$release-netboot-armhf")
    mkdir "$work/packages" "$work/files"
    # Downloaded, not installed: nothing here runs on this machine.
    (cd "$work/packages" && apt-get -qq download "${packages[@]}" 2>/dev/null) ||
        { tools/deps.sh lists && (cd "$work/packages" && apt-get -qq download "${packages[@]}"); }
    local package
    for package in "$work"/packages/*.deb; do
        dpkg-deb -x "$package" "$work/files"
    done
    python3 tools/flash_image.py "$work/files" "$work/firmware.raw"
    mv "$work/firmware.raw" "$data/firmware.raw"
}

case ${1-} in -h | --help) sed -n '2,/^set/s/^# \?//p' "$0"; exit ;; esac
[ $# -gt 0 ] || set -- disk memory eda firmware
mkdir -p "$data"
for name in "$@"; do
    case $name in
    disk) file=disk.raw ;;
    memory) file=memory.raw ;;
    eda) file=eda.vcd ;;
    firmware) file=firmware.raw ;;
    *) die "unknown data set '$name'; there are: disk memory eda firmware" ;;
    esac
    [ ! -e "$data/$file" ] || continue
    work=$(mktemp -d "$data/.work-XXXXXX")
    trap 'rm -rf "$work"' EXIT
    start=$SECONDS
    echo "image: making $file"
    "make_$name" "$work"
    rm -rf "$work"
    echo "image: $file, $(stat -c %s "$data/$file") bytes, $(du -k "$data/$file" | cut -f1) KiB on disk, $((SECONDS - start)) s"
done
