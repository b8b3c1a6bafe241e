"""Writes a snapshot anew with chosen changes, and with all checksums, hashes, lengths and
offsets of pages right for what was changed. So each change meets the very check that it
breaks, where a changed byte would only meet a hash. An encrypted snapshot is sealed anew
with its own file key: these are the forgeries of one who knows the password.

An edit is a function that is given a bytearray. Where it applies:

    header, footer                        before their MAC and CRC-32C are made
    slots                                 both copies of the key slots, likewise
    root                                  the root page
    dictionary                            as stored
    block N                               as stored, before sealing; its length and sums are made right
    extents|blocks|units LEVEL NUMBER     a page, decoded; pages of a level count from 0
"""

import struct

import google_crc32c
from blake3 import blake3

from encrypted import COMMITMENT_AT, IN_FOOTER, IN_HEADER, IN_SLOTS
from layout import (
    BLOCK_PIECE,
    BLOCKS,
    DICTIONARY_PIECE,
    FOOTER_MAGIC,
    INDEX_PIECE,
    NOTHING,
    ROOT_CONTEXT,
    ROOT_PIECE,
    TREE_NAMES,
    TREES,
    VERSION,
    put_crc,
)

# Places in the root page.
DATA_SPACE, BLOCK_COUNT, UNIT_COUNT, BLOCK_BYTES, DICTIONARY, ANCESTORS = 24, 32, 40, 48, 56, 112
TREE_AT = {"extents": 168, "blocks": 232, "units": 296}
STREAM = 360

WIDTHS = {"extents": (8, 8, 1, 2, 2), "blocks": (4, 4, 1, 1, 4, 32), "units": (16,), "chunks": (4, 16)}


def put(layout, at, *values):
    """An edit: values packed at an offset."""
    return lambda content: struct.pack_into(layout, content, at, *values)


def add(layout, at, more):
    """An edit: a number made larger by `more`."""

    def edit(content):
        struct.pack_into(layout, content, at, struct.unpack_from(layout, content, at)[0] + more)

    return edit


def in_entry(leaf, number, column, make, layout, value):
    """An edit of a leaf: `put` or `add` on one field of the entry `number`, from the end when negative."""

    def edit(content):
        (count,) = struct.unpack_from("<I", content, 4)
        at = 32 + count * sum(WIDTHS[leaf][:column]) + number % count * WIDTHS[leaf][column]
        make(layout, at, value)(content)

    return edit


def put_entry(leaf, number, column, layout, value):
    return in_entry(leaf, number, column, put, layout, value)


def add_to_entry(leaf, number, column, layout, more):
    return in_entry(leaf, number, column, add, layout, more)


def append(more):
    return lambda content: content.extend(more)


def replace(more):
    def edit(content):
        content[:] = more

    return edit


def both(*edits):
    def edit(content):
        for each in edits:
            each(content)

    return edit


def forge(snapshot, edits):
    """The bytes of the new file. Every edit must find its place."""
    return _Forger(snapshot, edits).file()


