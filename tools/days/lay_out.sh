#!/bin/bash
# The image's files in a new file system, OUTPUT, of the same size: nothing is left of what was before.
#
#   lay_out.sh OUTPUT
set -euo pipefail
root=${root:?}
umount "$root/var/cache/apt/archives" "$root/run" "$root/tmp" "$root/proc"
umount --recursive "$root/dev"
size=$(blockdev --getsize64 "$(findmnt --noheadings --output SOURCE --target "$root")")
mke2fs -q -t ext4 -L root -E lazy_itable_init=0,lazy_journal_init=0 -d "$root" "$1" "$((size / 1024))k"
