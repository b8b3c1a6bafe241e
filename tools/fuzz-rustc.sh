#!/bin/sh
# Stands before rustc when tools/fuzz.sh builds: the library gets libFuzzer's coverage and traced
# compares. Other crates do not, so that they are those of other builds, and what is explored
# is the library and not how its bytes are checked. Cargo does not see a change of these flags:
# remove target/fuzz/build after one.
case " $* " in
*' --crate-name hexz '*)
    set -- "$@" -Cpasses=sancov-module
    for flag in level=4 inline-8bit-counters pc-table trace-compares; do
        set -- "$@" "-Cllvm-args=-sanitizer-coverage-$flag"
    done
    ;;
esac
exec "$@"
