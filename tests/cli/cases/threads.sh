# The same bytes whatever the number of threads, and whenever it is built.
for options in "" "--profile eda" "--profile embedded --cdc" "--cdc" "--profile ml"; do
    for threads in 1 2 3 8; do
        # shellcheck disable=SC2086
        hexz build "$T/disk" "t$threads" --memory "$T/memory" --quiet --overwrite \
            --threads "$threads" $options
        check "'$options' with $threads threads" cmp t1 "t$threads"
    done
    # shellcheck disable=SC2086
    hexz build "$T/disk" again --memory "$T/memory" --quiet --overwrite $options
    check "'$options' once more" cmp t1 again
    for threads in 1 2 3 8; do
        expect "'$options' verified with $threads threads" 0 '' hexz verify t1 --threads "$threads"
        expect "'$options' extracted with $threads threads" 0 '' \
            hexz extract t1 out --threads "$threads" --overwrite
        check "'$options': the same disk" cmp out "$T/disk"
    done
done
