# The command line: help, versions, and what is refused before any file is touched.
expect "no command" 2 'usage: hexz' hexz
expect "help" 0 '' hexz --help
check "help tells the exit statuses" grep -q 'exit status' "$T/stdout"
expect "version" 0 '' hexz --version
check "version has a number" grep -qE '^hexz [0-9]+\.[0-9]+\.[0-9]+ \(libhexz [0-9.]+\)$' "$T/stdout"
for command in build convert info verify extract cat extents rekey profiles help version; do
    expect "$command --help" 0 '' hexz "$command" --help
    check "$command --help tells its usage" grep -q "^usage: hexz $command" "$T/stdout"
    expect "$command: an unknown option" 2 "unknown" hexz "$command" --no-such-option
    case $command in
    profiles | version) expect "$command: an operand" 2 "no operand such as 'a'" hexz "$command" a b c ;;
    *) expect "$command: too many operands" 2 "was given 3" hexz "$command" a b c ;;
    esac
    expect "$command: an unknown letter" 2 "'-Z'" hexz "$command" -Z
done
expect "an unknown command" 2 "'frobnicate'" hexz frobnicate
expect "an unknown option" 2 "'--frobnicate'" hexz --frobnicate
expect "an operand is missing" 2 "SOURCE OUTPUT" hexz build "$T/disk"
expect "a value is missing" 2 "needs a value" hexz build "$T/disk" x --profile
expect "a value too many" 2 "takes no value" hexz build "$T/disk" x --cdc=yes

for size in '' ' 1K' 0x10 -1 +1 K KiB .5M 1. 1.K 1..5M 1.5.5M 1,5M 1Ki 1KiBB 1KBB 1Z 1BB 1BK '1 K' 1K1 \
    1e3 1.5 1.0001K 0.1KiB 1.0000000000000000001K 16E 16.0EiB 15.9999999999999999999E 18447PB 18.446744073709551616EB \
    16777216T 18446744073709551616 99999999999999999999999999K; do
    expect "memory limit '$size'" 2 "'$size' is not a size" \
        hexz build "$T/disk" x --memory-limit "$size"
done
for size in 4G 4294967296 1T; do
    expect "block size '$size'" 2 "'$size' is not less than 4G" \
        hexz build "$T/disk" x --block-size "$size"
done
for count in '' 1K -1 4294967296 two; do
    expect "threads '$count'" 2 "'$count' is not a count" hexz verify x --threads "$count"
done
for level in '' - 3x 2147483648 -2147483648 --3; do
    expect "level '$level'" 2 "'$level' is not a whole number" \
        hexz build "$T/disk" x --level "$level"
done
expect "an unknown compression" 2 "'gzip'" hexz build "$T/disk" x --compression gzip
expect "an unknown format" 2 "'vmdk'" hexz build "$T/disk" x --format vmdk
expect "chunk sizes without cdc" 2 "without --cdc" hexz build "$T/disk" x --cdc-avg 32K
holds_only .

expect "an option behind the operands" 0 '' hexz build "$T/one" x --quiet
mkdir -- -dash
expect "a name with a dash" 0 '' hexz build --quiet -- "$T/one" -dash/x
check "it was made" hexz verify -- -dash/x

# SIZE BYTES: cat reads as much
while read -r size bytes; do
    check "size $size is $bytes" test "$(hexz cat sized.hxz --length "$size" | wc -c)" -eq "$bytes"
done < <(
    truncate -s 4M sized
    hexz build sized sized.hxz --quiet
    cat <<'SIZES'
0 0
7 7
7B 7
64K 65536
64k 65536
64KiB 65536
64kib 65536
64KB 64000
64kb 64000
1.5M 1572864
1.5MiB 1572864
1.5MB 1500000
0.5K 512
0.000001MB 1
0.25kB 250
0.0009765625K 1
0002K 2048
1.000K 1024
0.00390625G 4194304
0.000001TB 1000000
0.000000001PB 1000000
0.000000000001EB 1000000
SIZES
)
for size in 1GiB 10MB 1T 1P 15E 18.446744073709551615EB 15.99609375EiB 18446744073709551615; do
    expect "size $size is one, and too much" 1 "ends at byte" hexz cat sized.hxz --length "$size"
done
