#!/bin/bash
# Hook of mmdebstrap: turns the installed root into a bootable ext4 image.
#
#   finish.sh ROOT GUEST_FILES WORK SIZE
set -euo pipefail
root=$1 guest=$2 work=$3 size=$4

install -m 755 "$guest/workload" "$root/usr/local/sbin/workload"
install -m 644 "$guest/workload.service" "$root/etc/systemd/system/workload.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../workload.service "$root/etc/systemd/system/multi-user.target.wants/workload.service"
echo hexz-guest >"$root/etc/hostname"
echo '/dev/vda / ext4 defaults 0 0' >"$root/etc/fstab"
: >"$root/etc/machine-id"

# What only the installation needed.
rm -f "$root/etc/apt/apt.conf.d/99mmdebstrap" "$root/var/cache/apt/"*.bin
rm -f "$root/var/cache/apt/archives/"*.deb
rm -rf "$root/var/lib/apt/lists/"*

cp "$root/vmlinuz" "$work/vmlinuz"
cp "$root/initrd.img" "$work/initrd"

# The bind mount leaves out what is mounted below the root (/proc, /sys, /dev).
mkdir "$work/root"
mount --bind "$root" "$work/root"
trap 'umount "$work/root"' EXIT
mke2fs -q -t ext4 -L root -E lazy_itable_init=0,lazy_journal_init=0 \
    -d "$work/root" "$work/disk.raw" "$size"
