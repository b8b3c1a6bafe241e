#!/bin/bash
# Looks for keys in the memory of a process that has worked with encrypted snapshots (check.py says how).
#
#   tests/memory/run.sh [SCENARIO...]      all scenarios of host.c when none is named
#
#   HEXZ_LIBDIR   where libhexz.so is      (target/release)
#   PYTHON        an interpreter that has tests/decoder/requirements.txt
#   CC            the compiler             (gcc)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
libdir=$(realpath "${HEXZ_LIBDIR:-$root/target/release}")
python=${PYTHON:-$root/target/venv/bin/python}
[ -n "${PYTHON:-}" ] || [ -x "$python" ] || python=python3

# A process may look into its child unless the system forbids it to all but root (or to root too).
scope=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)
if [ "$scope" -ge 3 ] || { [ "$scope" -eq 2 ] && [ "$(id -u)" -ne 0 ]; }; then
    echo "memory: skipped (kernel.yama.ptrace_scope is $scope: nobody may look into another process)"
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/lib"
ln -s "$libdir/libhexz.so" "$work/lib/libhexz.so"
ln -s "$libdir/libhexz.so" "$work/lib/libhexz.so.0"
cc=("${CC:-gcc}" -std=c99 -Wall -Wextra -Wpedantic -Werror -O2 -g)
"${cc[@]}" "$here/scan.c" -o "$work/scan"
"${cc[@]}" "-I$root/include" "$here/host.c" "$root/tests/c/fixture.c" "$root/tests/c/passwords.c" \
    -o "$work/host" -rdynamic -L"$work/lib" "-Wl,-rpath,$work/lib" -lhexz -pthread
export TMPDIR=$work PYTHONDONTWRITEBYTECODE=1
PYTHONPATH=$root/tests/decoder "$python" "$here/check.py" "$work" "$@"
