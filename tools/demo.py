#!/usr/bin/env python3
"""The whole way through, with the command line tool: a disk image and the memory of the
machine that ran from it, into one snapshot and back, for each profile with fixed blocks
and with content-defined chunks, and encrypted. Everything that comes back is compared
with what went in; the first difference or error ends the demo with status 1.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import measure

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = pathlib.Path((ROOT / "target/last-built").read_text().strip()) / "hexz"
DATA = ROOT / "target/data"
PROFILES = ["generic", "eda", "embedded", "ml"]
# What is done once more, encrypted: the plainest way, and the one with the most in it.
ENCRYPTED = [("generic", False), ("ml", True)]


class Wrong(Exception):
    """Something ran, and its result is not what it has to be."""


def human(count):
    return f"{count / 1e6:,.1f} MB"


def allocated(path):
    return path.stat().st_blocks * 512


def check_info(snapshot, sources, unlock):
    info = json.loads(measure.run([TOOL, "info", "--json", snapshot, *unlock]).output)
    told = {stream["name"]: stream["size"] for stream in info["streams"]}
    if info["encrypted"] != bool(unlock):
        raise Wrong(f"info tells encrypted: {info['encrypted']}")
    there = {name: path.stat().st_size for name, path in sources.items()}
    if told != there:
        raise Wrong(f"info tells streams {told}, the sources are {there}")


def check_wrong_password(snapshot, folder):
    """No other password opens it."""
    wrong = folder / "wrong"
    wrong.write_bytes(b"not the password")
    done = subprocess.run(
        [TOOL, "verify", snapshot, "--password-file", wrong], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if done.returncode == 0 or "wrong password" not in done.stderr:
        raise Wrong(f"a wrong password gave status {done.returncode}: {done.stderr}")


def check_extract(snapshot, sources, folder, unlock):
    """Extracts each stream, compares it, and returns the seconds that extracting took."""
    seconds = 0.0
    for name, source in sources.items():
        output = folder / f"{name}.out"
        command = [TOOL, "extract", snapshot, output, "--stream", name, "--no-sync", *unlock]
        seconds += measure.run(command).seconds
        if subprocess.run(["cmp", source, output]).returncode != 0:
            raise Wrong(f"stream {name} of {snapshot.name} came back different")
        output.unlink()
    return seconds


def build(snapshot, sources, *options):
    command = [TOOL, "build", sources["disk"], snapshot, "--no-sync", *options]
    if "memory" in sources:
        command += ["--memory", sources["memory"]]
    return measure.run(command)


def round_trip(profile, cdc, sources, folder, encrypt=False):
    """One row of the table."""
    snapshot = folder / f"{profile}{'-cdc' if cdc else ''}.hxz"
    options, unlock = ["--cdc"] if cdc else [], []
    if encrypt:
        password = folder / "password"
        password.write_bytes(b"a password for the demo")
        unlock = ["--password-file", password]
        options += ["--encrypt", *unlock]
    built = build(snapshot, sources, "--profile", profile, *options)
    check_info(snapshot, sources, unlock)
    if encrypt:
        check_wrong_password(snapshot, folder)
    verified = measure.run([TOOL, "verify", snapshot, *unlock])
    extract_seconds = check_extract(snapshot, sources, folder, unlock)

    size = snapshot.stat().st_size
    logical = sum(path.stat().st_size for path in sources.values())
    read = sum(allocated(path) for path in sources.values())
    snapshot.unlink()
    return [
        profile,
        "cdc" if cdc else "fixed",
        "yes" if encrypt else "",
        f"{built.seconds:.2f}",
        f"{read / 1e6 / built.seconds:.0f}",
        human(size),
        f"{logical / size:.2f}",
        f"{read / size:.2f}",
        f"{built.peak_mib:.0f}",
        f"{verified.seconds:.2f}",
        f"{extract_seconds:.2f}",
    ]


def memory_share(sources, folder):
    """What the memory adds to the disk's snapshot, and what it takes by itself."""
    sizes = {}
    for name, streams in {
        "disk": {"disk": sources["disk"]},
        "memory": {"disk": sources["memory"]},
        "both": sources,
    }.items():
        snapshot = folder / f"{name}.hxz"
        build(snapshot, streams, "--compression", "zstd", "--level", "3")
        sizes[name] = snapshot.stat().st_size
        snapshot.unlink()
    added = sizes["both"] - sizes["disk"]
    print("Disk and memory in one snapshot, at zstd 3 with blocks of 64 KiB:")
    print(f"  the disk alone        {human(sizes['disk']):>12}")
    print(f"  the memory alone      {human(sizes['memory']):>12}")
    print(f"  the two apart         {human(sizes['disk'] + sizes['memory']):>12}")
    print(f"  both in one           {human(sizes['both']):>12}")
    print(f"  the memory adds       {human(added):>12}, {added / sizes['memory']:.2f} of what it takes alone")


def main():
    parser = argparse.ArgumentParser(description="A disk and its memory into a snapshot and back.")
    parser.add_argument("--profile", choices=PROFILES, action="append", help="only this one (repeatable)")
    options = parser.parse_args()
    sources = {"disk": DATA / "disk.raw", "memory": DATA / "memory.raw"}

    for name, path in sources.items():
        size = path.stat().st_size
        print(f"{name}: {path.relative_to(ROOT)}, {human(size)}, {human(allocated(path))} of them allocated")
    print()

    head = ["profile", "cut", "sealed", "build s", "MB/s", "snapshot", "logical/", "allocated/", "peak MiB", "verify s", "extract s"]
    rows = []
    try:
        print(measure.run([TOOL, "profiles"]).output)
        with tempfile.TemporaryDirectory(dir=DATA) as scratch:
            folder = pathlib.Path(scratch)
            for profile in options.profile or PROFILES:
                for cdc in (False, True):
                    rows.append(round_trip(profile, cdc, sources, folder))
                    print(f"{profile}, {'cdc' if cdc else 'fixed'}: built, verified, extracted, identical", flush=True)
            for profile, cdc in ENCRYPTED:
                if profile in (options.profile or PROFILES):
                    rows.append(round_trip(profile, cdc, sources, folder, encrypt=True))
                    print(f"{profile}, {'cdc' if cdc else 'fixed'}, encrypted: as above, and no other password opens it", flush=True)
            print()
            print(measure.table(head, rows))
            print("MB/s: of allocated bytes. logical/ and allocated/: those sizes of the sources over the snapshot's.")
            print()
            memory_share(sources, folder)
    except (measure.Failed, Wrong) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    print(f"\nall {len(rows)} snapshots gave back both streams byte for byte")
    return 0


if __name__ == "__main__":
    sys.exit(main())
