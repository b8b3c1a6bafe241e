"""Reads hexz snapshots; written from docs/FORMAT.md alone, as is all of this folder.

It is here to show that the page is exact, and to find what the library and its tests
have wrong in the same way. It favours plain checks over speed.
"""

import bisect
import functools
import struct

import google_crc32c
from blake3 import blake3

import slots
from codec import lz4_block, zstd_dictionary, zstd_frame
from ancestors import read_ancestors
from encrypted import COMMITMENT_AT, IN_FOOTER, IN_HEADER, IN_SLOTS, TAG, Clear, FileKey
from layout import (
    ANCESTORS_PIECE,
    BLOCK_PIECE,
    BLOCKS,
    COMPRESSIONS,
    DATA,
    DICTIONARY_PIECE,
    ENCRYPTED,
    EXTENTS,
    FOOTER,
    FOOTER_MAGIC,
    HEADER,
    HEADER_MAGIC,
    INDEX_PIECE,
    LATER_FEATURES,
    LEAST_CHUNK,
    LZ4,
    MAX_ANCESTORS_PAGE,
    MAX_BLOCK,
    MAX_DATA_SPACE,
    MAX_DICTIONARY,
    MAX_HEIGHT,
    MAX_INDEX_PAGE,
    MAX_ROOT_PAGE,
    MAX_STREAM,
    MAX_STREAMS,
    MAX_WITH_ROOT_PAGE,
    NOTHING,
    PAGE,
    PARENT,
    ROOT_CONTEXT,
    ROOT_PIECE,
    STORED,
    STREAM_KINDS,
    THIN,
    TREE_NAMES,
    TREES,
    UNITS,
    VERSION,
    ZERO,
    ZSTD,
    ZSTD_DICTIONARY,
    Block,
    Damaged,
    Extent,
    Lacking,
    NotEncrypted,
    Page,
    PasswordRequired,
    Pointer,
    Stream,
    Tree,
    Unit,
    Unsupported,
    must,
    must_be_lengths,
    must_be_zero,
    must_match_crc,
)


