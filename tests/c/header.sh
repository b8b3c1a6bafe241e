#!/bin/sh
# The public header in every dialect and with every compiler that is here, free
# of warnings, and the pin file (proto.cpp) against it. Where the header that the
# project was given lies beside it (../shared), the two declare the same.
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

# declarations FOLDER: constants, types and functions of its hexz.h, one a line, without comments.
declarations() {
    for define in '' -dM; do
        echo '#include <hexz.h>' |
            "${CC:-gcc}" -x c -E -P $define -nostdinc "-I$work/empty" "-I$1" - | grep -v '^#define _' |
            if [ -n "$define" ]; then grep HEXZ_; else
                # A declaration ends with a semicolon that is in no braces.
                tr -s ' \n\t' '   ' | sed 's/[;{}]/&\n/g' | awk '{
                    line = line $0
                    depth += /{$/ - /}$/
                    if (/;$/ && depth == 0) {
                        gsub(/[*(),;{}]/, " & ", line)
                        gsub(/ +/, " ", line)
                        gsub(/^ | $/, "", line)
                        print line
                        line = ""
                    }
                }'
            fi
    done | LC_ALL=C sort
}

given=$here/../../../shared/api
if [ -f "$given/hexz.h" ]; then
    mkdir "$work/empty"
    touch "$work/empty/stddef.h" "$work/empty/stdint.h"
    declarations "$given" >"$work/given"
    declarations "$include" >"$work/ours"
    [ "$(wc -l <"$work/given")" -gt 100 ] || {
        echo "only $(wc -l <"$work/given") declarations were found in $given/hexz.h" >&2
        exit 1
    }
    diff "$work/given" "$work/ours" >&2 || {
        echo "hexz.h does not declare what $given/hexz.h does" >&2
        exit 1
    }
    "${CXX:-g++}" -std=c++11 -Wall -Werror -fsyntax-only "-I$given" "$here/proto.cpp"
fi
