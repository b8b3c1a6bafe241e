# What the cases assert with. Every call to one of these counts once, passed or failed.
passed=0
failed=0
skipped=0

pass() { passed=$((passed + 1)); }

fail() { # NAME [DETAIL]
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$1"
    [ $# -lt 2 ] || printf '%s\n' "$2" | sed 's/^/    /'
}

skip() { # REASON
    skipped=$((skipped + 1))
    printf 'skipped: %s\n' "$1"
}

# hexz with a guard against hanging, so that a source that blocks is a failure and not a wait.
hexz() { timeout -k 5 300 "$HEXZ" "$@"; }

check() { # NAME COMMAND...: the command succeeds
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then pass; else fail "$name" "status $?: $output"; fi
}

refuse() { # NAME COMMAND...: the command fails
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then fail "$name"; else pass; fi
}

# A status of the library's, as a test names it: what the tool says for it. Those that share an exit status
# and have no words of their own are told by the operand.
words_of() {
    case $1 in
    '(HEXZ_ERR_SOURCE)') echo ": source '" ;;
    '(HEXZ_ERR_OUTPUT)') echo ": output '" ;;
    '(HEXZ_ERR_EXISTS)') echo "already exists" ;;
    '(HEXZ_ERR_PASSWORD_REQUIRED)') echo "password" ;;
    '(HEXZ_ERR_INVALID_PASSWORD)') echo "password" ;;
    '(HEXZ_ERR_WRONG_PASSWORD)') echo "wrong password" ;;
    '(HEXZ_ERR_NOT_ENCRYPTED)') echo "is not encrypted" ;;
    '(HEXZ_ERR_NOT_SNAPSHOT)') echo "not a hexz snapshot" ;;
    '(HEXZ_ERR_CORRUPT)') echo "': damaged: " ;;
    '(HEXZ_ERR_UNKNOWN_PROFILE)') echo "unknown profile '" ;;
    '(HEXZ_ERR_CANCELLED)') echo "interrupted" ;;
    '('HEXZ_ERR_*')') echo ": " ;;
    *) printf '%s\n' "$1" ;;
    esac
}

# NAME STATUS TEXT COMMAND...: the exit status, and a text that standard error holds ('' for none
# at all). What was printed is left in $T/stdout and $T/stderr. No text speaks C.
expect() {
    local name=$1 status=$2 text got
    text=$(words_of "$3")
    shift 3
    "$@" >"$T/stdout" 2>"$T/stderr"
    got=$?
    if [ "$got" -ne "$status" ]; then
        fail "$name" "status $got, not $status: $(cat "$T/stderr")"
    elif [ -z "$text" ] && [ -s "$T/stderr" ]; then
        fail "$name" "said on standard error: $(cat "$T/stderr")"
    elif [ -n "$text" ] && ! grep -qF -- "$text" "$T/stderr"; then
        fail "$name" "'$text' is not in: $(cat "$T/stderr")"
    elif grep -qE 'HEXZ_|hexz_|opts\.|os error' "$T/stderr"; then
        fail "$name" "says it in C: $(cat "$T/stderr")"
    else
        pass
    fi
}

holds_only() { # FOLDER NAME...: these files, hidden ones counted, and nothing else
    local folder=$1 got want
    shift
    got=$(ls -A "$folder" | sort)
    want=$([ $# -eq 0 ] || printf '%s\n' "$@" | sort)
    if [ "$got" = "$want" ]; then pass; else fail "$folder holds only: $*" "it holds: $got"; fi
}

json() { # NAME FILE EXPRESSION: true of the parsed document, which is `d`
    check "$1" python3 -c 'import json, sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
assert eval("(" + sys.argv[2] + ")"), d' "$2" "$3"
}

size_of() { stat -c %s "$1"; }

# NAME A OPERATOR B: an integer comparison with both sides shown when it is false.
compare() {
    if [ "$2" "$3" "$4" ]; then pass; else fail "$1" "not $2 $3 $4"; fi
}

# COMMAND...: takes its lines 'ok NAME' and 'not ok NAME' as one assertion each; a program that dies or
# says nothing has failed.
tally() {
    local line lines=0 status
    while IFS= read -r line; do
        case $line in
        'ok '*) pass ;;
        'not ok '*) fail "${line#not ok }" ;;
        'skip '*) skip "${line#skip }" ;;
        *) fail "$1: says '$line'" ;;
        esac
        lines=$((lines + 1))
    done < <("$@" 2>&1; echo "$?" >"$T/tally-status")
    status=$(cat "$T/tally-status")
    [ "$status" -eq 0 ] && [ "$lines" -gt 0 ] || fail "$* ended with $status after $lines lines"
}
