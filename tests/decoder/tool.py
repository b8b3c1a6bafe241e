"""The command line tool of the library, which HEXZ names, and what must be true of what it writes."""

import os
import re
import subprocess

from hexz_decode import ZEROS, load
from layout import DATA, PAGE
from tally import Wrong

HEXZ = os.environ["HEXZ"]
# Within less address space, in KiB, than a key slot may ask for: who takes it before the bounds are checked fails.
WITHIN_1000_MIB = ("sh", "-c", 'ulimit -v 1024000 && exec "$0" "$@"')

# How the tool ends: its exit status, what the library calls that, and the words that begin the text behind the file's name.
ENDS = (
    (3, "CORRUPT", "damaged: "),
    (3, "NOT_SNAPSHOT", "not a hexz snapshot: "),
    (4, "UNSUPPORTED", "(needs feature|format version) "),
    (1, "WRONG_PASSWORD", "wrong password; "),
    (1, "PASSWORD_REQUIRED", "needs a password, "),
    (1, "NOT_ENCRYPTED", "is not encrypted; "),
)


def run(*arguments, within=()):
    """(status, standard output, standard error); the status is as the library names it, without prefix."""
    done = subprocess.run([*within, HEXZ, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    said = done.stderr.decode(errors="replace")
    if done.returncode == 0:
        return "OK", done.stdout, said
    for status, name, words in ENDS:
        if status == done.returncode and re.match(rf"hexz: \w+: '[^']*':? {words}", said):
            return name, done.stdout, said
    return f"exit status {done.returncode}", done.stdout, said


def verify(*arguments):
    return run("verify", "--quiet", "--threads", "1", *arguments, within=WITHIN_1000_MIB)


def cat(stream, *arguments):
    return run("cat", "--stream", stream, *arguments, within=WITHIN_1000_MIB)


def build(disk, memory, output, options, password=None):
    """Builds a snapshot; returns it as the decoder reads it."""
    with_memory = ["--memory", memory] if memory else []
    status, _, said = run("build", disk, output, *with_memory, *options, "--overwrite", "--no-sync", "--quiet")
    if status != "OK":
        raise Wrong(f"the tool ended with {status}: {said}")
    return load(output, password)


def compare(snapshot, name, source):
    """The stream holds what the file holds."""
    stream = snapshot.streams[snapshot.stream_number(name)]
    if stream.size != source.stat().st_size:
        raise Wrong(f"stream {name} has {stream.size} bytes, its source {source.stat().st_size}")
    at = 0
    with open(source, "rb") as file:
        for piece in snapshot.read(snapshot.stream_number(name)):
            length = piece if isinstance(piece, int) else len(piece)
            for done in range(0, length, len(ZEROS)):
                upto = min(done + len(ZEROS), length)
                expected = ZEROS[: upto - done] if isinstance(piece, int) else piece[done:upto]
                if file.read(upto - done) != expected:
                    raise Wrong(f"stream {name} differs from its source within the MiB at {at + done}")
            at += length
    if at != stream.size:
        raise Wrong(f"stream {name} ends at {at} of {stream.size} bytes")


def check_nothing_unused(snapshot):
    """What the writer stores, some stream needs, and extents of data consist of whole units."""
    used, borders = [], {0}
    for _, extent in snapshot.extents():
        if extent.kind == DATA:
            used.append((extent.data, extent.data + extent.length))
    for unit in snapshot.units():
        borders.add(unit.start + unit.length)
    at = 0
    for start, end in sorted(set(used)):
        if not snapshot.chunked:
            end += -end % PAGE
        if start > at:
            raise Wrong(f"no extent points to bytes {at} to {start - 1} of data space")
        if start not in borders or end not in borders:
            raise Wrong(f"an extent of bytes {start} to {end - 1} of data space, which are not whole units")
        at = max(at, end)
    if at != snapshot.data_space:
        raise Wrong(f"no extent points to the end of data space, from {at} on")
