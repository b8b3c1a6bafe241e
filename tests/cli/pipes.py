"""Standard input and output that carry data: on terminals, and when a signal comes."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time

GUARD = 120  # seconds until a run counts as hung


def close(end):
    os.close(end) if isinstance(end, int) else end.close()


def say(good, name, detail=""):
    print(f"ok {name}" if good else f"not ok {name}: {detail}", flush=True)


def with_terminal(arguments, which):
    """Runs with a pseudo-terminal as one of the standard descriptors; what was written to it, and the rest."""
    ours, theirs = os.openpty()
    places = {name: subprocess.PIPE for name in ("stdout", "stderr")}
    places["stdin"] = subprocess.DEVNULL
    places[which] = theirs
    child = subprocess.Popen(arguments, **places)
    os.close(theirs)
    seen = b""
    if which != "stdin":
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:
                break
            seen += piece
    _, errors = child.communicate(timeout=GUARD)
    os.close(ours)
    return child.returncode, seen, errors


def terminals(hexz, source, snapshot, folder):
    for name, arguments in (
        ("build", [hexz, "build", source, "-"]),
        ("cat", [hexz, "cat", snapshot]),
        ("extract", [hexz, "extract", snapshot, "-"]),
    ):
        status, seen, errors = with_terminal(arguments, "stdout")
        good = status == 2 and seen == b"" and b"is a terminal" in errors and b"| cat" in errors
        say(good, f"{name}: nothing to a terminal", (status, seen[:80], errors))
    for arguments in ([hexz, "build", "-", os.path.join(folder, "typed")], [hexz, "info", "-"]):
        status, _, errors = with_terminal(arguments, "stdin")
        good = status == 2 and b"standard input is a terminal" in errors
        say(good, f"{arguments[1]}: nothing from a terminal", (status, errors))


def interrupted_reading(hexz, spool, output, number):
    """The pipe has given something and says no more."""
    child = subprocess.Popen(
        [hexz, "build", "-", output, "-q"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    child.stdin.write(os.urandom(3 << 20))
    child.stdin.flush()
    time.sleep(0.2)
    child.send_signal(number)
    status = child.wait(timeout=GUARD)
    errors = child.stderr.read()
    child.stdin.close()
    name = signal.Signals(number).name
    say(status in (-number, 128 + number), f"{name} while it reads", (status, errors))
    say(os.listdir(spool) == [] and not os.path.exists(output), f"{name}: nothing left", os.listdir(spool))


def interrupted_building(hexz, source, spool, number):
    child = subprocess.Popen(
        [hexz, "build", source, "-", "--compression", "zstd", "--level", "22", "--threads", "1", "--progress"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    child.stderr.readline()
    child.send_signal(number)
    data, errors = child.communicate(timeout=GUARD)
    name = signal.Signals(number).name
    # What was sent until then is no snapshot.
    opens = subprocess.run([hexz, "info", "-"], input=data, capture_output=True, timeout=GUARD).returncode == 0
    good = (child.returncode == 128 + number and not opens and b"interrupted" in errors) or child.returncode == 0
    say(good, f"{name} while it builds", (child.returncode, len(data), errors))
    say(os.listdir(spool) == [], f"{name}: nothing left", os.listdir(spool))


def interrupted_sending(arguments, spool, number):
    """The reader of a snapshot or of a stream sleeps, so that the pipe is full: a signal is seen all the same."""
    child = subprocess.Popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    child.stdout.peek(1)
    child.send_signal(number)
    status = child.wait(timeout=GUARD)
    child.stdout.close()
    errors = child.stderr.read()
    name = f"{signal.Signals(number).name} while it sends: {arguments[1]}"
    say(status == 128 + number and b"interrupted" in errors, name, (status, errors))
    say(os.listdir(spool) == [], f"{name}: nothing left", os.listdir(spool))


def interrupted_sized(hexz, spool, output, number):
    """Input whose length is known is packed as it comes, and comes no more."""
    child = subprocess.Popen(
        [hexz, "build", "-", output, "--format", "raw", "--input-size", "1G", "--progress"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    child.stdin.write(os.urandom(3 << 20))
    child.stdin.flush()
    child.stderr.readline()
    child.send_signal(number)
    status = child.wait(timeout=GUARD)
    errors = child.stderr.read()
    child.stdin.close()
    name = f"{signal.Signals(number).name} while sized input is awaited"
    say(status == 128 + number and b"interrupted" in errors, name, (status, errors))
    say(os.listdir(spool) == [] and not os.path.exists(output), f"{name}: nothing left", os.listdir(spool))


def unread(hexz, source, spool):
    """Nobody reads what is built: that is noticed while it is built, and before input that may never end."""
    broken = 128 + signal.SIGPIPE
    for name, ends in (("a pipe", os.pipe), ("a socket", socket.socketpair)):
        for when in ("before", "during"):
            ours, theirs = ends()
            # Full: the first line of progress waits until it is read.
            told, telling = os.pipe()
            os.write(telling, bytes(fcntl.fcntl(telling, fcntl.F_SETPIPE_SZ, 4096)))
            if when == "before":
                close(ours)
            child = subprocess.Popen([hexz, "build", source, "-", "--progress"], stdout=theirs, stderr=telling)
            close(theirs)
            os.close(telling)
            if when == "during":
                time.sleep(0.2)
                close(ours)
            with os.fdopen(told, "rb") as pipe:
                errors = pipe.read().lstrip(b"\0")
            child.wait(timeout=GUARD)
            good = child.returncode == broken and b"hexz:" not in errors
            say(good, f"{name} that nobody reads, {when} the build", (child.returncode, errors))
            say(os.listdir(spool) == [], f"{name} that nobody reads: nothing left", os.listdir(spool))

    ours, theirs = os.pipe()
    child = subprocess.Popen([hexz, "build", "-", "-", "-q"], stdin=subprocess.PIPE, stdout=theirs, stderr=subprocess.PIPE)
    close(theirs)
    child.stdin.write(b"first")
    child.stdin.flush()
    close(ours)
    try:
        status = child.wait(timeout=GUARD)
        errors = child.stderr.read()
    except subprocess.TimeoutExpired:
        child.kill()
        status, errors = child.wait(), "still waits for input"
    say(status == broken and errors == b"", "a pipe that nobody reads, before all input is there", (status, errors))
    child.stdin.close()
    say(os.listdir(spool) == [], "input that nobody wants: nothing left", os.listdir(spool))


def read_without_a_word(hexz, source, snapshot):
    """A peer that says nothing any more reads all the same."""
    with open(snapshot, "rb") as file:
        whole = file.read()
    ours, theirs = socket.socketpair()
    ours.shutdown(socket.SHUT_WR)
    child = subprocess.Popen([hexz, "build", source, "-", "-q"], stdout=theirs, stderr=subprocess.PIPE)
    close(theirs)
    with ours, ours.makefile("rb") as stream:
        data = stream.read()
    _, errors = child.communicate(timeout=GUARD)
    say(child.returncode == 0 and data == whole, "a peer that reads and says nothing", (child.returncode, errors))
    for place in ("/dev/null", "output"):
        with open(place, "wb") as file:
            status = subprocess.run([hexz, "build", source, "-", "-q"], stdout=file, timeout=GUARD).returncode
        say(status == 0, f"{place} has no reader", status)
    with open("output", "rb") as file:
        say(file.read() == whole, "a file has it all")
    os.remove("output")


def unhurried(hexz, source, snapshot):
    """Pipes that do not block, as some programs leave them."""
    reading, writing = os.pipe()
    for end in (reading, writing):
        fcntl.fcntl(end, fcntl.F_SETFL, fcntl.fcntl(end, fcntl.F_GETFL) | os.O_NONBLOCK)
    child = subprocess.Popen([hexz, "cat", snapshot], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    time.sleep(0.2)
    fcntl.fcntl(reading, fcntl.F_SETFL, 0)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    status = child.wait(timeout=GUARD)
    with open(source, "rb") as file:
        say(status == 0 and data == file.read(), "a pipe that does not block", (status, child.stderr.read()))

    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_NONBLOCK)
    child = subprocess.Popen([hexz, "verify", "-", "-q"], stdin=reading, stderr=subprocess.PIPE)
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe, open(snapshot, "rb") as file:
        pipe.write(file.read(1000))
        pipe.flush()
        time.sleep(0.2)
        pipe.write(file.read())
    _, errors = child.communicate(timeout=GUARD)
    say(child.returncode == 0, "an input that does not block", (child.returncode, errors))


def main(hexz, source, folder):
    snapshot = os.path.join(folder, "pipes.hxz")
    spool = os.path.join(folder, "pipes")
    subprocess.run([hexz, "build", source, snapshot, "-q"], check=True, timeout=GUARD)
    os.mkdir(spool)
    os.environ["TMPDIR"] = spool
    terminals(hexz, source, snapshot, folder)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        interrupted_reading(hexz, spool, os.path.join(folder, "never"), number)
        interrupted_building(hexz, source, spool, number)
        interrupted_sending([hexz, "build", source, "-", "-q"], spool, number)
        interrupted_sending([hexz, "extract", snapshot, "-", "-q"], spool, number)
        interrupted_sending([hexz, "convert", snapshot, "-", "-q"], spool, number)
        interrupted_sized(hexz, spool, os.path.join(folder, "never"), number)
    unread(hexz, source, spool)
    read_without_a_word(hexz, source, snapshot)
    unhurried(hexz, source, snapshot)


if __name__ == "__main__":
    main(*sys.argv[1:])
