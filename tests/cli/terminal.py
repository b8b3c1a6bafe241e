"""The progress bar on a pseudo-terminal: drawn, within the width, wiped at the end, and nowhere else."""

import fcntl
import os
import struct
import subprocess
import sys
import termios


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
    for name, arguments, _ in runs:
        status, seen = on_terminal(arguments + ["--quiet"], 80)
        say(status == 0 and seen == b"", f"{name} --quiet draws none", seen[:200])
        run = subprocess.run(arguments, capture_output=True, check=False)
        say(run.returncode == 0 and run.stderr == b"", f"{name} draws none to a pipe", run.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
