#!/bin/bash
# Damaged images: no panic, no endless loop, bounded memory, and never other bytes than
# qemu-img reads where it reads any.
#
#   tests/qcow2/mutations.sh [COUNT] [FIRST]    by default 20000, from number 0
#
# A mutation is known by its number: what fails is repeated with COUNT 1 and its number.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
export PYTHONDONTWRITEBYTECODE=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$here/seeds.py" "$work"
HEXZ_QCOW2_SEEDS=$work HEXZ_MUTATIONS=${1:-20000} HEXZ_MUTATIONS_FROM=${2:-0} \
    "${CARGO:-cargo}" test --quiet --locked ${PROFILE:+--profile "$PROFILE"} \
    --test qcow2_mutations -- --ignored --nocapture
