"""Damages a snapshot in one place at a time: it is refused or reported, and never gives other bytes."""

import os
import subprocess
import sys

HEADER = 4096
FOOTER = 4096
VERSION_AT = 8  # docs/FORMAT.md: the header, behind the magic
DAMAGED = 3
UNSUPPORTED = 4


def say(good, name, detail=""):
    print(f"ok {name}" if good else f"not ok {name}: {detail}")


class Snapshot:
    def __init__(self, hexz, path, source, folder):
        self.hexz = hexz
        with open(path, "rb") as file:
            self.bytes = file.read()
        with open(source, "rb") as file:
            self.source = file.read()
        self.damaged = os.path.join(folder, "damaged.hxz")
        self.output = os.path.join(folder, "damaged.out")

    def run(self, *arguments):
        return subprocess.run([self.hexz, *arguments], capture_output=True, check=False)

    def refused(self, name, content, statuses):
        with open(self.damaged, "wb") as file:
            file.write(content)
        verify = self.run("verify", self.damaged)
        say(verify.returncode in statuses, f"{name}: verify", (verify.returncode, verify.stderr))
        extract = self.run("extract", self.damaged, self.output)
        if extract.returncode == 0:
            with open(self.output, "rb") as file:
                say(file.read() == self.source, f"{name}: extract gave other bytes")
            os.unlink(self.output)
        else:
            say(
                extract.returncode in statuses and not os.path.exists(self.output),
                f"{name}: extract",
                (extract.returncode, extract.stderr),
            )
        cat = self.run("cat", self.damaged)
        say(self.source.startswith(cat.stdout), f"{name}: cat gave other bytes")


def main(hexz, path, source, folder):
    snapshot = Snapshot(hexz, path, source, folder)
    whole = snapshot.bytes
    size = len(whole)

    snapshot_check = snapshot.run("verify", path)
    say(snapshot_check.returncode == 0, "undamaged", snapshot_check.stderr)

    later = bytearray(whole)
    later[VERSION_AT] = 0x7F
    with open(snapshot.damaged, "wb") as file:
        file.write(later)
    for command in ("info", "verify", "cat", "extents"):
        run = snapshot.run(command, snapshot.damaged)
        say(
            run.returncode == UNSUPPORTED and run.stderr and b"HEXZ_" not in run.stderr and not run.stdout,
            f"a later version: {command}",
            (run.returncode, run.stderr),
        )

    # The first bytes of the header and footer one by one, then all over the file.
    places = set(range(0, 48)) | {HEADER - 1, HEADER}
    places |= set(range(size - FOOTER, size - FOOTER + 48)) | {size - 1}
    places |= set(range(0, size, max(1, size // 60)))
    for at in sorted(places):
        changed = bytearray(whole)
        changed[at] ^= 1 << (at % 8)
        # In the header a bit may say "a feature that you do not know" as well.
        statuses = (DAMAGED, UNSUPPORTED) if at < HEADER else (DAMAGED,)
        snapshot.refused(f"byte {at} changed", bytes(changed), statuses)

    lengths = {0, 1, 7, 8, 9, HEADER - 1, HEADER, HEADER + 1, size - FOOTER, size - 1}
    lengths |= set(range(0, size, max(1, size // 12)))
    for length in sorted(lengths):
        snapshot.refused(f"cut to {length}", whole[:length], (DAMAGED,))
    for name, more in (("a byte", b"\0"), ("a page", bytes(4096)), ("itself", whole)):
        snapshot.refused(f"lengthened by {name}", whole + more, (DAMAGED,))


if __name__ == "__main__":
    main(*sys.argv[1:])
