#!/bin/bash
# Within `unshare --mount`: mounts IMAGE at WORK/root as a system and runs COMMAND with it.
#
#   in_image.sh IMAGE WORK COMMAND...
#
# The packages that apt fetches stay outside the image, in WORK/archives.
set -euo pipefail
image=$1 work=$2
shift 2
root=$work/root

mount -o loop "$image" "$root"
# Without it the loop device would be let go of some time after the namespace.
trap 'umount --recursive "$root"' EXIT
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$work/archives/partial" "$root/var/cache/apt/archives"
mount --bind "$work/archives" "$root/var/cache/apt/archives"
export root work LC_ALL=C DEBIAN_FRONTEND=noninteractive
"$@"
sync
