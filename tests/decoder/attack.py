"""Attacks on an encrypted snapshot, each by name: what the attacker made of the file, and what a
reader has to answer. All sums that need no key are right, so that each attack meets the check it is
aimed at. The files are written by encoder.py, so the file key is at hand where an attacker has it."""

import random
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from collide import two_keys
from encoder import encode, encode_encrypted
from encrypted import COMMITMENT_AT, IN_HEADER, IN_SLOTS, MAC_AT, NONCE, FileKey
from forge import forge, put, root_hash_of
from layout import BLOCKS, EXTENTS, FOOTER, PAGE, UNITS, put_crc
from slots import (
    COPIES,
    FIRST,
    LEAST_COST,
    SIZE,
    Slot,
    commitment_of,
    new_copy,
    new_slot,
    packed_slot,
    password_key,
    wrapping,
)
from snapshot import Snapshot

PASSWORD, OTHER_PASSWORD = b"correct horse battery staple", b"another password"
OK, CORRUPT, WRONG_PASSWORD = "OK", "CORRUPT", "WRONG_PASSWORD"
UNSUPPORTED, NOT_ENCRYPTED, PASSWORD_REQUIRED = "UNSUPPORTED", "NOT_ENCRYPTED", "PASSWORD_REQUIRED"
HEADER_AT, SLOT_0 = 0, FIRST
ROOT_HASH_AT, ROOT_PIECE_HASH_AT = 32, 64


class Case(NamedTuple):
    name: str
    content: bytes
    expected: str = CORRUPT
    password: bytes | None = PASSWORD
    streams: list | None = None  # what a file holds that opens, if not what the scene's does
    expect_root: bytes | None = None
    verified: str | None = None  # what a check of all of the file answers, where it says more than opening does


class Scene:
    """Two snapshots of equal shape and different content under one password, and what they are made of."""

    def __init__(self):
        self.rng = random.Random(20261123)
        self.file_key, self.other_key = self.new_key(), self.new_key()
        self.streams, self.other_streams = self.new_streams(), self.new_streams()
        self.slot, self.other_slot = self.new_slot(self.file_key), self.new_slot(self.other_key)
        self.good = encode_encrypted(self.streams, self.file_key, self.slot)
        self.other = encode_encrypted(self.other_streams, self.other_key, self.other_slot)
        self.snapshot = Snapshot(self.good, PASSWORD)
        self.footer_at = len(self.good) - FOOTER

    def new_key(self):
        return FileKey(self.rng.randbytes(32), self.rng.randbytes(16))

    def new_slot(self, key, password=PASSWORD, cost=LEAST_COST):
        return new_slot(key, password, self.rng.randbytes(32), cost)

    def new_streams(self):
        disk = self.rng.randbytes(9 * PAGE) + bytes(3 * PAGE) + self.rng.randbytes(PAGE + 100)
        return [(1, "disk", disk), (2, "memory", self.rng.randbytes(6 * PAGE))]

    # --- what an attacker without the key can do --------------------------------------

    def edited(self, *places_and_edits, content=None):
        """The file with edits of its pages of 4096 bytes, their checksums made right."""
        content = bytearray(self.good if content is None else content)
        for at, edit in places_and_edits:
            page = content[at : at + PAGE]
            edit(page)
            put_crc(page)
            content[at : at + PAGE] = page
        return rooted(content)

    def in_slots(self, *edits):
        return self.edited(*((at, edit) for edit in edits for at in COPIES))

    def with_copies(self, *copies, content=None):
        content = bytearray(self.good if content is None else content)
        for at, copy in zip(COPIES, copies):
            content[at : at + PAGE] = copy
        return bytes(content)

    def moved(self, pieces, source=None):
        """The file with pieces, (to, from, length) each, copied over others, out of itself or of another file."""
        source, content = source or self.good, bytearray(self.good)
        for to, start, length in pieces:
            content[to : to + length] = source[start : start + length]
        if bytes(content) == self.good:
            raise ValueError("moving this changes nothing")
        return rooted(content)


def rooted(content):
    """Makes the root hash right, and the footer's checksum."""
    content = bytearray(content)
    footer_at = len(content) - FOOTER
    footer = content[footer_at:]
    length, _, offset = struct.unpack_from("<IQQ", footer, 12)
    footer[ROOT_HASH_AT : ROOT_HASH_AT + 32] = root_hash_of(content[:PAGE], bytes(content[offset : offset + length]))
    put_crc(footer)
    content[footer_at:] = footer
    return bytes(content)


def flip(at):
    """An edit: one bit is another."""

    def edit(page):
        page[at] ^= 1

    return edit


