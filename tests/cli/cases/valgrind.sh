# The tool's own C under valgrind: reads and writes within bounds, nothing used before it is set. What the library
# does is looked at by tests/c.
if ! command -v valgrind >/dev/null; then
    skip "valgrind is not installed"
else
    # NAME STATUS TEXT STDIN COMMAND...
    clean() {
        local name=$1 status=$2 text=$3 input=$4
        shift 4
        expect "valgrind: $name" "$status" "$text" \
            timeout 300 valgrind -q --log-file=valgrind.log --error-exitcode=99 --leak-check=no "$HEXZ" "$@" <"$input"
    }
    kdf="--kdf-memory 1M --kdf-passes 1 --kdf-lanes 1 --threads 1"
    printf 'word\r\n' >word
    clean "help" 0 '' /dev/null help
    clean "tables" 0 '' /dev/null help --json
    for word in '' biuld x "$(head -c 5000 /dev/zero | tr '\0' b)" $'\xff\n' help---; do
        clean "command '${word:0:9}'" 2 "unknown command" /dev/null "$word"
    done
    for word in --overwite --kdf -overwrite -Z "--$(head -c 5000 /dev/zero | tr '\0' b)" --=x; do
        clean "option '${word:0:9}'" 2 "option" /dev/null build a b "$word"
    done
    for size in 0.0000000000000000001K '' . 1. 99999999999999999999; do
        clean "size '$size'" 2 "is not a size" /dev/null cat a.hxz --length "$size"
    done
    # shellcheck disable=SC2086
    clean "build" 0 '' /dev/null build "$T/small" a.hxz --encrypt --password-file word $kdf --json
    clean "a wrong name" 1 "source '" /dev/null build gone HEXZ_BUILD_CDC.hxz
    clean "an old output" 1 "set --overwrite" /dev/null build "$T/one" a.hxz
    clean "info" 0 '' /dev/null info a.hxz --json --password-file word
    clean "verify" 0 '' /dev/null verify a.hxz --json --password-file word
    cat "$T/small" >pipe
    # shellcheck disable=SC2086
    clean "from standard input" 0 '' pipe build - b.hxz --quiet --threads 1
    expect "valgrind: from a pipe" 0 '' bash -c 'cat "$T/holes" | valgrind -q --log-file=valgrind.log --error-exitcode=99 "$HEXZ" build - c.hxz -q --threads 1'
    check "what was read" cmp "$T/holes" <(hexz cat c.hxz)
    clean "to standard output" 0 '' /dev/null build "$T/small" - -q --threads 1
    clean "extract to standard output" 0 '' b.hxz extract - - -q
    check "what was written" cmp "$T/small" "$T/stdout"
    clean "progress" 0 'packing' /dev/null build "$T/small" p.hxz --progress --threads 1
fi
