#!/bin/bash
# Behind `make reproduce`: what `make install` installs is the same, byte for byte, when the same sources are built
# in a folder of another name and length, by a cargo whose own folder is elsewhere.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET

# build TREE NAME: builds there, and installs into $work/NAME.
build() {
    make --no-print-directory -s -C "$1" all
    make --no-print-directory -s -C "$1" install DESTDIR="$work/$2" PREFIX=/usr
}
other="$work/a folder of another name"
mkdir -p "$other" "$work/cargo home"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$other"
# The crates themselves are not downloaded again.
ln -s "$(realpath "${CARGO_HOME:-$HOME/.cargo}")/registry" "$work/cargo home/registry"

build . here
CARGO_HOME="$work/cargo home" build "$other" there
diff -r --no-dereference "$work/here" "$work/there"
echo "reproduce: $(find "$work/here" -type f | wc -l) files are the same, byte for byte"