def wipe(at, length):
    return lambda page: page.__setitem__(slice(at, at + length), bytes(length))


def held(snapshot, block):
    return block.offset, block.stored + snapshot.keys.tag


def untouched(scene):
    again = scene.new_slot(scene.file_key, OTHER_PASSWORD)
    two = encode_encrypted(scene.streams, scene.file_key, scene.slot, None, None, again)
    root = scene.snapshot.root_hash
    unnamed = forge(scene.snapshot, {"header": put("<64s", 128, b"")})
    twice = forge(scene.snapshot, {"header": put("<BB62s", 3904, 1, 0, b"sealed")})
    return [
        Case("no feature has a name", unnamed, OK),
        Case("a feature has two names", twice, OK),
        Case("nothing is changed", scene.good, OK),
        Case("the root is the expected one", scene.good, OK, expect_root=root),
        Case("the password is another", scene.good, WRONG_PASSWORD, OTHER_PASSWORD),
        Case("no password", scene.good, PASSWORD_REQUIRED, None),
        Case("two passwords, the first", two, OK),
        Case("two passwords, the second", two, OK, OTHER_PASSWORD),
        Case("two passwords, neither", two, WRONG_PASSWORD, b"neither"),
        Case("another whole file of this password", scene.other, OK, streams=scene.other_streams),
        Case("another whole file, and an expected root", scene.other, expect_root=root),
    ]


def blocks_and_pages(scene):
    """Ciphertext put where it does not belong."""
    table, other_table = list(scene.snapshot.blocks()), list(Snapshot(scene.other, PASSWORD).blocks())
    (first, length), (second, _) = held(scene.snapshot, table[0]), held(scene.snapshot, table[1])
    if [block.offset for block in table] != [block.offset for block in other_table]:
        raise ValueError("the two files are not of equal shape")
    cases = [
        Case("two blocks swapped", scene.moved([(first, second, length), (second, first, length)])),
        Case("a block in the place of another", scene.moved([(first, second, length)])),
        Case("a block of another file", scene.moved([(first, first, length)], scene.other)),
    ]
    clone = encode_encrypted(scene.other_streams, scene.file_key, scene.slot)
    cases.append(Case("a block of a build that a cloned machine made", scene.moved([(first, first, length)], clone)))
    for tree, name in ((EXTENTS, "extents"), (BLOCKS, "blocks"), (UNITS, "units")):
        page = scene.snapshot.trees[tree].top
        piece = page.offset, page.offset, page.stored + scene.snapshot.keys.tag
        cases.append(Case(f"page of {name} of another file", scene.moved([piece], scene.other)))
        # The extents of the clone are the same, and so is the page of them.
        if tree != EXTENTS:
            cases.append(Case(f"page of {name} of a cloned build", scene.moved([piece], clone)))
    root_at, end = scene.snapshot.root_offset, len(scene.good)
    for source, whose in ((scene.other, "another file"), (clone, "a cloned build")):
        cases += [
            Case(f"root page of {whose}", scene.moved([(root_at, root_at, scene.footer_at - root_at)], source)),
            Case(f"footer of {whose}", scene.moved([(scene.footer_at, scene.footer_at, FOOTER)], source)),
            Case(f"root page and footer of {whose}", scene.moved([(root_at, root_at, end - root_at)], source)),
        ]
    body = [(12288, 12288, end - 12288)]
    cases += [
        Case("all but header and slots of another file", scene.moved(body, scene.other)),
        Case("all but header and slots of a cloned build", scene.moved(body, clone), OK, streams=scene.other_streams),
    ]
    return cases


def slots_of_others(scene):
    """The password fits these slots, but the file key in them is another file's."""
    theirs, both = packed_slot(scene.other_slot), scene.new_slot(scene.file_key, OTHER_PASSWORD)
    area = scene.other[4096:12288]
    whole = scene.good[:4096] + area + scene.good[12288:]
    renamed = scene.edited(*((at, put("<16s", 24, scene.file_key.file_id)) for at in COPIES), content=whole)
    with_header = rooted(scene.other[:12288] + scene.good[12288:])
    later = encode_encrypted(scene.streams, scene.file_key, scene.slot, both)
    return [
        Case("a slot of another file", scene.in_slots(put("<256s", SLOT_0, theirs))),
        Case("a slot of another file behind the right one", scene.in_slots(put("<256s", SLOT_0 + SIZE, theirs))),
        Case(
            "a slot of another file, with another password",
            scene.in_slots(put("<256s", SLOT_0, theirs)),
            WRONG_PASSWORD,
            OTHER_PASSWORD,
        ),
        Case("all slots of another file", whole),
        Case("all slots of another file, with this file's id", renamed),
        Case("header and slots of another file", with_header),
        Case("a slot taken away", scene.edited(*((at, wipe(SLOT_0 + SIZE, SIZE)) for at in COPIES), content=later)),
        Case("a slot repeated", scene.in_slots(put("<256s", SLOT_0 + SIZE, packed_slot(scene.slot)))),
        Case("slots in another order", scene.in_slots(put("<256s256s", SLOT_0, b"", packed_slot(scene.slot)))),
        Case("all slots wiped", scene.in_slots(wipe(SLOT_0, SIZE))),
    ]


