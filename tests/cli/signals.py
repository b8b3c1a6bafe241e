"""Sends signals to builds and extracts at random moments: what is there afterwards is whole or nothing.

The moments depend on the machine; what is asserted does not."""

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

CANCELS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CANCEL_RUNS = 8
KILL_RUNS = 25
GUARD = 300  # seconds until a run counts as hung


def say(good, name, detail=""):
    print(f"ok {name}" if good else f"not ok {name}: {detail}")


def defaults():
    """A shell starts background jobs with some signals ignored, which the tool respects."""
    for number in CANCELS:
        signal.signal(number, signal.SIG_DFL)


def has_unnamed_files(folder):
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR))
        return True
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        return False


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Case:
    """A command that makes `output` in a folder of its own, and what that must hold if it is there."""

    def __init__(self, name, folder, arguments, old):
        self.name = name
        self.folder = os.path.join(folder, "signals")
        self.output = os.path.join(self.folder, "output")
        self.arguments = [a.replace("OUTPUT", self.output) for a in arguments]
        self.old = old
        self.unnamed = has_unnamed_files(folder)
        self.prepare()
        start = time.monotonic()
        subprocess.run(self.arguments, check=True, timeout=GUARD)
        self.seconds = time.monotonic() - start
        self.whole = read(self.output)

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.mkdir(self.folder)
        if self.old is not None:
            with open(self.output, "wb") as file:
                file.write(self.old)

    def start(self, **options):
        self.prepare()
        return subprocess.Popen(
            self.arguments, stderr=subprocess.PIPE, preexec_fn=defaults, **options
        )

    def result(self):
        """'new', 'old' (which may be no file), or what is wrong; and the names beside the output."""
        names = sorted(os.listdir(self.folder))
        others = [name for name in names if name != "output"]
        content = read(self.output) if "output" in names else None
        if content == self.whole:
            return "new", others
        if content == self.old:
            return "old", others
        return f"{len(content or b'')} bytes that are neither old nor new", others


def cancel(case, number, delay):
    name = f"{case.name}: {signal.Signals(number).name}"
    child = case.start()
    time.sleep(delay)
    child.send_signal(number)
    _, errors = child.communicate(timeout=GUARD)
    state, others = case.result()
    # Before the tool has its handlers, and again once its work is done, the signal ends it; after
    # the output is published, it is late.
    wanted = {0: ["new"], 128 + number: ["old"], -number: ["old", "new"]}
    say(
        state in wanted.get(child.returncode, []) and not others,
        name,
        (child.returncode, state, others, errors),
    )
    if child.returncode == 128 + number:
        say(b": interrupted" in errors and b"HEXZ_" not in errors, f"{name}: says so", errors)


def kill(case, delay):
    child = case.start()
    time.sleep(delay)
    child.kill()
    child.communicate(timeout=GUARD)
    state, others = case.result()
    # Where a file needs a name before it replaces another, SIGKILL can leave that name.
    if case.old is not None or not case.unnamed:
        others = [o for o in others if not re.fullmatch(r"\.output\.hexz-\w+", o)]
    say(state in ("new", "old") and not others, f"{case.name}: SIGKILL", (state, others))


def cancel_under_way(hexz, source, folder):
    """The signal comes once the bar is drawn, to a build that has much left to do."""
    folder = os.path.join(folder, "signals")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    output = os.path.join(folder, "output")
    ours, theirs = os.openpty()
    child = subprocess.Popen(
        [hexz, "build", source, output, "--compression", "zstd", "--level", "22", "--threads", "1"],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        preexec_fn=defaults,
    )
    os.close(theirs)
    seen = os.read(ours, 4096)
    child.send_signal(signal.SIGINT)
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    status = child.wait(timeout=GUARD)
    names = os.listdir(folder)
    good = (status, names) in ((130, []), (0, ["output"]))
    say(good, "Ctrl-C under a progress bar", (status, names, seen[-200:]))
    last = seen.split(b"\r")[-2:]
    if status == 130:
        say(last[0].startswith(b"hexz: build: "), "the text stands on a line wiped clean", last)


def ignored(case):
    """nohup and `trap '' INT` mean it: what ignores a signal is not cancelled by it."""
    case.prepare()
    child = subprocess.Popen(
        case.arguments,
        preexec_fn=lambda: [signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)],
    )
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGHUP)
    status = child.wait(timeout=GUARD)
    say(status == 0 and case.result() == ("new", []), "ignored signals", (status, case.result()))


def main(hexz, source, folder):
    rng = random.Random(7)
    snapshot = os.path.join(folder, "signals.hxz")
    subprocess.run([hexz, "build", source, snapshot, "--quiet"], check=True, timeout=GUARD)
    build = [hexz, "build", source, "OUTPUT", "--quiet", "--profile", "eda"]
    extract = [hexz, "extract", snapshot, "OUTPUT", "--quiet"]
    cases = [
        Case("build", folder, build, None),
        Case("build over an old one", folder, build + ["--overwrite"], b"old"),
        Case("extract", folder, extract, None),
        Case("extract over an old one", folder, extract + ["--overwrite"], b"old"),
    ]
    for case in cases:
        for number in CANCELS:
            for _ in range(CANCEL_RUNS):
                cancel(case, number, rng.uniform(0, 1.2 * case.seconds))
        for _ in range(KILL_RUNS):
            kill(case, rng.uniform(0, 1.2 * case.seconds))
    if not cases[0].unnamed:
        print("skip names left by SIGKILL: this file system has no unnamed files")
    ignored(cases[0])
    cancel_under_way(hexz, source, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
