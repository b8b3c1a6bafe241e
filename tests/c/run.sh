#!/bin/bash
# Builds the C and C++ tests against the library and runs them: as they are,
# under valgrind, with AddressSanitizer and UBSan, and a few with TSan and
# against the static library. One line for each program and mode; the last
# line counts them.
#
#   tests/c/run.sh [PROGRAM...]        all programs when none is named
#
#   HEXZ_LIBDIR   where libhexz.so and libhexz.a are      (target/release)
#   HEXZ_INCLUDE  where hexz.h is                         (include)
#   HEXZ_C_MODES  which modes, of: plain valgrind asan tsan static  (all)
#   HEXZ_C_OUT    where programs are built                (target/c-tests)
#   HEXZ_C_JOBS   how many run at once                    (the CPUs there are)
#   HEXZ_SOAK     set: hostile_encrypted takes every byte and not every so many, and nomem fails every
#                 request for memory; the first takes hours
#   CC, CXX       the compilers                           (gcc, g++)
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
libdir=$(realpath "${HEXZ_LIBDIR:-$root/target/release}")
include=$(realpath "${HEXZ_INCLUDE:-$root/include}")
out=$(realpath -m "${HEXZ_C_OUT:-$root/target/c-tests}")
modes=${HEXZ_C_MODES:-plain valgrind asan tsan static}
cc=${CC:-gcc}
cxx=${CXX:-g++}

# The programs, each one story. The scripts and two.cpp come after them.
programs=(version nulls structs flags profiles lasterror errors outputs changing full later thin lean parents pull streams
    qcow2 roundtrip same verify progress cancel threads guest hostile dlopen fault killed nomem
    password encrypted rekey rekey_torn secrets hostile_encrypted storage sink push push_calls push_fault)
# fault, push_fault, killed and nomem stand in front of the C library, which valgrind and the sanitizers do
# too; secrets looks through all memory, theirs included; hostile_encrypted makes
# a key from a password each time.
plain_only=" fault push_fault killed nomem secrets hostile_encrypted "
# TSan sees this code, not the library's: it finds callbacks and results that
# come on a wrong thread or unordered. What these share, threads share.
tsan_programs=" lasterror cancel threads progress password storage sink pull streams push push_calls "
# The static library is the same code; that it links and works is what is new.
static_programs=" version nulls profiles same verify threads password "
# What rustc --print native-static-libs names for it.
static_libs=(-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc)

strict=(-std=c99 -Wall -Wextra -Wpedantic -Werror -g "-I$include")
# Seconds.
limit=1800
[ -z "${HEXZ_SOAK:-}" ] || limit=86400
passed=0
failed=0
failures=()

die() {
    echo "tests/c/run.sh: $*" >&2
    exit 1
}

# report MODE NAME STATUS LOG: one line, and what was said, the rest of which is in LOG.
report() {
    if [ "$3" -eq 0 ]; then
        passed=$((passed + 1))
        printf 'c: ok    %-9s %s\n' "$1" "$2"
    else
        failed=$((failed + 1))
        printf 'c: FAIL  %-9s %s (exit %s)\n' "$1" "$2" "$3"
        failures+=("$1 $2 $4")
    fi
    # A test that passes may have something to say too: what it could not try.
    head -n 60 "$4" | sed 's/^/c:         /'
}

wanted() {
    [ ${#only[@]} -eq 0 ] && return 0
    local name
    for name in "${only[@]}"; do
        [ "$name" = "$1" ] && return 0
    done
    return 1
}

# A mode's compiler flags.
flags_of() {
    case $1 in
    plain | valgrind) echo -O1 ;;
    static) echo -O2 ;;
    asan) echo -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined ;;
    tsan) echo -O1 -fno-omit-frame-pointer -fsanitize=thread ;;
    esac
}

# build MODE NAME: the program as $out/MODE/NAME.
build() {
    local mode=$1 name=$2 sources=("$here/$2.c") libs=(-L"$out/lib" "-Wl,-rpath,$out/lib" -lhexz)
    [ "$name" = dlopen ] && libs=(-ldl)
    [ "$name" != dlopen ] && sources+=("$here/fixture.c" "$here/passwords.c")
    [[ $name == hostile* ]] && sources+=("$here/damage.c")
    [[ $name == storage || $name == sink || $name == parents ]] && sources+=("$here/hosted.c")
    [[ $name == rekey* ]] && sources+=("$here/rekeyed.c")
    [ "$name" = push ] && sources+=("$here/pushed.c")
    [ "$name" = push_calls ] && sources+=("$here/hosted.c")
    [ "$mode" = static ] && libs=("$libdir/libhexz.a" "${static_libs[@]}")
    # Dynamic, so that the library finds the shim's functions before the C library's.
    [[ $name == fault || $name == push_fault || $name == killed ]] && sources+=("$here/fault_shim.c") && libs+=(-rdynamic)
    [ "$name" = nomem ] && sources+=("$here/nomem_shim.c") && libs+=(-rdynamic)
    mkdir -p "$out/$mode"
    # shellcheck disable=SC2046
    "$cc" "${strict[@]}" $(flags_of "$mode") "${sources[@]}" -o "$out/$mode/$name" "${libs[@]}" -pthread
}