def costs(scene):
    """Fields of the key derivation: beyond the bounds they are refused before memory is taken."""
    memory, passes, lanes = SLOT_0 + 4, SLOT_0 + 8, SLOT_0 + 12
    beyond = [
        (memory, (0, 1, 1023, (1 << 20) + 1, 1 << 31, (1 << 32) - 1)),
        (passes, (0, 65, 1 << 31, (1 << 32) - 1)),
        (lanes, (0, 17, 1 << 24, (1 << 32) - 1)),
    ]
    names = {memory: "memory", passes: "passes", lanes: "lanes"}
    cases = []
    for at, values in beyond:
        for value in values:
            of = "4 TiB of memory" if (at, value) == (memory, (1 << 32) - 1) else f"{value} as {names[at]}"
            cases.append(Case(of, scene.in_slots(put("<I", at, value))))
            cases.append(Case(f"{of}, in the first copy", scene.edited((COPIES[0], put("<I", at, value)))))
    for at, value in ((memory, 1025), (memory, 2048), (passes, 2), (lanes, 2)):
        cases.append(Case(f"{value} as {names[at]}", scene.in_slots(put("<I", at, value)), WRONG_PASSWORD))
    costly = packed_slot(scene.slot._replace(cost=scene.slot.cost._replace(memory=1 << 20)))
    many = put("<256s256s256s256s256s", SLOT_0, packed_slot(scene.slot), *[costly] * 4)
    cases += [
        Case("5 GiB times passes in one slot", scene.in_slots(put("<II", memory, 1 << 20, 5))),
        Case("64 GiB times passes in one slot", scene.in_slots(put("<II", memory, 1 << 20, 64))),
        Case("1 MiB more than 4 GiB times passes over all slots", scene.in_slots(many)),
        Case("a slot of kind 0", scene.in_slots(put("<B", SLOT_0, 0))),
        Case("a slot of kind 2", scene.in_slots(put("<B", SLOT_0, 2))),
        Case("a slot's zeros are not", scene.in_slots(put("<B", SLOT_0 + 1, 1))),
        Case("a slot's zeros at its end are not", scene.in_slots(put("<B", SLOT_0 + 255, 1))),
        Case("an unused slot is not zero", scene.in_slots(put("<B", SLOT_0 + SIZE + 100, 1))),
        Case("the salt", scene.in_slots(flip(SLOT_0 + 16)), WRONG_PASSWORD),
        Case("the commitment of the slot", scene.in_slots(flip(SLOT_0 + 48)), WRONG_PASSWORD),
        Case("the wrapped key", scene.in_slots(flip(SLOT_0 + 80))),
        Case("the tag of the wrapped key", scene.in_slots(flip(SLOT_0 + 127))),
    ]
    return cases


def two_keys_for_one_slot(scene):
    """One slot whose ciphertext GCM opens with two passwords, each time to another file key. With the
    commitment of the one, only that must open; all else of the file fits."""
    salt, file_id = scene.rng.randbytes(32), scene.rng.randbytes(16)
    passwords = PASSWORD, OTHER_PASSWORD
    derived = [password_key(password, LEAST_COST, salt) for password in passwords]
    (one, associated), (other, _) = (wrapping(key, file_id, LEAST_COST, salt) for key in derived)
    wrapped, tag = two_keys(one, other, associated, scene.rng.randbytes(16))
    file_keys = [FileKey(AESGCM(key).decrypt(NONCE, wrapped + tag, associated), file_id) for key in (one, other)]
    if file_keys[0].key == file_keys[1].key:
        raise ValueError("two keys, and one message")
    cases = []
    for owner, committed in ((0, 0), (0, 1), (1, 0), (1, 1)):
        slot = Slot(LEAST_COST, salt, commitment_of(derived[committed]), wrapped, tag)
        content = encode_encrypted(scene.streams, file_keys[owner], slot)
        for given in (0, 1):
            expected = WRONG_PASSWORD if given != committed else OK if given == owner else CORRUPT
            name = f"two-key slot: file of key {owner}, commitment to {committed}, password {given}"
            cases.append(Case(name, content, expected, passwords[given]))
    return cases


