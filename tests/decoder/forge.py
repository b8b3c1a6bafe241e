"""Writes a snapshot anew with chosen changes, and with all checksums, hashes, lengths and
offsets of pages right for what was changed. So each change meets the very check that it
breaks, where a changed byte would only meet a hash.

An edit is a function that is given a bytearray. Where it applies:

    header, footer                        before their CRC-32C is made
    root                                  the root page
    dictionary                            as stored
    block N                               as stored; its length and sums are made right
    extents|blocks|units LEVEL NUMBER     a page, decoded; pages of a level count from 0
"""

import struct

import google_crc32c
from blake3 import blake3

from snapshot import BLOCKS, FOOTER_MAGIC, NOTHING, ROOT_CONTEXT, TREE_NAMES, TREES, VERSION

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


def pointer_to(offset, content):
    return struct.pack("<QIIB7x32s", offset, len(content), len(content), 0, blake3(content).digest())


def forge(snapshot, edits):
    """The bytes of the new file. Every edit must find its place."""
    return _Forger(snapshot, edits).file()


class _Forger:
    def __init__(self, snapshot, edits):
        self.snapshot = snapshot
        self.edits = dict(edits)
        self.out = bytearray(4096)
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

    def file(self):
        old = self.snapshot
        end = len(old.content) - 4096
        header = self.edited("header", old.content[:4096])
        root = bytearray(old.content[old.root_offset : end])
        if pointer := old.dictionary_pointer:
            stored = self.edited("dictionary", old.content[pointer.offset : pointer.offset + pointer.stored])
            offset = self.append(stored)
            root[DICTIONARY : DICTIONARY + 56] = struct.pack(
                "<QIIB7x32s", offset, len(stored), pointer.decoded, pointer.codec, blake3(stored).digest()
            )
        for tree in TREES:
            height, top = old.trees[tree]
            if height:
                at = TREE_AT[TREE_NAMES[tree]] + 8
                root[at : at + 56] = self.page(tree, height - 1, top)
        for stored_bytes in (BLOCK_BYTES, STREAM + 32):
            add("<Q", stored_bytes, self.more_stored)(root)
        root = self.edited("root", root)
        offset = self.append(root)

        struct.pack_into("<I", header, 4092, google_crc32c.value(bytes(header[:4092])))
        self.out[:4096] = header
        incompat_to_file_id = bytes(header[16:48])
        root_hash = blake3(
            struct.pack("<I", VERSION) + incompat_to_file_id + root, derive_key_context=ROOT_CONTEXT
        ).digest()
        footer = bytearray(4096)
        struct.pack_into(
            "<8sIIQQ32s", footer, 0, FOOTER_MAGIC, VERSION, len(root), len(self.out) + 4096, offset, root_hash
        )
        footer = self.edited("footer", footer)
        struct.pack_into("<I", footer, 4092, google_crc32c.value(bytes(footer[:4092])))
        self.append(footer)
        if self.edits:
            raise ValueError(f"no such place: {', '.join(self.edits)}")
        return bytes(self.out)

    def page(self, tree, level, pointer):
        """Appends a page behind all that is below it; returns the pointer to it."""
        content = bytearray(self.snapshot.follow(pointer, TREE_NAMES[tree]))
        if level:
            for at in range(32, len(content), 72):
                child = self.snapshot.pointer(content, at + 16, 16384, TREE_NAMES[tree])
                content[at + 16 : at + 72] = self.page(tree, level - 1, child)
        elif tree == BLOCKS:
            self.blocks(content)
        number = self.numbers.get((tree, level), 0)
        self.numbers[tree, level] = number + 1
        content = self.edited(f"{TREE_NAMES[tree]} {level} {number}", content)
        packed = pointer_to(len(self.out), bytes(content))
        self.append(content)
        return packed if content else NOTHING

    def blocks(self, leaf):
        """Appends the blocks of a leaf, and makes the leaf right for them."""
        count, (first,) = struct.unpack_from("<I", leaf, 4)[0], struct.unpack_from("<Q", leaf, 24)
        struct.pack_into("<Q", leaf, 24, len(self.out))
        for number in range(count):
            (length,) = struct.unpack_from("<I", leaf, 32 + 4 * number)
            place, stored = f"block {self.block_number}", self.snapshot.content[first : first + length]
            if place in self.edits:
                stored = self.edited(place, stored)
                put_entry("blocks", number, 0, "<I", len(stored))(leaf)
                put_entry("blocks", number, 4, "<I", google_crc32c.value(bytes(stored)))(leaf)
                put_entry("blocks", number, 5, "32s", blake3(stored).digest())(leaf)
            self.append(stored)
            self.block_number += 1
            self.more_stored += len(stored) - length
            first += length
