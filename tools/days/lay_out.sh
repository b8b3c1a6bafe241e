#!/bin/bash
# The image's files in a new file system, OUTPUT, of SIZE: nothing is left of what was before.
#
#   lay_out.sh OUTPUT SIZE
set -euo pipefail
root=${root:?}
umount "$root/var/cache/apt/archives" "$root/run" "$root/tmp" "$root/proc"
umount --recursive "$root/dev"
mke2fs -q -t ext4 -L root -E lazy_itable_init=0,lazy_journal_init=0 -d "$root" "$1" "$2"
