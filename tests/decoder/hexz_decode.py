#!/usr/bin/env python3
"""Reads hexz snapshots without the library.

    hexz_decode.py info FILE                     what the file says of itself
    hexz_decode.py cat FILE STREAM [-o OUTPUT]   the bytes of a stream
    hexz_decode.py verify FILE                   everything that docs/FORMAT.md demands

For an encrypted snapshot, --password-file FILE names a file whose bytes, all of them, are the password.

Status 0: done; 1: the file is damaged, not one that this reader knows, or the password
is not its; 2: usage.
"""

import argparse
import mmap
import os
import pathlib
import sys

from layout import COMPRESSIONS, FAULTS, STREAM_KINDS, TREE_NAMES
from snapshot import Snapshot
from verify import verify

ZEROS = bytes(1 << 20)


def beside(path, hint):
    """What lies beside a snapshot under a name that it records for another one."""
    place = os.path.join(os.fsencode(os.path.dirname(path)), hint)
    if not hint or os.path.islink(place) or not os.path.isfile(place):
        return None
    with open(place, "rb") as file:
        return file.read()


def load(path, password=None):
    """The snapshot in a file, which stays mapped and is not read as a whole."""
    with open(path, "rb") as file:
        # Nothing cannot be mapped.
        empty = os.fstat(file.fileno()).st_size == 0
        content = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return Snapshot(content, password, find=lambda root, hint: beside(path, hint))


def load_given(options):
    """The snapshot that the command line names."""
    password = pathlib.Path(options.password_file).read_bytes() if options.password_file else None
    return load(options.file, password)


def encryption(snapshot):
    if not snapshot.encrypted:
        return "none"
    costs = (
        f"Argon2id of {slot.cost.memory} KiB, {slot.cost.passes} passes, {slot.cost.lanes} lanes"
        for slot in snapshot.slots.slots
    )
    return f"generation {snapshot.slots.generation}; " + "; ".join(costs)


def info(options):
    snapshot = load_given(options)
    rows = [
        ("root hash", snapshot.root_hash.hex()),
        ("encryption", encryption(snapshot)),
        ("compression", f"{COMPRESSIONS[snapshot.compression]}, level {snapshot.level}"),
        ("block size", snapshot.block_size),
        ("chunks", "least {}, average {}, most {}".format(*snapshot.chunk_sizes) if snapshot.chunked else "none"),
        ("data space", snapshot.data_space),
        ("blocks", f"{snapshot.block_count}, {snapshot.block_bytes} bytes stored"),
        ("units", snapshot.unit_count),
        ("dictionary", snapshot.dictionary_pointer.decoded if snapshot.dictionary_pointer else "none"),
    ]
    for one in snapshot.named:
        rows.append(("leans on", f"{one.root.hex()} ({one.hint.decode('ascii', 'backslashreplace') or 'no name'})"))
    rows += [(f"tree of {TREE_NAMES[tree]}", f"height {height}") for tree, (height, _) in snapshot.trees.items()]
    for stream in snapshot.streams:
        parts = f"{stream.data} data, {stream.zeros} zeros, {stream.stored} stored"
        rows.append((f"stream {stream.name}", f"{STREAM_KINDS[stream.kind]}, {stream.size} bytes: {parts}"))
    for name, value in rows:
        print(f"{name:<17} {value}")


def cat(options):
    snapshot = load_given(options)
    number = snapshot.stream_number(options.stream)
    if options.output is None:
        for piece in snapshot.read(number):
            if isinstance(piece, int):
                for done in range(0, piece, len(ZEROS)):
                    sys.stdout.buffer.write(ZEROS[: piece - done])
            else:
                sys.stdout.buffer.write(piece)
        return
    with open(options.output, "wb") as output:
        for piece in snapshot.read(number):
            if isinstance(piece, int):
                output.seek(piece, os.SEEK_CUR)
            else:
                output.write(piece)
        output.truncate(snapshot.streams[number].size)


def check(options):
    counts = verify(load_given(options))
    print("sound: " + ", ".join(f"{count} {name}" for name, count in counts._asdict().items()))


def main():
    parser = argparse.ArgumentParser(description="Reads hexz snapshots without the library.")
    commands = parser.add_subparsers(required=True, metavar="info|cat|verify")
    for name, run, explained in (
        ("info", info, "what the file says of itself"),
        ("cat", cat, "the bytes of a stream"),
        ("verify", check, "everything that docs/FORMAT.md demands"),
    ):
        command = commands.add_parser(name, help=explained)
        command.set_defaults(run=run)
        command.add_argument("file", metavar="FILE")
        command.add_argument("--password-file", metavar="FILE", help="for an encrypted snapshot")
        if run is cat:
            command.add_argument("stream", metavar="STREAM")
            command.add_argument("-o", dest="output", metavar="OUTPUT", help="instead of standard output")
    options = parser.parse_args()
    try:
        options.run(options)
    except FAULTS as error:
        sys.exit(f"{options.file}: {error}")
    except KeyError as error:
        sys.exit(f"{options.file}: {error.args[0]}")
    except BrokenPipeError:
        # Who read standard output has had enough; the flush at exit must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
