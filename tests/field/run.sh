#!/usr/bin/env bash
# What failed on somebody's machine: file systems, sources and hosts as they are met in the field.
# Each file in cases/ is one story. It takes the tool, in a folder of its own, as users meet it, and a
# case that needs what this machine lacks skips with its reason.
#
#   tests/field/run.sh [CASE]...
#
#   HEXZ      the tool, by default target/hexz
#   HEXZ_LIB  the shared library, by default target/release/libhexz.so
set -u
shopt -s nullglob

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
HEXZ=$(realpath -e "${HEXZ:-$root/target/hexz}") || exit 1
HEXZ_LIB=$(realpath -e "${HEXZ_LIB:-$root/target/release/libhexz.so}") || exit 1
export HEXZ HEXZ_LIB here root
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1
umask 022

T=$(mktemp -d)
export T
chmod 755 "$T"
mounted=() # places that a case mounted; unmounted at the end
unmount_all() {
    local place
    for place in "${mounted[@]}"; do umount "$place"; done
    mounted=()
}
trap 'unmount_all; rm -rf "$T"' EXIT

. "$root/tests/cli/asserts.sh"

if [ $# -gt 0 ]; then
    cases=("${@/#/$here/cases/}")
    cases=("${cases[@]/%/.sh}")
else
    cases=("$here"/cases/*.sh)
fi
for case_file in "${cases[@]}"; do
    echo "field: $(basename "$case_file" .sh)"
    work=$T/work
    mkdir "$work"
    cd "$work" || exit 1
    . "$case_file"
    cd "$T" || exit 1
    unmount_all
    rm -rf "$work"
done

echo "field: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
