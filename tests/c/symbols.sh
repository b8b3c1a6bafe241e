#!/bin/sh
# The shared library exports the public functions and nothing else, says who it
# is, stays loaded, and asks for nothing that a hardened host refuses.
# Usage: symbols.sh LIBRARY LIST
set -eu

library=$1
list=$2
failed=0

fail() {
    echo "$library: $1" >&2
    failed=1
}

# Defined, dynamic, visible: type and version are of no concern.
exported=$(readelf --dyn-syms --wide "$library" |
    awk '$7 != "UND" && $5 != "LOCAL" && NF >= 8 && $1 ~ /^[0-9]+:$/ { sub(/@.*/, "", $8); print $8 }' | LC_ALL=C sort)
if [ "$exported" != "$(LC_ALL=C sort "$list")" ]; then
    fail "exported symbols are not those of $list:"
    echo "$exported" | diff "$list" - >&2 || true
fi

dynamic=$(readelf --dynamic --wide "$library")
echo "$dynamic" | grep -q 'SONAME.*\[libhexz\.so\.0\]' || fail "soname is not libhexz.so.0"
echo "$dynamic" | grep -q 'FLAGS_1.*NODELETE' || fail "not linked with -z nodelete"
if echo "$dynamic" | grep -q 'TEXTREL'; then
    fail "has text relocations"
fi
if echo "$dynamic" | grep -Eq 'RPATH|RUNPATH'; then
    fail "carries a search path"
fi

stack=$(readelf --program-headers --wide "$library" | grep GNU_STACK || true)
[ -n "$stack" ] || fail "says nothing about its stack"
if echo "$stack" | grep -q 'RWE'; then
    fail "asks for an executable stack"
fi

exit "$failed"
