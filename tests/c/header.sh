#!/bin/sh
# The public header in every dialect and with every compiler that is here, free
# of warnings, and the pin file (proto.cpp) against it.
# Usage: header.sh INCLUDE_FOLDER
set -eu

include=$1
here=$(cd "$(dirname "$0")" && pwd)
strict="-Wall -Wextra -Wpedantic -Wundef -Werror -I$include"
compiled=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# try COMPILER LANGUAGE STANDARD: header.c runs, proto.cpp compiles.
try() {
    # A standard that this compiler does not know yet is no fault of the header.
    echo 'int x;' | "$1" -x "$2" "-std=$3" -fsyntax-only - 2>/dev/null || return 0
    # shellcheck disable=SC2086
    "$1" -x "$2" "-std=$3" $strict "$here/header.c" -o "$work/header" && "$work/header" || {
        echo "header.c fails with $1 -std=$3" >&2
        exit 1
    }
    if [ "$2" = c++ ]; then
        # shellcheck disable=SC2086
        "$1" "-std=$3" $strict -fsyntax-only "$here/proto.cpp" || {
            echo "proto.cpp does not compile with $1 -std=$3" >&2
            exit 1
        }
    fi
    compiled=$((compiled + 1))
}

for cc in gcc clang; do
    command -v "$cc" >/dev/null || continue
    for std in c99 c11 c17 c2x gnu99 gnu17; do
        try "$cc" c "$std"
    done
done
for cxx in g++ clang++; do
    command -v "$cxx" >/dev/null || continue
    for std in c++11 c++14 c++17 c++20 c++23 gnu++17; do
        try "$cxx" c++ "$std"
    done
done
if [ "$compiled" -lt 8 ]; then
    echo "only $compiled compilations: no compiler?" >&2
    exit 1
fi