def in_the_clear(scene):
    """Header, slots and footer, with every sum right but the MAC."""
    theirs = scene.other_key.commitment
    later = put("<B", 24, 1)
    footer_at = scene.footer_at
    cases = []
    for name, places, at in (
        ("header", [HEADER_AT], MAC_AT[IN_HEADER]),
        ("slots", COPIES, MAC_AT[IN_SLOTS]),
        ("footer", [footer_at], 96),
    ):
        cases += [
            Case(f"MAC of {name} edited", scene.edited(*((place, flip(at)) for place in places))),
            Case(f"MAC of {name}, its last bit", scene.edited(*((place, flip(at + 31)) for place in places))),
            Case(f"MAC of {name} wiped", scene.edited(*((place, wipe(at, 32)) for place in places))),
        ]
    header_mac = scene.good[80:112]
    cases += [
        Case("MAC of the first copy of the slots edited", scene.edited((COPIES[0], flip(40)))),
        Case("the MAC of the header in the footer", scene.edited((footer_at, put("<32s", 96, header_mac)))),
        Case("the header's commitment", scene.edited((HEADER_AT, flip(COMMITMENT_AT)))),
        Case(
            "the header's commitment is another file's", scene.edited((HEADER_AT, put("<32s", COMMITMENT_AT, theirs)))
        ),
        Case("a compat bit set", scene.edited((HEADER_AT, later))),
        Case("a name taken away", scene.edited((HEADER_AT, wipe(128, 64)))),
        Case("the name of a bit", scene.edited((HEADER_AT, flip(130)))),
        Case("the header's zeros are not", scene.edited((HEADER_AT, put("<B", 112, 1)))),
        Case("the file id in the header", scene.edited((HEADER_AT, flip(32)))),
        Case("the file id in the slots", scene.in_slots(flip(24))),
        Case(
            "the file id in both", scene.edited(*((at, flip(place)) for at, place in ((0, 32), (4096, 24), (8192, 24))))
        ),
        Case("the piece hash of the root page", scene.edited((footer_at, flip(ROOT_PIECE_HASH_AT)))),
        Case("the slots' version", scene.in_slots(put("<I", 8, 2))),
        Case("the slots' zeros", scene.in_slots(put("<B", 12, 1))),
        Case("the slots' zeros behind the MAC", scene.in_slots(put("<B", 127, 1))),
        Case("the slots' zeros at the end", scene.in_slots(put("<B", 4091, 1))),
        Case("the footer's zeros", scene.edited((footer_at, put("<B", 128, 1)))),
        Case("the root hash", scene.good[: footer_at + 32] + crc_of_footer(scene.good, flip(ROOT_HASH_AT))[32:]),
    ]
    return cases


def crc_of_footer(content, edit):
    footer = bytearray(content[-FOOTER:])
    edit(footer)
    put_crc(footer)
    return bytes(footer)


def generations(scene):
    """Old key slots put back, and copies torn in the middle of a change of passwords."""
    old = new_copy(scene.file_key, [scene.new_slot(scene.file_key, OTHER_PASSWORD)], generation=6)
    new = new_copy(scene.file_key, [scene.slot], generation=7)
    torn = bytes(100) + new[100:]
    both_torn = scene.with_copies(torn, torn)
    return [
        Case("a change was cut short: new, old", scene.with_copies(new, old), OK),
        Case("a change was cut short: old, new", scene.with_copies(old, new), OK),
        Case(
            "a change was cut short: new, old, the old password",
            scene.with_copies(new, old),
            WRONG_PASSWORD,
            OTHER_PASSWORD,
        ),
        Case(
            "a change was cut short: old, new, the old password",
            scene.with_copies(old, new),
            WRONG_PASSWORD,
            OTHER_PASSWORD,
        ),
        Case("the new copy is torn", scene.with_copies(torn, old), WRONG_PASSWORD),
        Case(
            "the new copy is torn, the old password", scene.with_copies(torn, old), OK, OTHER_PASSWORD, verified=CORRUPT
        ),
        Case("the old copy is torn", scene.with_copies(new, torn), OK, verified=CORRUPT),
        Case("both copies are torn", both_torn),
        # Nothing in the file can tell these from what it once was; an expected root cannot either.
        Case("old slots put back", scene.with_copies(old, old), OK, OTHER_PASSWORD),
        Case("old slots put back, the new password", scene.with_copies(old, old), WRONG_PASSWORD),
        Case(
            "old slots with a higher generation",
            scene.edited((4096, put("<Q", 16, 8)), content=scene.with_copies(old, new)),
            CORRUPT,
            OTHER_PASSWORD,
        ),
        Case("generation rolled back", scene.in_slots(put("<Q", 16, 0))),
        Case("generation raised in one copy", scene.edited((8192, put("<Q", 16, 2)))),
        Case("generation raised to the last", scene.in_slots(put("<Q", 16, (1 << 64) - 1))),
        Case(
            "generation rolled back in one copy: the other counts",
            scene.edited((4096, put("<Q", 16, 0))),
            OK,
            verified=CORRUPT,
        ),
    ]


