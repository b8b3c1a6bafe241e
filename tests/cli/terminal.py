"""The progress bar on a pseudo-terminal: drawn, within the width, wiped at the end, and nowhere else."""

import fcntl
import os
import struct
import subprocess
import sys
import termios
import threading


def say(good, name, detail=""):
    print(f"ok {name}" if good else f"not ok {name}: {detail}")


def on_terminal(arguments, width):
    """What the program writes to standard error when that is a terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the last writer has gone
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    return child.wait(), seen


def resized(hexz, source, snapshot):
    """Narrower and narrower while a bar is drawn; the blanks that wipe it fit too."""
    ours, theirs = os.openpty()
    size = lambda columns: fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    size(100)
    child = subprocess.Popen(
        [hexz, "build", source, snapshot, "--overwrite", "--compression", "zstd", "--level", "19", "--threads", "1"],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    first = os.read(ours, 65536)
    size(30)
    # What was under way when the size changed may be the old width's; what comes later is not.
    second = os.read(ours, 65536)
    seen = b""
    child_end = threading.Thread(target=lambda: (child.wait(), os.close(theirs)))
    child_end.start()
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    child_end.join()
    os.close(ours)
    longest = max(len(line) for line in seen.split(b"\r"))
    say(child.returncode == 0 and longest < 30, "made narrower: all fits", (longest, first[-80:], second[-80:], seen[-80:]))
    say(seen.endswith(b"\r"), "made narrower: the line is given back", seen[-80:])


def forced(runs):
    """--progress where no terminal is: whole lines, the first and the last of each phase among them."""
    for name, arguments, word in runs:
        run = subprocess.run(arguments + ["--progress"], capture_output=True, check=False)
        lines = run.stderr.decode().splitlines()
        say(run.returncode == 0 and run.stderr.endswith(b"\n") and b"\r" not in run.stderr, f"{name} --progress: lines", run.stderr)
        ours = [line for line in lines if line.startswith(word.decode())]
        good = len(ours) >= 2 and " 0%" in ours[0] and " 100%" in ours[-1]
        say(good, f"{name} --progress: from first to last", lines)


def main(hexz, source, folder):
    snapshot = os.path.join(folder, "terminal.hxz")
    output = os.path.join(folder, "terminal.out")
    runs = [
        ("build", [hexz, "build", source, snapshot, "--overwrite"], b"packing"),
        ("verify", [hexz, "verify", snapshot], b"verifying"),
        ("extract", [hexz, "extract", snapshot, output, "--overwrite"], b"extracting"),
    ]
    for width in (120, 80, 40, 20, 8):
        for name, arguments, word in runs:
            status, seen = on_terminal(arguments, width)
            name = f"{name} at {width} columns"
            lines = seen.split(b"\r")
            say(status == 0, f"{name} succeeds", status)
            say(seen == b"" or seen.endswith(b"\r"), f"{name}: the line is given back", seen[-80:])
            # Between the last two carriage returns stand the blanks that wipe the line.
            say(len(lines) > 2 and lines[-2].strip() == b"", f"{name}: wiped", lines[-3:])
            longest = max(len(line) for line in lines)
            say(longest < width, f"{name}: the bar fits", longest)
            if width >= 80:
                say(word in seen and b"%" in seen, f"{name}: a bar is drawn", seen[:200])
    # A terminal that tells no width (0), and those with hardly any: nothing is ever in the last column.
    for width, room in ((0, 80), (1, 1), (2, 2)):
        for name, arguments, _ in runs:
            status, seen = on_terminal(arguments, width)
            longest = max(len(line) for line in seen.split(b"\r"))
            say(status == 0 and longest < room and b"\n" not in seen, f"{name} at {width} columns", (status, longest))
    resized(hexz, source, snapshot)
    forced(runs)
    for name, arguments, _ in runs:
        for option in ("--quiet", "--no-progress"):
            status, seen = on_terminal(arguments + [option], 80)
            say(status == 0 and seen == b"", f"{name} {option} draws none", seen[:200])
        status, seen = on_terminal(arguments + ["--quiet", "--progress"], 80)
        say(status == 0 and seen.endswith(b"\r"), f"{name} --quiet --progress draws", seen[:200])
        run = subprocess.run(arguments + ["--progress", "--no-progress"], capture_output=True, check=False)
        say(run.returncode == 2 and b"both given" in run.stderr, f"{name}: yes and no", run.stderr)
        run = subprocess.run(arguments, capture_output=True, check=False)
        say(run.returncode == 0 and run.stderr == b"", f"{name} draws none to a pipe", run.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
