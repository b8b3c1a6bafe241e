"""Encrypted snapshots: what the library writes the decoder reads, what encoder.py writes the library reads,
and attacks are refused by both."""

import random

from blake3 import blake3

import attack
import damage
import tool
from attack import OK, OTHER_PASSWORD, PASSWORD
from encoder import encode, encode_encrypted
from forge import forge, put, put_entry
from layout import FAULTS, FOOTER, Damaged, NotEncrypted, PasswordRequired, Unsupported, WrongPassword
from slots import BODY, FIRST, new_slot, packed_slot
from snapshot import Snapshot
from tally import Wrong
from verify import verify

STATUS_OF = {
    Damaged: "CORRUPT",
    Unsupported: "UNSUPPORTED",
    PasswordRequired: "PASSWORD_REQUIRED",
    WrongPassword: "WRONG_PASSWORD",
    NotEncrypted: "NOT_ENCRYPTED",
}
BUILDS = {
    "mixed": [("--profile", "generic"), ("--profile", "ml", "--cdc")],
    "disk and memory": [("--profile", "generic"), ("--profile", "ml", "--cdc")],
    "text": [("--profile", "embedded"), ("--profile", "eda", "--cdc")],
    "for damage": [("--compression", "none")],
    "0 bytes": [()],
    "zeros": [()],
}
# A forged file may meet one of these before the check that its edit is aimed at in a plain one.
SEALED = (
    "the tag does not match",
    "the piece hash does not match",
    "a sealed root page of",
    "with zeros to the next 4096",
    "behind the last stream",
)
# Rules of section 6, which a reader need not check.
ONLY_THE_WRITER = ("not aligned", "is zeros", "not padded with zeros")


class Files:
    """Where the tool finds a snapshot and its password."""

    def __init__(self, folder):
        self.snapshot, self.password = folder / "attacked.hexz", folder / "password"
        self.new_password = folder / "new password"

    def write(self, content, password):
        """Returns the arguments of the tool that name the two."""
        self.snapshot.write_bytes(content)
        if password is None:
            return [str(self.snapshot)]
        self.password.write_bytes(password)
        return ["--password-file", str(self.password), str(self.snapshot)]


def decoded(snapshot, number):
    """A stream, as far as it can be read; and whether that is all."""
    held = bytearray()
    try:
        for piece in snapshot.read(number):
            held += bytes(piece) if isinstance(piece, int) else piece
    except Damaged:
        return bytes(held), False
    return bytes(held), True


def must_be_of(stream, held, is_all, who):
    """What was read is the stream, or the start of it where an error followed."""
    _, name, content = stream
    if held != (content if is_all else content[: len(held)]):
        raise Wrong(f"{who} read other bytes than stream {name} has")


def by_decoder(case, streams):
    expected, snapshot = case.verified or case.expected, None
    try:
        snapshot = Snapshot(case.content, case.password, case.expect_root)
        for number, stream in enumerate(streams):
            held, is_all = decoded(snapshot, number)
            must_be_of(stream, held, is_all, "the decoder")
            if case.expected == OK and not is_all:
                raise Wrong("the decoder cannot read it")
        verify(snapshot)
    except FAULTS as error:
        status = STATUS_OF[type(error)]
        if status != expected or snapshot is None and case.expected == OK:
            raise Wrong(f"the decoder says {status}, not {expected}: {error}") from error
        return
    if expected != OK:
        raise Wrong(f"the decoder finds it sound, and not {expected}")


def by_tool(files, case, streams):
    named = files.write(case.content, case.password)
    if case.expect_root is not None:
        named += ["--expect-root", case.expect_root.hex()]
    status, _, said = tool.verify(*named)
    expected = case.verified or case.expected
    if status != expected:
        raise Wrong(f"the tool says {status}, not {expected}: {said}")
    for stream in streams:
        status, held, said = tool.cat(stream[1], *named)
        must_be_of(stream, held, status == OK, "the tool")
        if case.expected == OK and status != OK:
            raise Wrong(f"the tool cannot read it: {said}")


def check_attacks(tally, files):
    scene = attack.Scene()
    for case in attack.cases(scene):
        streams = case.streams or scene.streams
        tally.check(f"attack, decoder: {case.name}", by_decoder, case, streams)
        tally.check(f"attack, tool: {case.name}", by_tool, files, case, streams)


