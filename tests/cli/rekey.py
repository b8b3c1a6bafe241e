"""Kills changes of passwords at random moments: the old or the new password opens the file, and
its data is what it was.

The moments depend on the machine; what is asserted does not."""

import os
import random
import shutil
import subprocess
import sys
import time

RUNS = 50
GUARD = 300  # seconds until a run counts as hung
COST = ["--kdf-memory", "1M", "--kdf-passes", "1", "--kdf-lanes", "1"]
HEAD = 12288  # header and key slots; what follows is data


def say(good, name, detail=""):
    print(f"ok {name}" if good else f"not ok {name}: {detail}")


class Rekey:
    def __init__(self, hexz, source, folder):
        self.hexz = hexz
        self.path = os.path.join(folder, "killed.hxz")
        self.passwords = {}
        for name in ("old", "other", "new"):
            self.passwords[name] = os.path.join(folder, f"{name}.password")
            with open(self.passwords[name], "w", encoding="ascii") as file:
                file.write(f"the {name} one\n")
        build = [hexz, "build", source, self.path, "--quiet", "--encrypt", *COST]
        subprocess.run(build + self.given("old"), check=True, timeout=GUARD)
        subprocess.run(self.command("add", "old", "other"), check=True, timeout=GUARD)
        self.fresh = self.path + ".fresh"
        shutil.copy(self.path, self.fresh)

    def given(self, name, option="--password-file"):
        return [option, self.passwords[name]]

    def command(self, operation, current, new):
        command = [self.hexz, "rekey", self.path, operation, "--quiet"] + self.given(current)
        return command + (COST + self.given(new, "--new-password-file") if new else [])

    def opening(self):
        """Which passwords open the file, and what is wrong with the answers to others."""
        opening, strange = set(), []
        for name in self.passwords:
            run = subprocess.run(
                [self.hexz, "verify", "-q", self.path] + self.given(name),
                capture_output=True,
                timeout=GUARD,
                check=False,
            )
            if run.returncode == 0:
                opening.add(name)
            elif b"wrong password" not in run.stderr:
                strange.append((name, run.returncode, run.stderr))
        return opening, strange

    def data(self, path):
        with open(path, "rb") as file:
            file.seek(HEAD)
            return file.read()

    def kill(self, operation, new, before, after, rng):
        """The passwords of `before` open the file, and after a whole run those of `after`."""
        command = self.command(operation, "old", new)
        shutil.copy(self.fresh, self.path)
        start = time.monotonic()
        subprocess.run(command, check=True, timeout=GUARD)
        seconds = time.monotonic() - start
        say(self.opening() == (after, []), f"{operation}: as it should be", self.opening())
        states = set()
        for _ in range(RUNS):
            shutil.copy(self.fresh, self.path)
            child = subprocess.Popen(command)
            time.sleep(rng.uniform(0, 1.1 * seconds))
            child.kill()
            child.wait(timeout=GUARD)
            opening, strange = self.opening()
            say(
                opening in (before, after) and not strange,
                f"{operation}: killed",
                (opening, strange),
            )
            say(self.data(self.path) == self.data(self.fresh), f"{operation}: the data stays")
            states.add(frozenset(opening))
            # What a kill leaves behind is no obstacle to the next change.
            if opening == before:
                again = subprocess.run(command, capture_output=True, timeout=GUARD, check=False)
                good = again.returncode == 0 and self.opening() == (after, [])
                say(good, f"{operation}: done after the kill", (again, self.opening()))
        return states


def main(hexz, source, folder):
    rekey = Rekey(hexz, source, folder)
    rng = random.Random(11)
    rekey.kill("replace", "new", {"old", "other"}, {"new", "other"}, rng)
    rekey.kill("add", "new", {"old", "other"}, {"old", "other", "new"}, rng)
    rekey.kill("remove", None, {"old", "other"}, {"other"}, rng)


if __name__ == "__main__":
    main(*sys.argv[1:])
