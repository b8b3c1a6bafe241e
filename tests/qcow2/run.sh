#!/bin/bash
# Images as qemu-img and qemu-io make them, through the C API into snapshots, compared
# byte for byte to what qemu-img reads, and the crate imago where it can; and images that
# must be refused.
#
#   tests/qcow2/run.sh [PART]...   only what has all these in its name
#
#   HEXZ_LIB  the shared library, by default target/release/libhexz.so
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

HEXZ_LIB=$(realpath -e "${HEXZ_LIB:-$root/target/release/libhexz.so}")
export HEXZ_LIB
export PYTHONDONTWRITEBYTECODE=1
export LC_ALL=C

for program in qemu-img qemu-io; do
    command -v $program >/dev/null || {
        echo "qcow2: $program is missing; install qemu-utils" >&2
        exit 1
    }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$here/check.py" "$work" "$@"
