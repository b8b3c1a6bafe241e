#!/usr/bin/env python3
"""The whole way through, with the command line tool: a disk image and the memory of the
machine that ran from it, into one snapshot and back, for each profile with fixed blocks
and with content-defined chunks. Everything that comes back is compared with what went
in; the first difference or error ends the demo with status 1.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import measure

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = ROOT / "target/hexz"
DATA = ROOT / "target/data"
PROFILES = ["generic", "eda", "embedded", "ml"]


class Wrong(Exception):
    """Something ran, and its result is not what it has to be."""


def human(count):
    return f"{count / 1e6:,.1f} MB"


def allocated(path):
    return path.stat().st_blocks * 512


def info(snapshot):
    return json.loads(measure.run([TOOL, "info", "--json", snapshot]).output)


def check_info(snapshot, sources):
    told = {stream["name"]: stream["size"] for stream in info(snapshot)["streams"]}
    there = {name: path.stat().st_size for name, path in sources.items()}
    if told != there:
        raise Wrong(f"info tells streams {told}, the sources are {there}")


def check_extract(snapshot, sources, folder):
    """Extracts each stream, compares it, and returns the seconds that extracting took."""
    seconds = 0.0
    for name, source in sources.items():
        output = folder / f"{name}.out"
        seconds += measure.run([TOOL, "extract", snapshot, output, "--stream", name, "--no-sync"]).seconds
        if subprocess.run(["cmp", source, output]).returncode != 0:
            raise Wrong(f"stream {name} of {snapshot.name} came back different")
        output.unlink()
    return seconds


def build(snapshot, sources, *options):
    command = [TOOL, "build", sources["disk"], snapshot, "--no-sync", *options]
    if "memory" in sources:
        command += ["--memory", sources["memory"]]
    return measure.run(command)


def round_trip(profile, cdc, sources, folder):
    """One row of the table."""
    snapshot = folder / f"{profile}{'-cdc' if cdc else ''}.hxz"
    built = build(snapshot, sources, "--profile", profile, *(["--cdc"] if cdc else []))
    check_info(snapshot, sources)
    verified = measure.run([TOOL, "verify", snapshot])
    extract_seconds = check_extract(snapshot, sources, folder)

    size = snapshot.stat().st_size
    logical = sum(path.stat().st_size for path in sources.values())
    read = sum(allocated(path) for path in sources.values())
    snapshot.unlink()
    return [
        profile,
        "cdc" if cdc else "fixed",
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

    head = ["profile", "cut", "build s", "MB/s", "snapshot", "logical/", "allocated/", "peak MiB", "verify s", "extract s"]
    rows = []
    try:
        print(measure.run([TOOL, "profiles"]).output)
        with tempfile.TemporaryDirectory(dir=DATA) as scratch:
            folder = pathlib.Path(scratch)
            for profile in options.profile or PROFILES:
                for cdc in (False, True):
                    rows.append(round_trip(profile, cdc, sources, folder))
                    print(f"{profile}, {'cdc' if cdc else 'fixed'}: built, verified, extracted, identical", flush=True)
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
