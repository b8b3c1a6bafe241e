"""Runs a program and says how long it took and how much memory it had at most."""

import os
import subprocess
import tempfile
import time
from typing import NamedTuple


class Run(NamedTuple):
    seconds: float
    cpu_seconds: float
    peak_mib: float
    output: str


class Failed(Exception):
    """A program that was measured ended with an error."""


def run(command, cpus=None, env=None):
    """Runs `command` and returns its Run; raises Failed with what it printed.

    `cpus` limits it to those CPUs, `env` adds to its environment. The memory is what GNU time reports: taken from
    this process's own wait, it would be no less than what Python itself uses.
    """
    command = [os.fspath(word) for word in command]
    with tempfile.NamedTemporaryFile("r") as report:
        started = time.monotonic()
        done = subprocess.run(
            ["/usr/bin/time", "-q", "-f", "%M %U %S", "-o", report.name, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, **env} if env else None,
            preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None,
        )
        seconds = time.monotonic() - started
        if done.returncode != 0:
            raise Failed(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}")
        peak_kib, user, system = report.read().split()
        return Run(seconds, float(user) + float(system), int(peak_kib) / 1024, done.stdout)


def table(head, rows):
    """Lines of a table; the first column to the left, the others to the right."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def line_of(cells):
        first, *others = (c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths)))
        return "  ".join([first, *others]).rstrip()

    return "\n".join([line_of(head), "  ".join("-" * w for w in widths), *map(line_of, rows)])
