"""zsh's completion of hexz, on a pseudo-terminal as it is used."""

import os
import select
import subprocess
import sys
import time

GUARD = 60


def say(good, name, detail=""):
    print(f"ok {name}" if good else f"not ok {name}: {detail}", flush=True)


class Shell:
    def __init__(self, completions):
        self.ours, theirs = os.openpty()
        environment = {**os.environ, "PS1": "> ", "TERM": "dumb", "COLUMNS": "200"}
        self.child = subprocess.Popen(
            ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)
        self.seen = b""
        self.type(f"unsetopt zle_bracketed_paste; fpath=({completions} $fpath); autoload -Uz compinit; compinit -u -D\n")
        self.type("echo rea''dy\n")
        self.wait(b"ready\r")

    def type(self, text):
        os.write(self.ours, text.encode())

    def wait(self, text):
        end = time.monotonic() + GUARD
        while text not in self.seen:
            if time.monotonic() > end:
                return False
            if select.select([self.ours], [], [], 0.05)[0]:
                self.seen += os.read(self.ours, 65536)
        return True

    def completes(self, line, text):
        self.seen = b""
        self.type(line + "\t")
        good = self.wait(text.encode())
        seen = self.seen
        self.type("\x15")
        return good, seen


def main(completions):
    shell = Shell(completions)
    for line, text in (
        ("hexz prof", "hexz profiles"),
        ("hexz verify --qui", "--quiet"),
        ("hexz build --compression z", "zstd"),
        ("hexz rekey file rep", "replace"),
        ("hexz help exten", "extents"),
    ):
        good, seen = shell.completes(line, text)
        say(good, f"zsh: {line}", seen[-200:])
    shell.child.kill()
    shell.child.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