def feature_bits(scene):
    """An encrypted file made to look plain, and the other way round."""
    plain = encode(scene.streams)

    def without(*more):
        def edit(page):
            page[16] = 0
            page[128:192] = bytes(64)
            for change in more:
                change(page)

        return edit

    as_plain = without(wipe(32, 80))
    no_hash = scene.footer_at, wipe(64, 64)
    footer_as_plain = scene.edited((HEADER_AT, as_plain), no_hash)
    encrypted_bit = rooted(put_in_page(plain, 0, put("<Q", 16, 1)))
    return [
        Case("a plain file instead", plain, NOT_ENCRYPTED),
        Case("a plain file instead, no password", plain, OK, None),
        Case("a plain file instead, and an expected root", plain, CORRUPT, None, expect_root=scene.snapshot.root_hash),
        Case("not marked as encrypted", scene.edited((HEADER_AT, without())), CORRUPT, None),
        Case("not marked as encrypted, fields of the header wiped", scene.edited((HEADER_AT, as_plain)), CORRUPT, None),
        Case("not marked as encrypted, nor in the footer", footer_as_plain, CORRUPT, None),
        Case("a plain file marked as encrypted", encrypted_bit),
        Case("marked as thin too", scene.edited((HEADER_AT, put("<Q", 16, 3)))),
        Case("an unknown incompat bit too", scene.edited((HEADER_AT, put("<Q", 16, 1 | 1 << 40))), UNSUPPORTED),
    ]


def put_in_page(content, at, edit):
    content = bytearray(content)
    page = content[at : at + PAGE]
    edit(page)
    put_crc(page)
    content[at : at + PAGE] = page
    return bytes(content)


def by_one_who_knows_the_password(scene):
    """A block sealed anew under the hash that the leaf has: root hash, MACs and tag all fit."""
    block = next(scene.snapshot.blocks())
    content = bytearray(scene.good)
    evil = scene.rng.randbytes(block.length)
    sealed = scene.file_key.seal(4, block.codec, block.start, evil, block.length, block.hash)
    content[block.offset : block.offset + len(sealed)] = sealed
    return [
        Case("a block sealed anew under its old hash", bytes(content), CORRUPT, expect_root=scene.snapshot.root_hash),
    ]


class Misplacing(FileKey):
    """Seals one piece, the first of its kind, with other associated data than it ought to."""

    def __init__(self, file_key, kind, change):
        super().__init__(file_key.key, file_key.file_id)
        self.due, self.change = kind, change

    def associated(self, kind, *rest):
        right = super().associated(kind, *rest)
        if kind != self.due:
            return right
        self.due = None
        wrong = bytearray(right)
        self.change(wrong)
        return bytes(wrong)


def associated_data(scene):
    """A piece that fits in all but one field of its associated data: each field must be in it."""
    cases = []
    for kind, piece in ((2, "page"), (3, "root page"), (4, "block")):
        for at, field in (
            (0, "file id"),
            (16, "kind"),
            (17, "codec"),
            (18, "zeros"),
            (24, "ordinal"),
            (32, "length"),
            (36, "decoded length"),
        ):
            key = Misplacing(scene.file_key, kind, flip(at))
            cases.append(Case(f"{piece} sealed with another {field}", encode_encrypted(scene.streams, key, scene.slot)))
    return cases


def cut_and_lengthened(scene):
    good, size = scene.good, len(scene.good)
    ends = {0, 8, PAGE, 8192, 12288, scene.snapshot.root_offset, size - FOOTER, size - 1}
    return [
        *(Case(f"cut to {end} bytes", good[:end]) for end in sorted(ends - {0})),
        Case("a byte more", good + b"\0"),
        Case("twice", good + good),
        Case("a footer more", good + good[-FOOTER:]),
    ]


def cases(scene):
    for of in (
        untouched,
        blocks_and_pages,
        slots_of_others,
        costs,
        two_keys_for_one_slot,
        in_the_clear,
        generations,
        feature_bits,
        by_one_who_knows_the_password,
        associated_data,
        cut_and_lengthened,
    ):
        yield from of(scene)
