#!/bin/bash
# Makes the days of a machine's disk that the bench of nightly snapshots runs on, from disk.raw
# (tools/image.sh), under target/data:
#
#   days/day01.raw        the disk with the packages of the plain release, laid out anew
#   days/day02.changes    what the day's changes wrote in place: `apt upgrade` to what the archive has today
#   days/day03.changes    and one night of use each until day 30: logs, a database, commits, a package
#   days/second.changes   what a second machine made of day 1: the same upgrade, and a night of its own
#   days-short/           3 days of use of half the system, without the upgrade and without network
#
#   tools/days.sh [--short]
#
# The image is mounted on a loop device and changed in a chroot. Where that cannot be done, it says
# why and ends with status 0 and no such folder. What is there is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/apt_transport.sh

data=$PWD/target/data
# With room for what the days bring.
form=days last=30 size=3G
[ "${1-}" != --short ] || form=days-short last=3 size=1536M
[ ! -e "$data/$form" ] || exit 0

skip() {
    echo "days: skipped: $*"
    exit 0
}

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || skip "a loop mount takes root, and there is no sudo without a password"
    as_root=(sudo)
fi
[ -e "$data/disk.raw" ] || { echo "days: there is no disk.raw; run: tools/image.sh disk" >&2; exit 1; }

work=$(mktemp -d "$data/.days-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/root" "$work/days" "$work/archives"
transport_options >"$work/apt.conf"

# in_image IMAGE COMMAND...: in a mount namespace of its own, so that nothing stays mounted.
in_image() {
    "${as_root[@]}" unshare --mount tools/days/in_image.sh "$1" "$work" "${@:2}" </dev/null >>"$work/log" 2>&1
}

must() {
    "$@" || { tail -n 30 "$work/log" >&2; echo "days: failed: $*" >&2; exit 1; }
}

cp --sparse=always "$data/disk.raw" "$work/today.raw"
in_image "$work/today.raw" true || skip "no loop mount here: $(tail -n 1 "$work/log")"

start=$SECONDS
if [ "$form" = days ]; then
    must in_image "$work/today.raw" tools/days/plain_release.sh
else
    must in_image "$work/today.raw" tools/days/slice.sh
fi
must in_image "$work/today.raw" tools/days/lay_out.sh "$work/days/day01.raw" "$size"
cp --sparse=always "$work/days/day01.raw" "$work/today.raw"
cp --sparse=always "$work/today.raw" "$work/yesterday.raw"
record() {
    python3 tools/day_changes.py record "$work/yesterday.raw" "$work/today.raw" "$work/days/$1.changes"
}
upgrade() {
    [ "$form" != days ] || must in_image "$work/today.raw" tools/days/upgrade.sh
}
use() {
    must in_image "$work/today.raw" tools/days/night.sh "$1" "$form"
}

# The number of a night that none of the others has.
upgrade
use $((last + 1))
record second
cp --sparse=always "$work/yesterday.raw" "$work/today.raw"
for number in $(seq 2 "$last"); do
    if [ "$form" = days ] && [ "$number" -eq 2 ]; then
        upgrade
    else
        use "$number"
    fi
    day=day$(printf %02d "$number")
    record "$day"
    python3 tools/day_changes.py apply "$work/days/$day.changes" "$work/yesterday.raw"
done
[ "${#as_root[@]}" -eq 0 ] || sudo chown -R "$(id -u)" "$work"
mv "$work/days" "$data/$form"
echo "days: $form, $last days, $(du -sm "$data/$form" | cut -f1) MiB on disk, $((SECONDS - start)) s"
