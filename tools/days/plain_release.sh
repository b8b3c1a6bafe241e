#!/bin/bash
# Every package back to the version of the plain release, without its updates: what the next
# day's upgrade is for.
set -euo pipefail
. tools/days/apt.sh

suite=$(cat "$root"/etc/apt/sources.list.d/*.list | awk '$1 == "deb" { for (i = 2; i < NF; i++) if ($i ~ /:\//) print $(i + 1) }' |
    sort -u | awk '{ print length, $0 }' | sort -n | awk 'NR == 1 { print $2 }')
for key in n a; do
    printf 'Package: *\nPin: release %s=%s\nPin-Priority: 1001\n\n' "$key" "$suite"
done >"$root/etc/apt/preferences.d/plain-release"
apt_get update
apt_get --allow-downgrades --no-install-recommends dist-upgrade
# The kernel that the older one's package has no version of.
mapfile -t kernels < <(chroot "$root" dpkg-query -W -f '${Package}\n' 'linux-image-[0-9]*' | sort -V)
if [ "${#kernels[@]}" -gt 1 ]; then
    apt_get purge "${kernels[-1]}"
fi
