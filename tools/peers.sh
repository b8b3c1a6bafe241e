#!/bin/bash
# Gets the peers that the bench of nightly snapshots runs beside hexz: Debian's restic and borgbackup,
# and target/peers/bin/hexz, the program of hexz-cli 0.8.2 from crates.io, which takes minutes, once.
# Says why what cannot be had cannot, with status 0: the bench then goes on without it.
#
#   tools/peers.sh [--short]     with --short only what is quick
set -euo pipefail
cd "$(dirname "$0")/.."

tools/deps.sh peers || echo "peers: skipped: packages that could not be installed, see above"
[ "${1-}" != --short ] && [ ! -x target/peers/bin/hexz ] || exit 0
mkdir -p target/peers
echo "peers: building hexz-cli 0.8.2"
cargo install --quiet hexz-cli --version 0.8.2 --locked --root target/peers --target-dir target/peers/build \
    >target/peers/log 2>&1 </dev/null ||
    echo "peers: skipped: hexz-cli 0.8.2 could not be built: $(grep -a -m 1 '^error' target/peers/log || tail -n 1 target/peers/log)"
rm -rf target/peers/build