# run MODE NAME: within a time that nothing that works comes near.
run() {
    local mode=$1 program=$out/$1/$2 arguments=() command=(timeout -k 10 "$limit")
    [ "$2" = dlopen ] && arguments=("$out/lib/libhexz.so.0")
    [ "$2" = thin ] && arguments=("$root/tests/decoder/golden")
    case $mode in
    valgrind)
        command+=(valgrind --quiet --error-exitcode=97 --leak-check=full --num-callers=30
            --show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect)
        ;;
    tsan) command+=("${tsan_prefix[@]}") ;;
    esac
    if [ "$mode" != plain ] && [ "$mode" != static ]; then
        export HEXZ_TEST_SMALL=1
    else
        unset HEXZ_TEST_SMALL
    fi
    # Race detection needs to see both sides; ours alone has to be told so, or
    # it takes each memcpy of the library for a race.
    ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 \
        UBSAN_OPTIONS=print_stacktrace=1 \
        TSAN_OPTIONS=ignore_noninstrumented_modules=1:halt_on_error=0 \
        "${command[@]}" "$program" "${arguments[@]}"
}

# TSan of older compilers does not start where the kernel randomises addresses
# widely; without the randomisation it does.
tsan_prefix=()
tsan_works() {
    local probe=$out/tsan-probe
    echo 'int main(void) { return 0; }' >"$probe.c"
    "$cc" -fsanitize=thread "$probe.c" -o "$probe" 2>/dev/null || return 1
    "$probe" >/dev/null 2>&1 && return 0
    tsan_prefix=(setarch "$(uname -m)" -R)
    "${tsan_prefix[@]}" "$probe" >/dev/null 2>&1
}

# step MODE NAME COMMAND...: counts the command as one test.
step() {
    local mode=$1 name=$2 log=$out/$1-$2.log status
    shift 2
    wanted "$name" || return 0
    "$@" >"$log" 2>&1
    status=$?
    report "$mode" "$name" "$status" "$log"
}

# Programs that run, by process: their modes and names.
declare -A running=()
jobs_max=${HEXZ_C_JOBS:-$(nproc)}

build_and_run() {
    local status
    build "$1" "$2" && run "$1" "$2"
    status=$?
    # User and system time: the second line is that of what ran.
    times >"$out/$1-$2.cpu"
    return $status
}

# start MODE NAME: the program as one test, beside others. None of them looks at a clock.
start() {
    [ ${#running[@]} -lt "$jobs_max" ] || finish_one
    build_and_run "$1" "$2" >"$out/$1-$2.log" 2>&1 &
    running[$!]="$1 $2"
}

# finish_one: waits for the first that ends, and reports it.
finish_one() {
    local pid status mode name
    wait -n -p pid "${!running[@]}"
    status=$?
    read -r mode name <<<"${running[$pid]}"
    unset "running[$pid]"
    report "$mode" "$name" "$status" "$out/$mode-$name.log"
}

two_units() {
    local flags=(-std=c++11 -Wall -Wextra -Wpedantic -Werror "-I$include")
    "$cxx" "${flags[@]}" -c "$here/two.cpp" -o "$out/two.o" &&
        "$cxx" "${flags[@]}" -DSECOND -c "$here/two.cpp" -o "$out/two-second.o" &&
        "$cxx" "$out/two.o" "$out/two-second.o" -o "$out/two" -L"$out/lib" "-Wl,-rpath,$out/lib" -lhexz &&
        "$out/two"
}

only=("$@")
for name in "${only[@]}"; do
    case " ${programs[*]} symbols header two " in
    *" $name "*) ;;
    *) die "no test is called '$name'; there are: ${programs[*]} symbols header two" ;;
    esac
done
"$root/tools/deps.sh" build test || die "what the tests need could not be installed"
[ -f "$libdir/libhexz.so" ] || die "no libhexz.so in $libdir: cargo build --release, or set HEXZ_LIBDIR"
[ -f "$include/hexz.h" ] || die "no hexz.h in $include: set HEXZ_INCLUDE"

# Programs clean up after themselves; one that crashed cannot.
TMPDIR=$(mktemp -d) || die "no temporary folder"
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# The loader looks for the soname, which cargo does not make a file of.
mkdir -p "$out/lib"
ln -sfn "$libdir/libhexz.so" "$out/lib/libhexz.so"
ln -sfn "$libdir/libhexz.so" "$out/lib/libhexz.so.0"

step plain symbols "$here/symbols.sh" "$libdir/libhexz.so" "$here/symbols.txt"
step plain header "$here/header.sh" "$include"
step plain two two_units

for mode in $modes; do
    case $mode in
    plain | valgrind | asan) list=" ${programs[*]} " ;;
    tsan) list=$tsan_programs ;;
    static) list=$static_programs ;;
    *) die "no mode is called '$mode'; there are: plain valgrind asan tsan static" ;;
    esac
    if [ "$mode" = tsan ] && ! tsan_works; then
        echo "c: skipped: tsan (this compiler's TSan does not start here)"
        continue
    fi
    [ "$mode" != static ] || [ -f "$libdir/libhexz.a" ] || die "no libhexz.a in $libdir"
    for name in "${programs[@]}"; do
        [[ $list == *" $name "* ]] && wanted "$name" || continue
        [[ $mode != plain && $plain_only == *" $name "* ]] && continue
        start "$mode" "$name"
    done
done
while [ ${#running[@]} -gt 0 ]; do
    finish_one
done

# Once more where it is seen: who keeps only the end of what was said has to find it.
for failure in "${failures[@]}"; do
    read -r mode name log <<<"$failure"
    echo "c: failed: $mode $name, the last that it said:"
    tail -n 15 "$log" | sed 's/^/c:         /'
done
echo "c: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
