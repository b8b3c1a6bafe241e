#!/bin/bash
# Builds the tests of include/hexz.hpp and runs them: as C++17, and as C++20 with
# AddressSanitizer, leaks included, and UBSan. And around them: the header under every
# standard, mistakes that must not compile, a plugin, the ten lines of README, the EDA
# example, and a static program beside a zstd of its own. One line for each test; the
# last line counts them.
#
#   tests/cpp/run.sh [BEGINNING...]    all tests when no beginning of a name is given
#
#   HEXZ_LIBDIR   where libhexz.so and libhexz.a are      (target/release)
#   HEXZ_INCLUDE  where hexz.h and hexz.hpp are           (include)
#   HEXZ_CPP_OUT  where programs are built                (target/cpp-tests)
#   CXX           the compiler                            (g++)
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
libdir=$(realpath "${HEXZ_LIBDIR:-$root/target/release}")
include=$(realpath "${HEXZ_INCLUDE:-$root/include}")
out=$(realpath -m "${HEXZ_CPP_OUT:-$root/target/cpp-tests}")
cxx=${CXX:-g++}

strict=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wundef -Wold-style-cast
    -Wnon-virtual-dtor -Woverloaded-virtual -Werror "-I$include")
linked=(-L"$out/lib" "-Wl,-rpath,$out/lib" -lhexz -pthread)
passed=0
failed=0
only=("$@")

die() {
    echo "tests/cpp/run.sh: $*" >&2
    exit 1
}

