#!/bin/bash
# For the short form: a smaller system, without what no night uses.
set -euo pipefail
root=${root:?}
cd "$root"
rm -rf usr/lib/{llvm-*,modules,debug} usr/share/{locale,doc,man,vim} usr/bin/gdb boot/* \
    usr/lib/x86_64-linux-gnu/lib{LLVM,clang,z3}*
