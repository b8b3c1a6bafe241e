"""Ctrl-C while the example builds: it stops with 130 and leaves nothing behind.

    interrupt.py EDA_PROGRAM DESIGN_FOLDER OUTPUT

No timing decides. The program's stderr is a pipe that is full, so that its first progress report waits
inside the build until the signal was sent.
"""

import os
import signal
import subprocess
import sys

program, design, output = sys.argv[1:]

reader, writer = os.pipe()
os.set_blocking(writer, False)
try:
    while True:
        os.write(writer, b"x" * 65536)
except BlockingIOError:
    pass
os.set_blocking(writer, True)

before = sorted(os.listdir(os.path.dirname(output)))
run = subprocess.Popen([program, design, output], stdout=subprocess.PIPE, stderr=writer)
os.close(writer)
# Printed when the handler is in place, and before the build.
line = run.stdout.readline()
assert b"files" in line, line
run.send_signal(signal.SIGINT)
said = b""
while part := os.read(reader, 65536):
    said += part
run.stdout.read()
status = run.wait()
assert status == 130, f"exit status {status}: {said[-200:]!r}"
assert said.rstrip(b"\n").endswith(b"eda: stopped"), said[-200:]
after = sorted(os.listdir(os.path.dirname(output)))
assert after == before, f"left behind: {set(after) - set(before)}"
