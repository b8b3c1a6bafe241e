#!/usr/bin/env bash
# Tests the command line tool from the outside: HEXZ names the program. All data is made here, in a
# folder that is removed at the end. Each file in cases/ is one story, and names of cases as
# arguments run those alone.
set -u
shopt -s nullglob

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${HEXZ:?set HEXZ to the hexz program}"
HEXZ=$(realpath -e "$HEXZ") || exit 1
export HEXZ
export LC_ALL=C
umask 022

T=$(mktemp -d)
export T
mounted=()
cleanup() {
    local place
    for place in "${mounted[@]}"; do umount "$place"; done
    rm -rf "$T"
}
trap cleanup EXIT

. "$here/asserts.sh"
python3 "$here/data.py" "$T" || exit 1

if [ $# -gt 0 ]; then
    cases=("${@/#/$here/cases/}")
    cases=("${cases[@]/%/.sh}")
else
    cases=("$here"/cases/*.sh)
fi
for case_file in "${cases[@]}"; do
    echo "cli: $(basename "$case_file" .sh)"
    work=$T/work
    rm -rf "$work"
    mkdir "$work"
    cd "$work" || exit 1
    . "$case_file"
    cd "$T" || exit 1
done

echo "cli: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