wanted() {
    [ ${#only[@]} -eq 0 ] && return 0
    local beginning
    for beginning in "${only[@]}"; do
        [[ $1 == "$beginning"* ]] && return 0
    done
    return 1
}

# step NAME COMMAND...: counts the command as one test; what it said is shown if it fails.
step() {
    local name=$1 log=$out/$1.log status
    shift
    wanted "$name" || return 0
    "$@" >"$log" 2>&1
    status=$?
    if [ $status -eq 0 ]; then
        passed=$((passed + 1))
        printf 'C++: ok    %s\n' "$name"
        sed -n 's/^note: /C++:       /p' "$log"
    else
        failed=$((failed + 1))
        printf 'C++: FAIL  %s (exit %s)\n' "$name" "$status"
        head -n 60 "$log" | sed 's/^/C++:       /'
    fi
}

# --- the header ----------------------------------------------------------------------------------

knows() {
    echo 'int x;' | "$1" -x c++ "-std=$2" -fsyntax-only - 2>/dev/null
}

every_standard() {
    local compiler standard count=0
    for compiler in g++ clang++; do
        command -v "$compiler" >/dev/null || continue
        for standard in c++17 gnu++17 c++20 c++23 c++26; do
            knows "$compiler" "$standard" || continue
            echo "$compiler -std=$standard:"
            "$compiler" "-std=$standard" "${strict[@]}" -fsyntax-only "$here/ten_lines.cpp" || return 1
            "$compiler" "-std=$standard" "${strict[@]}" -fno-rtti -DCASE=0 -fsyntax-only "$here/refused.cpp" || return 1
            count=$((count + 1))
        done
    done
    echo "note: $count compilers and standards"
    [ $count -ge 3 ]
}

older_standard() {
    ! "$cxx" -std=c++14 "-I$include" -fsyntax-only "$here/ten_lines.cpp" 2>"$out/older.txt" &&
        grep -q 'error.*hexz.hpp needs C++17' "$out/older.txt"
}

mistakes() {
    local case count
    count=$(grep -c '^#elif CASE == ' "$here/refused.cpp")
    for ((case = 0; case <= count; case++)); do
        if "$cxx" -std=c++17 "${strict[@]}" "-DCASE=$case" -fsyntax-only "$here/refused.cpp" 2>"$out/case.txt"; then
            [ "$case" -eq 0 ] || { echo "case $case compiles" && return 1; }
        elif [ "$case" -eq 0 ] || grep -q 'no such case' "$out/case.txt"; then
            echo "case $case:"
            cat "$out/case.txt"
            return 1
        fi
    done
    echo "note: $count mistakes"
}

# --- the tests in C++ ----------------------------------------------------------------------------

# Most of the time goes to compiling, so that the files make up two translation units, which
# have the header both.
first_unit=(check build read handles options streams sinks)
second_unit=(callbacks cancel passwords threads thin pushed cxx20)

# compile MODE FLAGS...: the program $out/MODE/tests.
compile() {
    local mode=$1 unit
    shift
    mkdir -p "$out/$mode"
    printf '#include "%s.cpp"\n' "${first_unit[@]}" >"$out/$mode/first.cpp"
    printf '#include "%s.cpp"\n' "${second_unit[@]}" >"$out/$mode/second.cpp"
    for unit in first second; do
        echo "$out/$mode/$unit"
    done | xargs -P 2 -I{} "$cxx" "${strict[@]}" "-I$here" "$@" -c {}.cpp -o {}.o &&
        "$cxx" "$@" "$out/$mode/first.o" "$out/$mode/second.o" -o "$out/$mode/tests" "${linked[@]}"
}

# run_tests MODE FLAGS...: one line for each, and its numbers added to ours.
run_tests() {
    local mode=$1 log=$out/$1.txt word name line numbers
    if ! compile "$@" >"$log" 2>&1; then
        failed=$((failed + 1))
        echo "C++: FAIL  $mode does not compile"
        head -n 60 "$log" | sed 's/^/C++:       /'
        return
    fi
    ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1 \
        UBSAN_OPTIONS=print_stacktrace=1 \
        timeout -k 10 900 "$out/$mode/tests" "${only[@]}" >"$log" 2>&1
    local status=$?
    sed -nE "s/^(ok|FAIL) +/\\1 $mode /p" "$log" | while read -r word name line; do
        printf 'C++: %-5s %s %s\n' "$word" "$name" "$line"
    done
    # PASSED FAILED; missing when the program did not come to its end.
    numbers=$(grep -E '^[0-9]+ [0-9]+$' "$log" | tail -n 1)
    numbers=${numbers:-0 0}
    passed=$((passed + ${numbers%% *}))
    failed=$((failed + ${numbers##* }))
    # A crash, or a leak, which is found after the last test. With names given, a mode may have none of them.
    if [ "$status" -ne 0 ] && [ "${numbers##* }" = 0 ] && ! { [ ${#only[@]} -gt 0 ] && [ "$status" -eq 1 ]; }; then
        failed=$((failed + 1))
        echo "C++: FAIL  $mode ends with $status"
        grep -vE '^(ok|FAIL) ' "$log" | head -n 60 | sed 's/^/C++:       /'
    fi
}

# --- programs ------------------------------------------------------------------------------------

plugin() {
    "$cxx" -std=c++17 "${strict[@]}" -fvisibility=hidden -DPLUGIN -fPIC -shared "$here/plugin.cpp" \
        -o "$out/plugin.so" "${linked[@]}" &&
        "$cxx" -std=c++17 "${strict[@]}" -fvisibility=hidden "$here/plugin.cpp" -o "$out/plugin" "${linked[@]}" -ldl &&
        "$out/plugin" "$out/plugin.so"
}

# The code in the documents, wherever there is some, is what is compiled here.
documented() {
    local document found
    for document in "$root"/README.md "$root"/docs/*.md "$root"/bindings/*/README.md; do
        found=$(awk '/^```/ { inside = $0 == "```cpp"; next } inside' "$document")
        [[ $found == *hexz.hpp* ]] || continue
        diff - "$here/ten_lines.cpp" <<<"$found" || { echo "$document shows another program" && return 1; }
        echo "note: as in ${document#"$root"/}"
    done
}

ten_lines() {
    documented || return 1
    "$cxx" -std=c++17 "${strict[@]}" "$here/ten_lines.cpp" -o "$out/ten_lines" "${linked[@]}" || return 1
    mkdir "$work/ten" && cd "$work/ten" || return 1
    head -c 3000000 /dev/urandom >disk.img
    head -c 100000 disk.img >memory.dump
    "$out/ten_lines" && [ -s machine.hxz ] && ! "$out/ten_lines" 2>said && grep -q machine.hxz said
}

# A design of several files: a real netlist, a longer one made from it, one empty.
make_design() {
    mkdir -p "$work/design/sub folder" || return 1
    cp "$root/tools/eda/filter_bank.v" "$work/design/"
    : >"$work/design/empty"
    awk 'BEGIN { for (i = 0; i < 150000; i++) printf "  NAND2_X1 u%d (.A(n%d), .B(n%d), .Z(n%d));\n",
        i, i * 7 % 9973, i * 13 % 9973, i * 17 % 9973 }' >"$work/design/sub folder/netlist.v"
}

example() {
    "$cxx" -std=c++17 -O2 "${strict[@]}" "$root/c-examples/eda.cpp" -o "$out/eda" "${linked[@]}" || return 1
    mkdir "$work/checkpoint"
    "$out/eda" "$work/design" "$work/checkpoint/design.hxz" >"$work/eda.txt" || return 1
    grep -q '^800 random pieces came back' "$work/eda.txt" || { cat "$work/eda.txt" && return 1; }
    # Nothing but the snapshot stays, and a second one does not replace it.
    [ "$(ls -A "$work/checkpoint")" = design.hxz ] || return 1
    ! "$out/eda" "$work/design" "$work/checkpoint/design.hxz" >"$work/eda.txt" 2>&1 || return 1
    grep -q 'eda: .*design.hxz' "$work/eda.txt" && [ "$(ls -A "$work/checkpoint")" = design.hxz ]
}

example_interrupted() {
    [ -x "$out/eda" ] && mkdir -p "$work/interrupted" &&
        timeout 300 python3 "$here/interrupt.py" "$out/eda" "$work/design" "$work/interrupted/design.hxz"
}

"$root/tools/deps.sh" build test || die "what the tests need could not be installed"
for library in libhexz.so libhexz.a; do
    [ -f "$libdir/$library" ] || die "no $library in $libdir: cargo build --release, or set HEXZ_LIBDIR"
done
[ -f "$include/hexz.hpp" ] || die "no hexz.hpp in $include: set HEXZ_INCLUDE"

work=$(mktemp -d) || die "no temporary folder"
export TMPDIR=$work
trap 'rm -rf "$work"' EXIT

# The loader looks for the soname, which cargo does not make a file of.
mkdir -p "$out/lib"
ln -sfn "$libdir/libhexz.so" "$out/lib/libhexz.so"
ln -sfn "$libdir/libhexz.so" "$out/lib/libhexz.so.0"

step header_every_standard every_standard
step header_older_standard older_standard
step header_mistakes_do_not_compile mistakes
run_tests c++17 -std=c++17 -O0
run_tests c++20-asan -std=c++20 -O0 -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=undefined
step plugin_exceptions plugin
step readme_ten_lines ten_lines
make_design || die "no design to try the example with"
step example_eda example
step example_eda_interrupted example_interrupted
step static_beside_own_zstd env HEXZ_LIBDIR="$libdir" HEXZ_INCLUDE="$include" "$here/clash.sh" "$work/clash"

[ "$failed" -eq 0 ] || echo "C++: $failed tests failed"
echo "C++: $passed tests passed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
