"""Writes small snapshots, plain and encrypted, from docs/FORMAT.md alone: stored blocks of fixed
size, trees of one leaf. What it writes, the library must open."""

import struct
from itertools import groupby

import google_crc32c

from encrypted import COMMITMENT_AT, IN_FOOTER, IN_HEADER, Clear
from forge import root_hash_of
from layout import (
    BLOCK_PIECE,
    DATA,
    ENCRYPTED,
    EXTENTS,
    FOOTER_MAGIC,
    HEADER_MAGIC,
    INDEX_PIECE,
    MAX_INDEX_PAGE,
    PAGE,
    ROOT_PIECE,
    STORED,
    TREES,
    VERSION,
    ZERO,
    put_crc,
)
from slots import BODY, COPIES, new_copy

BLOCK = 8192


def encode(streams, file_key=None, slots=(), block_size=BLOCK):
    """The bytes of a snapshot of (kind, name, content) streams; encrypted when there is a file key."""
    return _Encoder(streams, file_key, block_size).file(slots)


def encode_encrypted(streams, file_key, *slots):
    return encode(streams, file_key, slots)


class _Encoder:
    def __init__(self, streams, file_key, block_size):
        self.streams = streams
        self.file_key = file_key
        self.keys = file_key or Clear()
        self.block_size = block_size
        self.out = bytearray(BODY if file_key else PAGE)

    def sealed(self, kind, ordinal, piece):
        """Appends a piece; returns its hash."""
        digest = self.keys.piece_hash(piece)
        self.out += self.keys.seal(kind, STORED, ordinal, piece, len(piece), digest)
        return digest

    def file(self, slots):
        header = self.header()
        self.out[:PAGE] = header
        for offset in COPIES if self.file_key else ():
            self.out[offset : offset + PAGE] = new_copy(self.file_key, slots)
        space, extents, stream_entries = bytearray(), [], []
        for number, (kind, name, content) in enumerate(self.streams):
            before = len(space)
            stream_extents = list(self.extents(content, space))
            zeros = sum(length for length, _, found in stream_extents if found == ZERO)
            extents.append((number, stream_extents))
            name, brought = name.encode(), len(space) - before
            stream_entries.append(
                struct.pack("<BB6xQQQQ", kind, len(name), len(content), len(content) - zeros, zeros, brought) + name
            )
        first_block = len(self.out)
        blocks = [
            self.block(at, bytes(space[at : at + self.block_size])) for at in range(0, len(space), self.block_size)
        ]
        units = [self.keys.unit_hash(space[at : at + PAGE]) for at in range(0, len(space), PAGE)]
        tops = {
            # One leaf has the extents of one stream; several leaves would need a node.
            EXTENTS: self.tree_of_extents([(number, found) for number, found in extents if found]),
            2: self.leaf(2, 0, first_block, blocks, "<I I B B I 32s"),
            3: self.leaf(3, 0, 0, [(unit,) for unit in units], "<16s"),
        }
        root = struct.pack(
            "<BBHiI12xQQQQ",
            4,
            0,
            len(self.streams),
            0,
            self.block_size,
            len(space),
            len(blocks),
            len(units),
            len(space),
        )
        root += bytes(2 * 56) + b"".join(tops[tree] for tree in TREES) + b"".join(stream_entries)
        if self.file_key:
            root += bytes(-len(root) % PAGE)
        self.footer(header, root)
        return bytes(self.out)

    def header(self):
        header = bytearray(PAGE)
        struct.pack_into("<8sIIQ", header, 0, HEADER_MAGIC, VERSION, PAGE, ENCRYPTED if self.file_key else 0)
        if self.file_key:
            header[32:48] = self.file_key.file_id
            header[COMMITMENT_AT : COMMITMENT_AT + 32] = self.file_key.commitment
            struct.pack_into("<BB62s", header, 128, 1, 0, b"encrypted")
            self.file_key.put_mac(IN_HEADER, header)
        put_crc(header)
        return header

    def footer(self, header, root):
        offset, start = len(self.out), len(self.out)
        digest = self.sealed(ROOT_PIECE, offset, root)
        held = bytes(self.out[start:])
        footer = bytearray(PAGE)
        struct.pack_into(
            "<8sIIQQ32s",
            footer,
            0,
            FOOTER_MAGIC,
            VERSION,
            len(held),
            len(self.out) + PAGE,
            offset,
            root_hash_of(header, held),
        )
        if self.file_key:
            footer[64:96] = digest
            self.file_key.put_mac(IN_FOOTER, footer)
        put_crc(footer)
        self.out += footer

    def extents(self, content, space):
        """(length, data, kind) of a stream, whose data is put into data space."""
        pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
        for has_data, run in groupby(pages, any):
            run = b"".join(run)
            yield len(run), len(space) if has_data else 0, DATA if has_data else ZERO
            if has_data:
                space += run + bytes(-len(run) % PAGE)

    def block(self, at, content):
        """Appends a block; returns its entry."""
        digest = self.sealed(BLOCK_PIECE, at, content)
        return len(content), len(content), STORED, 0, 0 if self.file_key else google_crc32c.value(content), digest

    def tree_of_extents(self, of_streams):
        leaves = [
            (number, self.leaf(EXTENTS, number, 0, [(*extent, 0, 0) for extent in extents], "<Q Q B H H"))
            for number, extents in of_streams
        ]
        if len(leaves) <= 1:
            return leaves[0][1] if leaves else bytes(64)
        entries = b"".join(struct.pack("<I4xQ", number, 0) + top[8:] for number, top in leaves)
        return self.page(EXTENTS, 1, len(leaves), leaves[0][0], 0, entries)

    def leaf(self, tree, stream, first_block, entries, layout):
        """Appends a leaf, its entries column by column; returns the tree with it as its top."""
        if not entries:
            return bytes(64)
        columns = b"".join(
            b"".join(struct.pack("<" + field, value) for value in column)
            for field, column in zip(layout.strip("<").split(), zip(*entries))
        )
        return self.page(tree, 0, len(entries), stream, first_block, columns)

    def page(self, tree, level, count, stream, first_block, entries):
        content = struct.pack("<BB2xII4xQQ", tree, level, count, stream, 0, first_block) + entries
        if len(content) > MAX_INDEX_PAGE:
            raise ValueError("too much for a tree of one leaf")
        offset = len(self.out)
        digest = self.sealed(INDEX_PIECE, offset, content)
        return struct.pack("<I4xQIIB7x32s", level + 1, offset, len(content), len(content), STORED, digest)