class Snapshot:
    """A snapshot, from a bytes-like object that holds the whole file.

    Opening checks header, footer, root hash, key slots and root page. Whatever else is read
    is checked as it is read; `verify` reads all of it and checks what only shows then.

    `find` gives the content of the snapshot with a root, or None, for those that a thin one leans on; it is
    asked with the root and the recorded name. Such an ancestor is opened with `as_ancestor`, the file key in a
    tuple or None in one for a plain file: its slots and its own ancestors are not looked at.
    """

    def __init__(self, content, password=None, expect_root=None, find=None, as_ancestor=None):
        self.content = content
        self.body, self.keys, self.slots = HEADER, Clear(), None
        self._read_header()
        root_page = self._read_footer()
        must(expect_root in (None, self.root_hash), "footer: the root hash is not the expected one")
        if as_ancestor is not None:
            root_page = self._unlock_as_ancestor(root_page, *as_ancestor)
        elif self.encrypted:
            root_page = self._unlock(root_page, password)
        elif password is not None:
            raise NotEncrypted("a password was given for a file that is not encrypted")
        self.root_page = root_page
        self._read_root_page(root_page)
        self._read_ancestors()
        self._dictionary = None
        self._numbered_block = functools.lru_cache(maxsize=16)(
            lambda number: self.block_content(self.block_table[number])
        )
        self.ancestors = [] if as_ancestor is not None else [self._open_ancestor(one, find) for one in self.named]

    # --- header, footer, root page ----------------------------------------------------

    def _read_header(self):
        header = self.content[:HEADER]
        must(header[:8] == HEADER_MAGIC, "header: the magic is not that of a hexz snapshot")
        must(len(self.content) >= HEADER + FOOTER, "the file is shorter than header and footer")
        version, length, self.incompat, self.compat = struct.unpack_from("<IIQQ", header, 8)
        if version != VERSION:
            raise Unsupported(f"header: version {version}; this reader knows version {VERSION}")
        entries = [header[at : at + 64] for at in range(128, 3968, 64)]
        if self.incompat & ~(ENCRYPTED | THIN):
            # The checksum comes later, so these names may be anything.
            names = {e[1]: e[2:].rstrip(b"\0").decode("ascii", "backslashreplace") for e in entries if e[0] == 1}
            names |= LATER_FEATURES
            lacking = [f"{bit} ({names.get(bit, 'unnamed')})" for bit in range(2, 64) if self.incompat >> bit & 1]
            raise Unsupported(f"header: this reader lacks the features of incompat bits {', '.join(lacking)}")
        must_match_crc(header, "header")
        must(length == HEADER, f"header: its length is given as {length}")
        self.header, self.file_id = header, header[32:48]
        self.encrypted, self.thin = bool(self.incompat & ENCRYPTED), bool(self.incompat & THIN)
        if self.encrypted:
            self.body = slots.BODY
            must_be_zero(header, 112, 128, "header")
        else:
            must_be_zero(header, 32, 128, "header, of a plain file")
        must_be_zero(header, 3968, 4092, "header")
        for number, entry in enumerate(entries):
            self._check_feature_name(entry, f"header: name {number}")

    def _check_feature_name(self, entry, what):
        kind, bit, name = entry[0], entry[1], entry[2:]
        if kind == 0:
            must_be_zero(entry, 0, 64, f"{what}, unused")
            return
        must(kind in (1, 2), f"{what}: of kind {kind}")
        must(bit < 64, f"{what}: of bit {bit}")
        bits = self.incompat if kind == 1 else self.compat
        must(bits >> bit & 1, f"{what}: of bit {bit}, which is not set")
        text = name.rstrip(b"\0")
        must(text.isascii() and 0 not in text, f"{what}: not ASCII, padded with zeros")

    def _read_footer(self):
        start = len(self.content) - FOOTER
        footer = self.content[start:]
        must(footer[:8] == FOOTER_MAGIC, "footer: wrong magic; the file may have been cut")
        version, length, file_length, self.root_offset = struct.unpack_from("<IIQQ", footer, 8)
        if version != VERSION:
            raise Unsupported(f"footer: version {version}; this reader knows version {VERSION}")
        must_match_crc(footer, "footer")
        if self.encrypted:
            must_be_zero(footer, 128, 4092, "footer")
        else:
            must_be_zero(footer, 64, 4092, "footer, of a plain file")
        must(
            file_length == len(self.content),
            f"footer: a file of {file_length} bytes, but there are {len(self.content)}",
        )
        if self.encrypted:
            before = length - TAG
            must(
                before % PAGE == 0 and PAGE <= before <= MAX_ROOT_PAGE, f"footer: a sealed root page of {length} bytes"
            )
        else:
            must(360 <= length <= MAX_ROOT_PAGE, f"footer: a root page of {length} bytes")
        must(self.root_offset >= self.body, "footer: the root page begins before the body")
        must(self.root_offset + length == start, "footer: the root page does not end where the footer begins")
        root_page = self.content[self.root_offset : start]
        hashed = struct.pack("<IQQ", VERSION, self.incompat, self.compat) + self.file_id
        if self.encrypted:
            hashed += self.header[COMMITMENT_AT : COMMITMENT_AT + 32]
        self.footer, self.root_hash = footer, footer[32:64]
        must(
            blake3(hashed + root_page, derive_key_context=ROOT_CONTEXT).digest() == self.root_hash,
            "footer: the root hash does not match",
        )
        return root_page

    def _unlock(self, root_page, password):
        """Takes the file key from its slot, checks what is in the clear, and opens the root page."""
        self.slots = slots.counting_copy(self.content, self.file_id)
        if password is None:
            raise PasswordRequired("the file is encrypted; a password is needed")
        self.keys = slots.unlock(self.slots, self.file_id, password)
        must(
            self.keys.commitment == self.header[COMMITMENT_AT : COMMITMENT_AT + 32],
            "header: the commitment is not to the file key",
        )
        self.keys.must_match_mac(IN_SLOTS, self.slots.page, "key slots")
        return self._open_root_page(root_page)

    def _unlock_as_ancestor(self, root_page, key):
        must(self.encrypted == (key is not None), "page of ancestors of the child: it has a key, or none, wrongly")
        if key is None:
            return root_page
        self.keys = FileKey(key, self.file_id)
        must(
            self.keys.commitment == self.header[COMMITMENT_AT : COMMITMENT_AT + 32],
            "page of ancestors of the child: the key is of another file",
        )
        return self._open_root_page(root_page)

    def _open_root_page(self, root_page):
        self.keys.must_match_mac(IN_HEADER, self.header, "header")
        self.keys.must_match_mac(IN_FOOTER, self.footer, "footer")
        length = len(root_page) - TAG
        return self.keys.open(ROOT_PIECE, STORED, self.root_offset, root_page, length, self.footer[64:96], "root page")

    def _read_root_page(self, page):
        what = "root page"
        tag, self.compression, stream_count, self.level, self.block_size = struct.unpack_from("<BBHiI", page, 0)
        must(tag == 4, f"{what}: begins with {tag}")
        must(self.compression in COMPRESSIONS, f"{what}: compression {self.compression}")
        must(stream_count <= MAX_STREAMS, f"{what}: {stream_count} streams")
        power_of_two = self.block_size & (self.block_size - 1) == 0
        must(power_of_two and PAGE <= self.block_size <= MAX_BLOCK, f"{what}: a block size of {self.block_size}")
        self.chunk_sizes = least, average, most = struct.unpack_from("<III", page, 12)
        self.chunked = any(self.chunk_sizes)
        rising = LEAST_CHUNK <= least < average < most <= MAX_BLOCK
        must(not self.chunked or rising, f"{what}: chunk sizes {self.chunk_sizes}")
        self.largest_block = max(self.block_size, most)
        self.data_space, self.block_count, self.unit_count, self.block_bytes = struct.unpack_from("<QQQQ", page, 24)
        must(self.data_space <= MAX_DATA_SPACE, f"{what}: a data space of {self.data_space} bytes")
        must(
            self.data_space <= self.block_count * self.largest_block,
            f"{what}: {self.block_count} blocks cannot hold {self.data_space} bytes of data space",
        )
        must(
            self.block_count <= self.block_bytes
            and self.block_bytes + self.block_count * self.keys.tag <= self.root_offset - self.body,
            f"{what}: {self.block_count} blocks of {self.block_bytes} stored bytes in a smaller body",
        )

        self.dictionary_pointer = self.pointer(page, 56, MAX_DICTIONARY, f"{what}, dictionary")
        if self.thin:
            self.ancestors_pointer = self.pointer(page, 112, MAX_ANCESTORS_PAGE, f"{what}, page of ancestors")
            must(self.ancestors_pointer is not None, f"{what}: no page of ancestors in a thin file")
        else:
            self.ancestors_pointer = None
            must_be_zero(page, 112, 168, f"{what}, page of ancestors")
        self.trees = {tree: self._tree(page, 168 + 64 * (tree - 1), f"{what}, {TREE_NAMES[tree]}") for tree in TREES}

        self.streams, at = [], 360
        for number in range(stream_count):
            at = self._read_stream(page, at, f"{what}, stream {number}")
        if self.encrypted:
            must(len(page) == at + -at % PAGE, f"{what}: {len(page)} bytes for {at}, with zeros to the next 4096")
            must_be_zero(page, at, len(page), f"{what}, behind the last stream")
        else:
            must(at == len(page), f"{what}: {len(page) - at} bytes follow the last stream")
        names = [stream.name for stream in self.streams]
        must(len(set(names)) == len(names), f"{what}: two streams have one name")
        for tree, present in (
            (EXTENTS, any(s.size for s in self.streams)),
            (BLOCKS, self.data_space),
            (UNITS, self.data_space),
        ):
            must(
                bool(self.trees[tree].height) == bool(present),
                f"{what}: the tree of {TREE_NAMES[tree]} is wrongly empty or not",
            )

    def _read_ancestors(self):
        """What the page of ancestors says: the parent's root, and the ancestors as this file names them."""
        self.parent, self.named = bytes(32), []
        if self.ancestors_pointer is None:
            return
        what, held = "page of ancestors", self.ancestors_pointer.stored + self.keys.tag
        must(
            self.ancestors_pointer.offset + held == self.root_offset,
            f"{what}: it does not end where the root page begins",
        )
        root_page = len(self.content) - FOOTER - self.root_offset
        must(held + root_page <= MAX_WITH_ROOT_PAGE, f"{what}: {held} bytes beside a root page of {root_page}")
        page = self.follow(ANCESTORS_PIECE, self.ancestors_pointer, what)
        self.parent, inherited, self.named = read_ancestors(page, self.encrypted, what)
        if inherited is not None:
            self.keys.inherit(inherited)

    def _open_ancestor(self, named, find):
        content = find(named.root, named.hint) if find else None
        if content is None:
            raise Lacking(f"leans on the snapshot with root {named.root.hex()}, which is not there")
        ancestor = Snapshot(content, as_ancestor=(named.key,))
        if ancestor.root_hash != named.root:
            raise Lacking(f"leans on root {named.root.hex()}, found {ancestor.root_hash.hex()}")
        return ancestor

    def _read_stream(self, page, at, what):
        must(len(page) - at >= 40, f"{what}: cut off")
        kind, name_length = page[at], page[at + 1]
        must(kind in STREAM_KINDS, f"{what}: kind {kind}")
        must_be_zero(page, at + 2, at + 8, what)
        size, data, zeros, stored = struct.unpack_from("<QQQQ", page, at + 8)
        must(size <= MAX_STREAM, f"{what}: {size} bytes")
        must(data + zeros == size, f"{what}: {data} bytes of data and {zeros} of zeros are not its {size}")
        at += 40
        must(1 <= name_length <= 63 and len(page) - at >= name_length, f"{what}: a name of {name_length} bytes")
        try:
            name = page[at : at + name_length].decode("utf-8")
        except UnicodeDecodeError as error:
            raise Damaged(f"{what}: the name is not UTF-8") from error
        must("\0" not in name, f"{what}: a NUL in the name")
        self.streams.append(Stream(kind, name, size, data, zeros, stored))
        return at + name_length

    def _tree(self, page, at, what):
        (height,) = struct.unpack_from("<I", page, at)
        must_be_zero(page, at + 4, at + 8, what)
        must(height <= MAX_HEIGHT, f"{what}: height {height}")
        top = self.pointer(page, at + 8, MAX_INDEX_PAGE, what)
        must((top is None) == (height == 0), f"{what}: height {height} and its pointer do not agree")
        return Tree(height, top)

    # --- pointers and pages -----------------------------------------------------------

    def pointer(self, content, at, longest, what):
        raw = content[at : at + 56]
        if raw == NOTHING:
            return None
        pointer = Pointer(*struct.unpack("<QIIB7x32s", raw))
        must_be_zero(raw, 17, 24, f"{what}, pointer")
        must(pointer.codec in (STORED, ZSTD), f"{what}: codec {pointer.codec}")
        must_be_lengths(pointer.stored, pointer.decoded, pointer.codec, what)
        must(pointer.decoded <= longest, f"{what}: {pointer.decoded} bytes, of at most {longest}")
        self._must_be_in_body(pointer.offset, pointer.stored, what)
        return pointer

    def _must_be_in_body(self, offset, length, what):
        must(
            self.body <= offset and offset + length + self.keys.tag <= self.root_offset,
            f"{what}: {length} bytes at {offset} are not in the body",
        )

    def held(self, offset, stored):
        """What lies in the file for so many stored bytes."""
        return self.content[offset : offset + stored + self.keys.tag]

    def piece(self, kind, pointer, what):
        """The stored bytes that a pointer leads to."""
        held = self.held(pointer.offset, pointer.stored)
        return self.keys.open(kind, pointer.codec, pointer.offset, held, pointer.decoded, pointer.hash, what)

    def follow(self, kind, pointer, what):
        stored = self.piece(kind, pointer, what)
        return stored if pointer.codec == STORED else zstd_frame(stored, pointer.decoded, None, what)

    def pages(self, tree):
        """All pages of a tree, each node in front of what is below it, leaves in order."""
        height, top = self.trees[tree]
        if height:
            yield from self._pages_below(tree, height - 1, top, None)

    def _pages_below(self, tree, level, pointer, key):
        page = self._page(tree, level, pointer)
        what = f"{TREE_NAMES[tree]}, level {level} at {pointer.offset}"
        must(key is None or page.key == key, f"{what}: its key is {page.key}, its parent says {key}")
        yield page
        if level == 0:
            return
        last = None
        for at in range(32, len(page.content), 72):
            stream, first = struct.unpack_from("<I4xQ", page.content, at)
            must_be_zero(page.content, at + 4, at + 8, what)
            must(last is not None or (stream, first) == page.key, f"{what}: its key is not that of its first child")
            must(last is None or last < (stream, first), f"{what}: the keys of its entries do not rise")
            must(tree == EXTENTS or stream == 0, f"{what}: an entry with stream {stream}")
            last = stream, first
            child = self.pointer(page.content, at + 16, MAX_INDEX_PAGE, what)
            must(child is not None, f"{what}: an entry points to nothing")
            yield from self._pages_below(tree, level - 1, child, last)

    def _page(self, tree, level, pointer):
        what = f"{TREE_NAMES[tree]}, level {level} at {pointer.offset}"
        content = self.follow(INDEX_PIECE, pointer, what)
        must(len(content) >= 32, f"{what}: shorter than its head")
        tree_told, level_told, count, stream, first, first_block = struct.unpack_from("<BB2xII4xQQ", content)
        must(tree_told == tree, f"{what}: of tree {tree_told}")
        must(level_told == level, f"{what}: says level {level_told}")
        must_be_zero(content, 2, 4, what)
        must_be_zero(content, 12, 16, what)
        must(count >= 1, f"{what}: no entries")
        width = 72 if level else {EXTENTS: 21, BLOCKS: 46, UNITS: 20 if self.chunked else 16}[tree]
        must(len(content) == 32 + count * width, f"{what}: {len(content)} bytes for {count} entries")
        must(stream < len(self.streams) if tree == EXTENTS else stream == 0, f"{what}: of stream {stream}")
        must((tree == BLOCKS and level == 0) or first_block == 0, f"{what}: offset of a first block where none is")
        return Page(tree, level, count, (stream, first), first_block, content, pointer)

    # --- leaves -----------------------------------------------------------------------

    def extents_of(self, leaf):
        what, n = f"leaf of extents at {leaf.pointer.offset}", leaf.count
        lengths, data, kinds, ancestors, ancestor_streams = _columns(leaf, f"<{n}Q{n}Q{n}B{n}H{n}H", 5)
        start, size = leaf.key[1], self.streams[leaf.key[0]].size
        for length, at, kind, ancestor, stream in zip(lengths, data, kinds, ancestors, ancestor_streams):
            must(length >= 1, f"{what}: an extent of no bytes")
            must(start + length <= size, f"{what}: runs beyond the stream's end")
            must(kind in (DATA, ZERO) or (kind == PARENT and self.thin), f"{what}: kind {kind}")
            must(kind == PARENT or not (ancestor or stream), f"{what}: an ancestor where none is")
            if not self.chunked and kind == ZERO:
                must(start % PAGE == 0, f"{what}: zeros that are not aligned")
                must(length % PAGE == 0 or start + length == size, f"{what}: zeros that end within a page")
            if kind == ZERO:
                must(at == 0, f"{what}: an extent of zeros with data at {at}")
            elif kind == PARENT:
                must(ancestor < len(self.named), f"{what}: ancestor {ancestor} of {len(self.named)}")
                must(at + length <= MAX_STREAM, f"{what}: beyond any stream's end")
                if not self.chunked:
                    must(start % PAGE == at % PAGE == 0, f"{what}: an extent that is not aligned")
                    must(length % PAGE == 0 or start + length == size, f"{what}: a short page within the stream")
            else:
                must(at + length <= self.data_space, f"{what}: data at {at} is beyond data space")
                if not self.chunked:
                    must(start % PAGE == at % PAGE == 0, f"{what}: an extent that is not aligned")
                    must(length % PAGE == 0 or start + length == size, f"{what}: a short page within the stream")
                    must(at + length + -length % PAGE <= self.data_space, f"{what}: padding beyond data space")
            yield Extent(start, length, at, kind, ancestor, stream)
            start += length

    def _must_follow(self, extent, following, what):
        """With chunks, a short extent ends a run of data or its stream."""
        if not self.chunked or extent is None:
            return
        least = LEAST_CHUNK if extent.kind == ZERO else self.chunk_sizes[0]
        fits = (
            extent.length >= least
            or (extent.kind != ZERO and following.kind == ZERO)
            or (following.kind == PARENT and following.length >= self.chunk_sizes[0])
        )
        must(fits, f"{what}: a short extent at {extent.start}, of {extent.length} bytes")

    def blocks_of(self, leaf):
        what, n = f"leaf of blocks at {leaf.pointer.offset}", leaf.count
        columns = _columns(leaf, f"<{n}I{n}I{n}B{n}B{n}I" + "32s" * n, 6)
        start, offset = leaf.key[1], leaf.first_block
        for stored, length, codec, filtered, crc, digest in zip(*columns):
            must(codec in (STORED, LZ4, ZSTD, ZSTD_DICTIONARY), f"{what}: codec {codec}")
            must(
                codec != ZSTD_DICTIONARY or self.dictionary_pointer,
                f"{what}: a block needs a dictionary, there is none",
            )
            must(filtered == 0, f"{what}: filter {filtered}")
            must_be_lengths(stored, length, codec, what)
            must(not self.encrypted or crc == 0, f"{what}: a CRC-32C of the plain bytes")
            must(length <= self.largest_block, f"{what}: a block of {length} bytes")
            must(self.chunked or length % PAGE == 0, f"{what}: a block of {length} bytes, which are no pages")
            self._must_be_in_body(offset, stored, what)
            yield Block(start, length, offset, stored, codec, crc, digest)
            start += length
            offset += stored + self.keys.tag

    def units_of(self, leaf):
        what, n = f"leaf of units at {leaf.pointer.offset}", leaf.count
        if self.chunked:
            lengths, hashes = _columns(leaf, f"<{n}I" + "16s" * n, 2)
        else:
            (hashes,), lengths = _columns(leaf, "<" + "16s" * n, 1), [PAGE] * n
        start = leaf.key[1]
        for length, digest in zip(lengths, hashes):
            must(1 <= length <= MAX_BLOCK, f"{what}: a unit of {length} bytes")
            yield Unit(start, length, digest)
            start += length

    # --- what it all holds ------------------------------------------------------------

    def extents(self):
        """(stream, extent) of all streams in order, which must tile each of them."""
        at, stream, last = 0, 0, None
        for leaf in self.pages(EXTENTS):
            if leaf.level:
                continue
            while stream < leaf.key[0] and at == self.streams[stream].size:
                at, stream = 0, stream + 1
            must(leaf.key == (stream, at), f"extents: a leaf begins at {leaf.key}, due is {(stream, at)}")
            # All of a leaf is checked before any of it is used.
            entries = list(self.extents_of(leaf))
            for before, extent in zip([last if leaf.key[1] else None, *entries], entries):
                self._must_follow(before, extent, f"leaf of extents at {leaf.pointer.offset}")
            for extent in entries:
                yield stream, extent
                at = extent.start + extent.length
            last = entries[-1]
        while stream < len(self.streams) and at == self.streams[stream].size:
            at, stream = 0, stream + 1
        must(stream == len(self.streams), f"extents: they end at byte {at} of stream {stream}")

    def _tiles_of_data_space(self, tree, entries_of, count):
        what, at, seen, stored = TREE_NAMES[tree], 0, 0, 0
        for leaf in self.pages(tree):
            if leaf.level:
                continue
            must(leaf.key[1] == at, f"{what}: a leaf begins at {leaf.key[1]} of data space, due is {at}")
            entries = list(entries_of(leaf))
            seen += len(entries)
            # Before any is decoded: leaves that share their blocks could ask for any amount of work.
            must(seen <= count, f"{what}: there are {seen} at least, the root page says {count}")
            if tree == BLOCKS:
                stored += sum(block.stored for block in entries)
                must(
                    stored <= self.block_bytes,
                    f"{what}: {stored} bytes stored at least, the root page says {self.block_bytes}",
                )
            yield from entries
            at = entries[-1].start + entries[-1].length
        must(at == self.data_space, f"{what}: they end at {at} of {self.data_space} bytes of data space")
        must(seen == count, f"{what}: there are {seen}, the root page says {count}")

    def blocks(self):
        return self._tiles_of_data_space(BLOCKS, self.blocks_of, self.block_count)

    def units(self):
        return self._tiles_of_data_space(UNITS, self.units_of, self.unit_count)

    @functools.cached_property
    def block_table(self):
        return list(self.blocks())

    @functools.cached_property
    def _block_starts(self):
        return [block.start for block in self.block_table]

    def dictionary(self):
        """The dictionary; only for a snapshot that has one."""
        return zstd_dictionary(self.follow(DICTIONARY_PIECE, self.dictionary_pointer, "dictionary"), "dictionary")

    def block_piece(self, block):
        what, held = f"block at {block.offset}", self.held(block.offset, block.stored)
        if not self.encrypted:
            must(google_crc32c.value(held) == block.crc, f"{what}: the CRC-32C does not match")
        return self.keys.open(BLOCK_PIECE, block.codec, block.start, held, block.length, block.hash, what)

    def block_content(self, block):
        what, stored = f"block at {block.offset}", self.block_piece(block)
        if block.codec == STORED:
            return stored
        if block.codec == LZ4:
            return lz4_block(stored, block.length, what)
        if block.codec == ZSTD:
            return zstd_frame(stored, block.length, None, what)
        if self._dictionary is None:
            self._dictionary = self.dictionary()
        return zstd_frame(stored, block.length, self._dictionary, what)

    def data(self, start, length):
        """Pieces of data space from `start` on, in order."""
        end = start + length
        number = bisect.bisect_right(self._block_starts, start) - 1
        while start < end:
            block = self.block_table[number]
            upto = min(end, block.start + block.length)
            yield self._numbered_block(number)[start - block.start : upto - block.start]
            start, number = upto, number + 1

    def stream_number(self, name):
        for number, stream in enumerate(self.streams):
            if stream.name == name:
                return number
        raise KeyError(f"no stream '{name}'; there are: {', '.join(s.name for s in self.streams)}")

    def read(self, number):
        """A stream from start to end in pieces: bytes, or an int for that many zeros."""
        for stream, extent in self.extents():
            if stream != number:
                continue
            if extent.kind == ZERO:
                yield extent.length
            elif extent.kind == DATA:
                yield from self.data(extent.data, extent.length)
            else:
                for ancestor, at, length in self.inherited(extent):
                    if at is None:
                        yield length
                    else:
                        yield from ancestor.data(at, length)

    def inherited(self, extent):
        """Where the bytes of an extent of kind parent are: (ancestor, place in its data space or None for zeros,
        length), in order. One hop: what leads on from there is damage."""
        what = f"extent at {extent.start}"
        ancestor, end = self.ancestors[extent.ancestor], extent.data + extent.length
        must(extent.stream < len(ancestor.streams), f"{what}: stream {extent.stream} of its ancestor")
        must(end <= ancestor.streams[extent.stream].size, f"{what}: beyond the end of its ancestor's stream")
        held = ancestor.extent_table[extent.stream]
        number = bisect.bisect_right(held, extent.data, key=lambda one: one.start) - 1
        at = extent.data
        while at < end:
            one = held[number]
            must(one.kind != PARENT, f"{what}: its ancestor does not hold it itself")
            upto = min(end, one.start + one.length)
            yield ancestor, None if one.kind == ZERO else one.data + at - one.start, upto - at
            at, number = upto, number + 1

    @functools.cached_property
    def extent_table(self):
        """The extents of each stream."""
        table = [[] for _ in self.streams]
        for number, extent in self.extents():
            table[number].append(extent)
        return table


def _columns(leaf, layout, count):
    """The values of a leaf, column by column as they lie there."""
    values = struct.unpack_from(layout, leaf.content, 32)
    return [values[i * leaf.count : (i + 1) * leaf.count] for i in range(count)]
