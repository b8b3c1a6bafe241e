"""Behind run.sh: builds, decodes, compares, damages. HEXZ names the tool; the argument is a folder to work in."""

import collections
import pathlib
import random
import subprocess
import sys

import check_encrypted
import check_thin
import damage
import golden
import inputs
from forge import forge
from layout import BLOCKS, EXTENTS, LZ4, PAGE, STORED, UNITS, ZSTD, ZSTD_DICTIONARY, Damaged, Unsupported
from snapshot import Snapshot
from tally import Tally, Wrong
from tool import build, check_nothing_unused, compare
from verify import verify

DECODER = pathlib.Path(__file__).with_name("hexz_decode.py")
PROFILES = ("generic", "eda", "embedded", "ml")
MODES = ((), ("--cdc",))
OTHER_OPTIONS = (
    ("--compression", "none"),
    ("--compression", "lz4", "--block-size", "4096"),
    ("--compression", "zstd", "--level", "19", "--block-size", "1048576"),
    ("--compression", "zstd", "--level", "1", "--block-size", "16777216"),
)


class Seen(collections.Counter):
    """What the snapshots had in them; a test that never meets a thing has not tested it."""

    def note(self, snapshot):
        mode = "chunked" if snapshot.chunked else "fixed"
        for tree, (height, _) in snapshot.trees.items():
            self[tree, height, mode] += 1
            self.update(("page", page.pointer.codec) for page in snapshot.pages(tree))
        self.update(("block", block.codec, mode) for block in snapshot.blocks())
        referenced = sum(stream.data for stream in snapshot.streams)
        self["repeated", mode] += referenced > snapshot.data_space + PAGE * len(snapshot.streams)

    def check(self):
        due = [("page", STORED), ("page", ZSTD)]
        for mode in ("fixed", "chunked"):
            due += [("block", codec, mode) for codec in (STORED, LZ4, ZSTD, ZSTD_DICTIONARY)] + [("repeated", mode)]
            due += [(EXTENTS, height, mode) for height in (0, 1, 2, 3)]
            due += [(tree, height, mode) for tree in (BLOCKS, UNITS) for height in (0, 1, 2)]
        missing = [what for what in due if not self[what]]
        if missing:
            raise Wrong(f"no snapshot had {missing}")


def run_tool(*arguments, expected=0):
    done = subprocess.run([sys.executable, DECODER, *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != expected:
        raise Wrong(f"{arguments[0]} ended with status {done.returncode}: {done.stderr.decode()}")
    if b"Traceback" in done.stderr:
        raise Wrong(done.stderr.decode())
    return done.stdout


def check_tool(snapshot, source, scratch):
    """The decoder as a command."""
    if b"sound" not in run_tool("verify", snapshot):
        raise Wrong("verify does not say that the file is sound")
    if b"stream disk" not in run_tool("info", snapshot):
        raise Wrong("info does not tell of the stream")
    if run_tool("cat", snapshot, "disk") != source.read_bytes():
        raise Wrong("cat to standard output differs from the source")
    run_tool("cat", snapshot, "disk", "-o", scratch)
    if scratch.read_bytes() != source.read_bytes():
        raise Wrong("cat to a file differs from the source")
    run_tool("cat", snapshot, "nothing", expected=1)
    content = bytearray(snapshot.read_bytes())
    content[5000] ^= 1
    scratch.write_bytes(content)
    run_tool("verify", scratch, expected=1)
    scratch.write_bytes(b"")
    run_tool("verify", scratch, expected=1)


def must_refuse(content, says):
    try:
        verify(Snapshot(content))
    except (Damaged, Unsupported) as error:
        if says not in str(error):
            raise Wrong(f"refused, but not for '{says}': {error}") from error
    else:
        raise Wrong("passed as sound")


def must_refuse_forged(snapshot, edits, says):
    must_refuse(forge(snapshot, edits), says)


def must_accept(snapshot, edits):
    verify(Snapshot(forge(snapshot, edits)))


def check_snapshot(tally, seen, name, disk, memory, output, options):
    snapshot = tally.check(f"{name}: builds", build, disk, memory, output, options)
    if snapshot is None:
        return None
    tally.check(f"{name}: verifies", verify, snapshot)
    tally.check(f"{name}: disk", compare, snapshot, "disk", disk)
    if memory:
        tally.check(f"{name}: memory", compare, snapshot, "memory", memory)
    tally.check(f"{name}: nothing unused", check_nothing_unused, snapshot)
    tally.check(f"{name}: told", seen.note, snapshot)
    return snapshot


def check_damage(tally, folder, files):
    cases = {
        "fixed": ("for damage", ("--compression", "lz4", "--block-size", "4096"), damage.fixed),
        "chunked": ("mixed", ("--compression", "zstd", "--block-size", "1048576", "--cdc"), damage.chunked),
        "dictionary": ("text", ("--profile", "embedded"), damage.with_dictionary),
    }
    rng = random.Random(7)
    for name, (source, options, table) in cases.items():
        output = folder / f"{name}.hexz"
        snapshot = tally.check(f"{name}: builds", build, *files[source], output, options)
        if snapshot is None:
            continue
        for number, edits in enumerate(damage.allowed()):
            tally.check(f"{name}: allowed change {number}", must_accept, snapshot, edits)
        for edits, says in table(snapshot):
            tally.check(f"{name}: {', '.join(edits)}: {says}", must_refuse_forged, snapshot, edits, says)
        for what, content in (*damage.changed(snapshot, rng), *damage.cuts(snapshot, rng)):
            tally.check(f"{name}: {what}", must_refuse, content, "")


def main():
    folder = pathlib.Path(sys.argv[1])
    tally, seen = Tally(), Seen()
    files = inputs.make(folder)
    output = folder / "built.hexz"
    for name, (disk, memory) in files.items():
        for mode in MODES:
            # Trees of three levels take their time.
            for profile in PROFILES[:1] if name == "scattered" else PROFILES:
                options = ("--profile", profile, *mode)
                check_snapshot(tally, seen, f"{name}, {' '.join(options)}", disk, memory, output, options)
    for name in ("mixed", "many pages"):
        for mode in MODES:
            for options in OTHER_OPTIONS:
                check_snapshot(
                    tally, seen, f"{name}, {' '.join((*options, *mode))}", *files[name], output, (*options, *mode)
                )
    tally.check("what the snapshots had in them", seen.check)

    tally.check("the decoder as a command: builds", build, *files["mixed"], output, ())
    tally.check("the decoder as a command", check_tool, output, files["mixed"][0], folder / "scratch")
    check_damage(tally, folder, files)
    golden.check(tally, folder)
    check_thin.check(tally, folder, files)
    check_encrypted.check(tally, folder, files)
    sys.exit(tally.end("decoder"))


if __name__ == "__main__":
    main()
