"""Runs programs on a pseudo-terminal as a shell does: in the foreground, or not."""

import fcntl
import os
import resource
import select
import signal
import subprocess
import termios
import time

GUARD = 120  # seconds until a run counts as hung
RESET = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)


def memory_of(pid):
    """All that a process has written to its memory."""
    pieces = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as file:
        lines = [line.split()[:2] for line in file]
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for place, mode in lines:
            if mode.startswith("rw"):
                start, end = (int(part, 16) for part in place.split("-"))
                memory.seek(start)
                pieces.append(memory.read(end - start))
    return b"".join(pieces)


class Terminal:
    """Makes this process the leader of a session that has a pseudo-terminal; it must not be the
    leader of a process group before."""

    def __init__(self):
        os.setsid()
        self.ours, self.theirs = os.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        self.before = termios.tcgetattr(self.theirs)

    def echoes(self):
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def restored(self):
        return termios.tcgetattr(self.theirs) == self.before

    def front(self, group):
        os.tcsetpgrp(self.theirs, group)


class Run:
    """One run of the program. `seen` is what stood on the terminal."""

    def __init__(self, terminal, arguments, ignored=(), behind=False, stdin=subprocess.DEVNULL):
        self.terminal = terminal
        self.seen = b""
        self.place = 0

        def prepare():
            os.setpgid(0, 0)
            if not behind:
                terminal.front(os.getpid())
            for number in RESET:
                signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        self.child = subprocess.Popen(
            arguments,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=prepare,
        )

    def read(self, seconds):
        if not select.select([self.terminal.ours], [], [], seconds)[0]:
            return False
        self.seen += os.read(self.terminal.ours, 65536)
        return True

    def expect(self, text):
        """Waits until `text` stands behind what was waited for before."""
        text = text.encode()
        end = time.monotonic() + GUARD
        while text not in self.seen[self.place :]:
            if not self.read(0.05) and (self.child.poll() is not None or time.monotonic() > end):
                raise AssertionError(f"{text!r} does not come: {self.seen!r} {self.result()}")
        self.place = self.seen.index(text, self.place) + len(text)

    def type(self, text):
        os.write(self.terminal.ours, text if isinstance(text, bytes) else text.encode())

    def answer(self, question, password):
        self.expect(question)
        self.type(password + "\n")

    def changed(self):
        """Waits until the program stops or ends; the status as wait(2) tells it."""
        end = time.monotonic() + GUARD
        while time.monotonic() < end:
            child, status = os.waitpid(self.child.pid, os.WUNTRACED | os.WNOHANG)
            if child != 0:
                return status
            self.read(0.01)
        raise AssertionError(f"it neither stops nor ends: {self.seen!r}")

    def result(self):
        """Exit status, what was printed to standard output, and to standard error."""
        out, errors = self.child.communicate(timeout=GUARD)
        while self.read(0):
            pass
        self.terminal.front(os.getpgrp())
        return self.child.returncode, out, errors