def check_encoder(tally, files):
    """What the encoder writes, both read."""
    rng = random.Random(3)
    key = attack.Scene().file_key
    slot = new_slot(key, PASSWORD, rng.randbytes(32))
    noise = rng.randbytes(50_000)
    for name, streams in {
        "no stream": [],
        "an empty stream": [(1, "disk", b"")],
        "a byte": [(1, "disk", b"\1")],
        "zeros": [(1, "disk", bytes(9000))],
        "several": [(1, "disk", noise), (3, "blöb", b""), (2, "memory", bytes(5000) + noise[:9999]), (3, "z", b"end")],
    }.items():
        plain = attack.Case(name, encode(streams), OK, None)
        sealed = attack.Case(name, encode_encrypted(streams, key, slot), OK)
        for how, case in (("plain", plain), ("encrypted", sealed)):
            tally.check(f"encoder: {name}, {how}: decoder", by_decoder, case, streams)
            tally.check(f"encoder: {name}, {how}: tool", by_tool, files, case, streams)


def check_changed_bytes(tally, files):
    """A byte here and there, and cuts: an error, and never other bytes."""
    scene, rng = attack.Scene(), random.Random(5)
    size = len(scene.good)
    places = {0, 9, 4095, 4096, 4200, 8191, 8192, 12287, BODY, size - FOOTER, size - 1, *range(1, size, 1501)}
    for at in sorted(places):
        content = bytearray(scene.good)
        content[at] ^= rng.randrange(1, 256)
        case = attack.Case(f"byte {at}", bytes(content), verified="CORRUPT")
        if at < 8:
            case = case._replace(expected="NOT_SNAPSHOT", verified=None)
        elif 8 <= at < 12:
            case = case._replace(expected="UNSUPPORTED", verified=None)
        elif 4096 <= at < BODY:
            # One copy of the key slots opens it.
            case = case._replace(expected=OK)
        if at >= 8:
            tally.check(f"changed: {case.name}: decoder", by_decoder, case, scene.streams)
        tally.check(f"changed: {case.name}: tool", by_tool, files, case, scene.streams)
    for end in range(8, size, 4999):
        case = attack.Case(f"cut to {end}", scene.good[:end])
        tally.check(f"{case.name}: decoder", by_decoder, case, scene.streams)
        tally.check(f"{case.name}: tool", by_tool, files, case, scene.streams)


def check_rekey(tally, files):
    """The library changes the passwords of a file that it did not write; the rest of it stays as it was."""
    scene = attack.Scene()
    files.write(scene.good, PASSWORD)
    files.new_password.write_bytes(OTHER_PASSWORD)
    least = ("--kdf-memory", "1M", "--kdf-passes", "1", "--kdf-lanes", "1")
    new = ("--new-password-file", str(files.new_password), *least)
    for how, options, opens in (("add", new, {PASSWORD, OTHER_PASSWORD}), ("remove", (), {OTHER_PASSWORD})):
        tally.check(f"rekey: {how}", rekey, files, how, options)
        content = files.snapshot.read_bytes()
        for password in (PASSWORD, OTHER_PASSWORD):
            expected = OK if password in opens else "WRONG_PASSWORD"
            case = attack.Case("", content, expected, password)
            tally.check(f"rekey: {how}, opened with {password}", by_decoder, case, scene.streams)
        if content[4096:8192] != content[8192:BODY]:
            tally.fail(f"rekey: {how}", "the copies of the key slots differ")
        if content[:4096] != scene.good[:4096] or content[BODY:] != scene.good[BODY:]:
            tally.fail(f"rekey: {how}", "more than the key slots was changed")


def rekey(files, how, options):
    status, _, said = tool.run("rekey", "--password-file", str(files.password), *options, str(files.snapshot), how)
    if status != OK:
        raise Wrong(f"the tool says {status}: {said}")


# --- what the library writes ----------------------------------------------------------


def built(source, memory, output, options, files):
    """A snapshot that the tool encrypted, sealed anew with the least cost."""
    files.password.write_bytes(PASSWORD)
    options = (*options, "--encrypt", "--password-file", str(files.password))
    return tool.build(source, memory, output, options, PASSWORD)


def with_least_cost(snapshot):
    slot = new_slot(snapshot.keys, PASSWORD, random.Random(9).randbytes(32))
    return Snapshot(forge(snapshot, {"slots": put("<256s", FIRST, packed_slot(slot))}), PASSWORD)


def must_be_new(snapshot, seen):
    """Keys, ids and salts are new in each file."""
    for value in (snapshot.keys.key, snapshot.file_id, snapshot.slots.slots[0].salt):
        if value in seen or not any(value):
            raise Wrong("a file key, file id or salt that was there before")
        seen.add(value)
    if snapshot.slots.generation != 1 or snapshot.content[4096:8192] != snapshot.content[8192:12288]:
        raise Wrong("the key slots are not two equal copies of generation 1")


