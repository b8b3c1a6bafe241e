#!/bin/bash
# Builds snapshots of many small inputs with the command line tool, and reads and checks
# them with the decoder that was written from docs/FORMAT.md alone. Damage must be found.
#
#   HEXZ    the tool, by default target/hexz
#   PYTHON  an interpreter that has requirements.txt, by default that of target/venv if
#           there is one, else python3
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

python=${PYTHON:-$root/target/venv/bin/python}
[ -n "${PYTHON:-}" ] || [ -x "$python" ] || python=python3
HEXZ=$(realpath -e "${HEXZ:-$root/target/hexz}")
export HEXZ
export PYTHONDONTWRITEBYTECODE=1

"$python" -c 'import blake3, cryptography, google_crc32c, lz4.block, zstandard' || {
    echo "decoder: $python lacks what $here/requirements.txt names: pip install -r" >&2
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" "$here/check.py" "$work"
