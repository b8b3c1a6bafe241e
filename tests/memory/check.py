"""What is left of keys in the memory of a process, when it has worked with an encrypted snapshot.

A host program (host.c) stops here and there; another one (scan.c) then looks through all its memory for all
keys of the snapshot, which derive.py gets from file and password. While a snapshot is open, the four keys that
follow from its file key may be there, once each; nothing else ever may. Of a child and its parent both may, and
the unit hash key, which the child has from its parent, twice."""

import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys

from derive import FILE_KEYS, secrets_of

WINDOW = 16
OF_CHILD = "child's "
# (profile, bytes in a block, of source): a dictionary and many blocks; blocks of the largest size.
SETS = {"small blocks": ("embedded", 16 << 10, 3 << 20), "large blocks": ("ml", 16 << 20, 33 << 20)}
SCENARIOS = sys.argv[2:] or (
    "build cancelled one-page read pinned thread-reads thread-does-all four-threads child wrong-password damaged rekey signals"
).split()


class Wanted:
    """What is searched for: each 16 bytes that follow each other in a key."""

    def __init__(self, path):
        self.path, self.names, self.windows = path, [], {}

    def add(self, name, secret):
        for at in range(len(secret) - WINDOW + 1):
            window = secret[at : at + WINDOW]
            if window not in self.windows:
                self.windows[window] = len(self.names)
                self.names.append((name, at))

    def write(self):
        self.path.write_bytes(b"".join(self.windows))
        return self


def source(length):
    """Text, and bytes that do not shrink, by turn."""
    chance = random.Random(length)
    words = [bytes(chance.choices(b"abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(3000)]
    texts = [b" ".join(chance.choices(words, k=2000)) for _ in range(20)]
    out = bytearray()
    while len(out) < length:
        out += b"".join(chance.sample(texts, 2)) + chance.randbytes(5000)
    return bytes(out[:length])


class Host:
    """The host program in one scenario; stops are its lines."""

    def __init__(self, programs, folder, scenario):
        self.scan = programs / "scan"
        command = [programs / "host", folder, scenario]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def stops(self):
        for line in self.process.stdout:
            yield line.strip()
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        if self.process.wait():
            sys.exit(f"memory: the host ended with {self.process.returncode}")

    def found(self, wanted):
        """(name of a secret, offset in it) to the places where it is, each with what is mapped there."""
        command = [self.scan, str(self.process.pid), wanted.path]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        if int(lines.pop().split()[1]) < 1 << 20:
            sys.exit("memory: the search saw next to nothing")
        places = collections.defaultdict(list)
        for line in lines:
            number, _, mapped = line.split(" ", 2)
            places[wanted.names[int(number)]].append(mapped)
        return places


def allowed(stop, scenario):
    """How often each key that may be there is there."""
    if not stop.startswith("open"):
        return {}
    keys = dict.fromkeys(FILE_KEYS, 1)
    if scenario == "child":
        keys["unit hash key"] = 2
        keys |= {OF_CHILD + name: 1 for name in FILE_KEYS[:3]}
    return keys


def check(programs, folder, scenario, wanted):
    """Counts the stops, and those where something was left."""
    stops = bad = 0
    with Host(programs, folder, scenario) as host:
        for stop in host.stops():
            if scenario == "rekey":
                for name, secret in secrets_of(folder / "rekeyed.hxz", b"third" if stops == 2 else b"first"):
                    wanted.add(name, secret)
                wanted.write()
            if scenario == "child" and stops == 0:
                for name, secret in secrets_of(folder / "child.hxz", b"first"):
                    wanted.add(OF_CHILD + name, secret)
                wanted.write()
            found = host.found(wanted)
            stops += 1
            for name, often in allowed(stop, scenario).items():
                # All windows, as often: or the search does not find what is there.
                times = [len(found.pop((name, at), ())) for at in range(32 - WINDOW + 1)]
                if set(times) != {often}:
                    found[name, 0] = [f"{times} times, in use"]
            if found:
                bad += 1
                names = collections.Counter((name, place) for (name, _), places in found.items() for place in places)
                print(f"memory: FAIL  {scenario}, {stop}: {len(names)} kinds of secrets")
                for (name, place), times in names.most_common(12):
                    print(f"memory:         {name}, {times} windows in {place}")
    return stops, bad


def main():
    programs = pathlib.Path(sys.argv[1])
    stops = bad = searched = 0
    for title, (profile, block, length) in SETS.items():
        folder = programs / title.replace(" ", "-")
        folder.mkdir()
        first = source(length)
        (folder / "source").write_bytes(first)
        (folder / "later").write_bytes(first[: length // 2] + source(length // 8) + first[length // 2 + length // 8 :])
        (folder / "profile").write_text(f"{profile} {block}\n")
        with Host(programs, folder, "build") as host:
            list(host.stops())
        made, snap = folder / "made.hxz", folder / "snap.hxz"
        made.rename(snap)
        shutil.copy(snap, folder / "rekeyed.hxz")
        content = bytearray(snap.read_bytes())
        content[3 * 4096 + len(content) // 3] ^= 1
        (folder / "damaged.hxz").write_bytes(content)
        wanted = Wanted(folder / "wanted")
        for name, secret in secrets_of(snap, b"first", also=[b"wrong"]):
            wanted.add(name, secret)
        wanted.write()
        searched += len(wanted.names)
        for scenario in SCENARIOS:
            more_stops, more_bad = check(programs, folder, scenario, wanted)
            stops, bad = stops + more_stops, bad + more_bad
    print(f"memory: {searched} runs of {WINDOW} bytes searched for at {stops} stops; something left at {bad}")
    sys.exit(bad > 0)


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    main()
