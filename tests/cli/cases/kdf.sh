# What a password may cost whoever opens the file, and a change of it that is interrupted.
printf 'one\n' >one
printf 'two\n' >two
hexz build "$T/one" a.hxz -q --encrypt --password-file one --kdf-memory 2M --kdf-passes 1 --kdf-lanes 1
for command in info verify cat extents "rekey"; do
    target=()
    [ "$command" != rekey ] || target=(remove)
    expect "$command: more than is allowed" 4 "--kdf-memory-max" \
        hexz "$command" a.hxz "${target[@]}" --password-file one --kdf-memory-max 1M
done
expect "as much as is allowed" 0 '' hexz info a.hxz --password-file one --kdf-memory-max 2MiB
for size in 0 1 1025 4T 5T x; do
    expect "a limit of $size" 2 "--kdf-memory-max '$size'" hexz info a.hxz --password-file one --kdf-memory-max $size
done
cp a.hxz before.hxz
# A background job of a shell ignores SIGINT, so python sends it.
tally python3 - "$HEXZ" <<'PYTHON'
import signal, subprocess, sys, time
for number, word in ((signal.SIGINT, b": interrupted\n"), (signal.SIGTERM, b": interrupted by SIGTERM\n")):
    child = subprocess.Popen(
        [sys.argv[1], "rekey", "a.hxz", "add", "--password-file", "one", "--new-password-file", "two",
         "--kdf-memory", "1G", "--kdf-passes", "3", "--kdf-lanes", "1"],
        stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    time.sleep(1)
    child.send_signal(number)
    _, errors = child.communicate(timeout=120)
    good = child.returncode == 128 + number and errors.endswith(word)
    print("ok" if good else "not ok", "rekey,", number.name, "" if good else (child.returncode, errors))
PYTHON
check "nothing has changed" cmp a.hxz before.hxz