class _Forger:
    def __init__(self, snapshot, edits):
        self.snapshot = snapshot
        self.keys = snapshot.keys
        self.edits = dict(edits)
        self.out = bytearray(snapshot.body)
        self.numbers = {}
        self.block_number = 0
        self.more_stored = 0

    def edited(self, place, content):
        content = bytearray(content)
        if place in self.edits:
            before = bytes(content)
            self.edits.pop(place)(content)
            if content == before:
                raise ValueError(f"the edit of {place} changes nothing")
        return content

    def append(self, content):
        offset = len(self.out)
        self.out += content
        return offset

    def pointer_to(self, kind, codec, piece, decoded):
        """Appends a piece; returns the pointer to it."""
        digest = self.keys.piece_hash(piece)
        offset = len(self.out)
        self.append(self.keys.seal(kind, codec, offset, piece, decoded, digest))
        return struct.pack("<QIIB7x32s", offset, len(piece), decoded, codec, digest)

    def file(self):
        old = self.snapshot
        header = self.edited("header", old.header)
        root = bytearray(old.root_page)
        if pointer := old.dictionary_pointer:
            piece = self.edited("dictionary", old.piece(DICTIONARY_PIECE, pointer, "dictionary"))
            root[DICTIONARY : DICTIONARY + 56] = self.pointer_to(
                DICTIONARY_PIECE, pointer.codec, piece, pointer.decoded
            )
        for tree in TREES:
            height, top = old.trees[tree]
            if height:
                at = TREE_AT[TREE_NAMES[tree]] + 8
                root[at : at + 56] = self.page(tree, height - 1, top)
        for stored_bytes in (BLOCK_BYTES, STREAM + 32):
            add("<Q", stored_bytes, self.more_stored)(root)
        root = self.edited("root", root)
        self.put_head(header)
        self.put_tail(header, root)
        if self.edits:
            raise ValueError(f"no such place: {', '.join(self.edits)}")
        return bytes(self.out)

    def put_head(self, header):
        if self.snapshot.encrypted:
            self.keys.put_mac(IN_HEADER, header)
            slots = self.edited("slots", self.snapshot.slots.page)
            self.keys.put_mac(IN_SLOTS, slots)
            put_crc(slots)
            self.out[4096:12288] = slots + slots
        put_crc(header)
        self.out[:4096] = header

    def put_tail(self, header, root):
        """Root page and footer."""
        offset, digest = len(self.out), self.keys.piece_hash(root)
        held = self.keys.seal(ROOT_PIECE, 0, offset, root, len(root), digest)
        self.append(held)
        footer = bytearray(4096)
        root_hash = root_hash_of(header, held)
        struct.pack_into(
            "<8sIIQQ32s", footer, 0, FOOTER_MAGIC, VERSION, len(held), len(self.out) + 4096, offset, root_hash
        )
        if self.snapshot.encrypted:
            footer[64:96] = digest
        footer = self.edited("footer", footer)
        if self.snapshot.encrypted:
            self.keys.put_mac(IN_FOOTER, footer)
        put_crc(footer)
        self.append(footer)

    def page(self, tree, level, pointer):
        """Appends a page behind all that is below it; returns the pointer to it."""
        content = bytearray(self.snapshot.follow(INDEX_PIECE, pointer, TREE_NAMES[tree]))
        place = f"{TREE_NAMES[tree]} {level} {self.numbers.get((tree, level), 0)}"
        if level:
            for at in range(32, len(content), 72):
                child = self.snapshot.pointer(content, at + 16, 16384, TREE_NAMES[tree])
                content[at + 16 : at + 72] = self.page(tree, level - 1, child)
        pieces = self.blocks(content) if tree == BLOCKS and level == 0 else []
        self.numbers[tree, level] = self.numbers.get((tree, level), 0) + 1
        content = self.edited(place, content)
        self.seal_blocks(content, pieces)
        packed = self.pointer_to(INDEX_PIECE, 0, bytes(content), len(content))
        return packed if content else NOTHING

    def blocks(self, leaf):
        """Makes a leaf right for its blocks, and room for them; returns (offset, first byte, piece) of each."""
        pieces, number = [], self.block_number
        first = struct.unpack_from("<Q", leaf, 24)[0]
        struct.pack_into("<Q", leaf, 24, len(self.out))
        (count,) = struct.unpack_from("<I", leaf, 4)
        for entry, block in enumerate(self.snapshot.block_table[number : number + count]):
            if entry == 0 and block.offset != first:
                raise ValueError("the leaves of blocks are not in order")
            place, piece = f"block {number + entry}", self.snapshot.block_piece(block)
            if place in self.edits:
                piece = self.edited(place, piece)
                put_entry("blocks", entry, 0, "<I", len(piece))(leaf)
                if not self.snapshot.encrypted:
                    put_entry("blocks", entry, 4, "<I", google_crc32c.value(bytes(piece)))(leaf)
                put_entry("blocks", entry, 5, "32s", self.keys.piece_hash(piece))(leaf)
            pieces.append((self.append(bytes(len(piece) + self.keys.tag)), block.start, piece))
            self.more_stored += len(piece) - block.stored
        self.block_number += count
        return pieces

    def seal_blocks(self, leaf, pieces):
        """Puts the blocks into their room, sealed as the leaf has them now, so that an edit of it meets its
        own check and not the tag."""
        (count,) = struct.unpack_from("<I", leaf, 4) if len(leaf) >= 8 else (0,)
        right = count == len(pieces) and len(leaf) == 32 + 46 * count
        for entry, (offset, first, piece) in enumerate(pieces):
            length, codec, digest = len(piece), 0, self.keys.piece_hash(piece)
            if right:
                (length,) = struct.unpack_from("<I", leaf, 32 + 4 * (count + entry))
                codec, digest = leaf[32 + 8 * count + entry], bytes(leaf[32 + 14 * count + 32 * entry :][:32])
            held = self.keys.seal(BLOCK_PIECE, codec, first, piece, length, digest)
            self.out[offset : offset + len(held)] = held


def root_hash_of(header, root_page):
    """The root hash of a header and the root page as it lies in the file."""
    incompat_to_file_id = bytes(header[16:48])
    commitment = bytes(header[COMMITMENT_AT : COMMITMENT_AT + 32]) if header[16] & 1 else b""
    hashed = struct.pack("<I", VERSION) + incompat_to_file_id + commitment + root_page
    return blake3(hashed, derive_key_context=ROOT_CONTEXT).digest()