def must_hide(snapshot, sources):
    """No sampled 16 bytes of a stream or of the dictionary are in the file, no name, and no hash made without a key."""
    content = bytes(snapshot.content)
    clear = [stream.name.encode() + bytes(12) for stream in snapshot.streams]
    for source in sources:
        source = source.read_bytes()
        clear += [source[at : at + 16] for at in range(0, len(source), 4096)]
    if snapshot.dictionary_pointer:
        dictionary = snapshot.dictionary().as_bytes()
        clear += [dictionary[at : at + 16] for at in range(0, len(dictionary), 64)]
    for block in snapshot.blocks():
        piece = snapshot.block_piece(block)
        clear += [blake3(piece).digest(16), block.hash[:16]]
    clear += [unit.hash for unit in snapshot.units()]
    for window in clear:
        if len(window) == 16 and any(window) and window in content:
            raise Wrong(f"{window.hex()} is in the file")


def must_refuse(snapshot, edits, says, files):
    content = forge(snapshot, edits)
    try:
        verify(Snapshot(content, PASSWORD))
    except (Damaged, Unsupported) as error:
        if not any(what in str(error) for what in (says, *SEALED)):
            raise Wrong(f"refused, but not for '{says}': {error}") from error
        expected = STATUS_OF[type(error)]
    else:
        raise Wrong("passed as sound")
    status, _, said = tool.verify(*files.write(content, PASSWORD))
    if status != expected and says not in ONLY_THE_WRITER:
        raise Wrong(f"the tool says {status}, not {expected}: {said}")


def in_the_clear():
    """Edits under MACs that are right."""
    return [
        ({"header": put("<Q", 16, 3)}, "no page of ancestors"),
        ({"header": put("<I", 12, 8192)}, "its length"),
        ({"header": put("<B", 112, 1)}, "bytes 112 to 127"),
        ({"header": put("<B", 3968, 1)}, "bytes 3968 to 4091"),
        ({"header": put("<B", 130, 0xC3)}, "not ASCII"),
        ({"header": put("<B", 48, 0)}, "the commitment"),
        ({"header": put("<B", 32, 0)}, "the file id"),
        ({"slots": put("<I", 8, 2)}, "version 2"),
        ({"slots": put("<B", 12, 1)}, "bytes 12 to 15"),
        ({"slots": put("<B", 24, 0)}, "the file id"),
        ({"slots": put("<B", 72, 1)}, "bytes 72 to 127"),
        ({"slots": put("<B", 2176, 1)}, "bytes 2176 to 4091"),
        ({"slots": put("<256s", FIRST, b"")}, "none is used"),
        ({"footer": put("<B", 128, 1)}, "bytes 128 to 4091"),
        ({"footer": put("<B", 64, 0)}, "root page: the tag"),
        ({"blocks 0 0": put_entry("blocks", 0, 4, "<I", 1)}, "a CRC-32C of the plain bytes"),
        ({"root": lambda root: root.__setitem__(-1, 1)}, "behind the last stream"),
        ({"root": lambda root: root.extend(bytes(4096))}, "with zeros to the next 4096"),
        ({"root": lambda root: root.extend(bytes(7 * 4096 + 4096))}, "a sealed root page of 36880"),
        ({"root": lambda root: root.extend(b"\0")}, "a sealed root page of 4113"),
    ]


def check_damage(tally, folder, files, sources):
    options = ("--compression", "lz4", "--block-size", "4096")
    snapshot = tally.check("for damage: builds", built, *sources, folder / "damaged.hexz", options, files)
    if snapshot is None:
        return
    snapshot = with_least_cost(snapshot)
    tally.check("for damage: sealed anew", verify, snapshot)
    edits = [
        *in_the_clear(),
        *damage.root_page(),
        *damage.pages(snapshot),
        *damage.leaves(),
        *damage.contents(snapshot),
    ]
    for change, says in edits:
        # A CRC-32C of zero is what a sealed block has.
        if says != "the CRC-32C":
            tally.check(f"sealed: {', '.join(change)}: {says}", must_refuse, snapshot, change, says, files)


def check_built(tally, folder, files, sources):
    seen = set()
    for name, options_of in BUILDS.items():
        disk, memory = sources[name]
        for options in options_of:
            output, title = folder / "built.hexz", f"encrypted {name}, {' '.join(options)}"
            snapshot = tally.check(f"{title}: builds", built, disk, memory, output, options, files)
            if snapshot is None:
                continue
            tally.check(f"{title}: verifies", verify, snapshot)
            tally.check(f"{title}: disk", tool.compare, snapshot, "disk", disk)
            if memory:
                tally.check(f"{title}: memory", tool.compare, snapshot, "memory", memory)
            tally.check(f"{title}: nothing unused", tool.check_nothing_unused, snapshot)
            tally.check(f"{title}: new keys", must_be_new, snapshot, seen)
            tally.check(f"{title}: hides", must_hide, snapshot, [disk, *([memory] if memory else [])])


def check(tally, folder, sources):
    files = Files(folder)
    check_encoder(tally, files)
    check_attacks(tally, files)
    check_changed_bytes(tally, files)
    check_rekey(tally, files)
    check_built(tally, folder, files, sources)
    check_damage(tally, folder, files, sources["for damage"])
