#!/bin/bash
# Installs Zig from PyPI below target/, unless it is there, and prints the path of the program.
#
#   HEXZ_ZIG_OUT  where it is                             (target/zig)
#   PYTHON        what makes the virtual environment      (/usr/bin/python3)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${HEXZ_ZIG_OUT:-$here/../../target/zig}")

# The stamp is the requirements themselves: another version makes the environment anew.
if ! cmp -s "$here/requirements.txt" "$out/venv/requirements.txt"; then
    "$here/../../tools/deps.sh" test >&2
    echo "zig: installing $(grep -v '^#' "$here/requirements.txt")" >&2
    rm -rf "$out/venv"
    mkdir -p "$out"
    "${PYTHON:-/usr/bin/python3}" -m venv "$out/venv"
    "$out/venv/bin/pip" --quiet --disable-pip-version-check install -r "$here/requirements.txt" </dev/null >&2
    ln -sfn "$("$out/venv/bin/python" -c 'import os, ziglang; print(os.path.dirname(ziglang.__file__))')/zig" "$out/zig"
    cp "$here/requirements.txt" "$out/venv/requirements.txt"
fi
echo "$out/zig"
