"""Files that must be refused, each with a piece of what the refusal must say.

All are made from three snapshots that check.py builds from inputs of inputs.py:

    fixed        stream 0 has noise in units 0 to 2, compressible pages, two pages of zeros and a
                 short last page; stream 1 repeats three pages; units and blocks of 4096
                 bytes, LZ4; all trees have a height of 2
    chunked      with chunks, in blocks of several units
    dictionary   with a dictionary
"""

import struct

import lz4.block
import zstandard

from forge import ANCESTORS, BLOCK_BYTES, BLOCK_COUNT, DATA_SPACE, DICTIONARY, STREAM, TREE_AT, UNIT_COUNT
from forge import add, add_to_entry, append, both, put, put_entry, replace
from layout import (
    BLOCKS,
    DATA,
    EXTENTS,
    FOOTER,
    HEADER,
    PAGE,
    STORED,
    TREE_NAMES,
    TREES,
    UNITS,
    ZERO,
    ZSTD_DICTIONARY,
)


def swap_entries(content):
    content[32:104], content[104:176] = content[104:176], content[32:104]


def repeat_entry(content):
    content[104:176] = content[32:104]


def split(number, length):
    """An edit of a leaf of extents: an entry becomes two, the first one of that length."""

    def edit(content):
        (count,) = struct.unpack_from("<I", content, 4)
        columns, at = [], 32
        for field in "QQBHH":
            columns.append(list(struct.unpack_from(f"<{count}{field}", content, at)))
            at += count * struct.calcsize(f"<{field}")
        for column in columns:
            column.insert(number + 1, column[number])
        columns[0][number] = length
        columns[0][number + 1] -= length
        if columns[2][number] == DATA:
            columns[1][number + 1] += length
        struct.pack_into("<I", content, 4, count + 1)
        content[32:] = b"".join(struct.pack(f"<{count + 1}{field}", *column) for field, column in zip("QQBHH", columns))

    return edit


def rle_frame(log, content):
    """A Zstandard frame of one block of equal bytes, with a window of 2^log bytes."""
    head = struct.pack("<I", len(content) << 3 | 3)[:3]
    return struct.pack("<IBB", 0xFD2FB528, 0, (log - 10) << 3) + head + content[:1]


def cut(length):
    return lambda content: content.__delitem__(slice(length, None))


def feature(kind, bit, name):
    return put("<BB62s", 128, kind, bit, name)


def header_and_footer():
    return [
        ({"header": put("<I", 8, 2)}, "version 2"),
        ({"header": put("<Q", 16, 4)}, "incompat bits 2 (references)"),
        ({"header": put("<Q", 16, 2)}, "no page of ancestors"),
        ({"header": put("<Q", 16, 1)}, "a sealed root page of"),
        ({"header": both(put("<Q", 16, 6), feature(1, 1, b"sealed"))}, "incompat bits 2 (references)"),
        ({"header": both(put("<Q", 16, 1 << 40), feature(1, 40, b"later"))}, "incompat bits 40 (later)"),
        ({"header": put("<I", 12, 8192)}, "its length"),
        ({"header": put("<B", 47, 1)}, "bytes 32 to 127"),
        ({"header": put("<B", 48, 1)}, "bytes 32 to 127"),
        ({"header": put("<B", 127, 1)}, "bytes 32 to 127"),
        ({"header": put("<B", 3968, 1)}, "bytes 3968 to 4091"),
        ({"header": put("<B", 4091, 1)}, "bytes 3968 to 4091"),
        ({"header": feature(1, 1, b"thin")}, "which is not set"),
        ({"header": both(put("<Q", 24, 2), feature(1, 1, b"thin"))}, "which is not set"),
        ({"header": feature(3, 1, b"what")}, "of kind 3"),
        ({"header": both(put("<Q", 24, 2), feature(2, 64, b"what"))}, "of bit 64"),
        ({"header": both(put("<Q", 24, 2), feature(2, 1, b"\xc3\xa9"))}, "not ASCII"),
        ({"header": both(put("<Q", 24, 2), feature(2, 1, b"a\0b"))}, "not ASCII"),
        ({"header": put("<B", 3967, 1)}, "name 59, unused"),
        ({"footer": put("<B", 3, 0x5A)}, "wrong magic"),
        ({"footer": put("<I", 8, 2)}, "version 2"),
        ({"footer": add("<I", 12, -1)}, "does not end where the footer begins"),
        ({"footer": put("<I", 12, 359)}, "a root page of 359"),
        ({"footer": put("<I", 12, 32769)}, "a root page of 32769"),
        ({"footer": add("<Q", 16, 1)}, "but there are"),
        ({"footer": add("<Q", 24, -1)}, "does not end where the footer begins"),
        ({"footer": put("<Q", 24, 4095)}, "begins before the body"),
        ({"footer": put("<Q", 24, (1 << 64) - 1)}, "does not end where the footer begins"),
        ({"footer": put("<B", 32, 0)}, "the root hash"),
        ({"footer": put("<B", 64, 1)}, "bytes 64 to 4091"),
        ({"footer": put("<B", 4091, 1)}, "bytes 64 to 4091"),
    ]


def root_page():
    edits = [
        (put("<B", 0, 1), "begins with 1"),
        (put("<B", 1, 3), "compression 3"),
        (add("<H", 2, 1), "stream 2:"),
        (add("<H", 2, -1), "follow the last stream"),
        (put("<H", 2, 257), "257 streams"),
        (put("<I", 8, 2048), "block size of 2048"),
        (put("<I", 8, 5000), "block size of 5000"),
        (put("<I", 8, 1 << 25), "block size of 33554432"),
        (put("<III", 12, 0, 0, 1), "chunk sizes"),
        (put("<III", 12, 3, 2, 1), "chunk sizes"),
        (put("<III", 12, 1023, 2048, 4096), "chunk sizes"),
        (put("<III", 12, 1024, 2048, (1 << 24) + 1), "chunk sizes"),
        (put("<III", 12, 1024, 2048, 4096), "entries"),
        (put("<Q", BLOCK_COUNT, 1), "cannot hold"),
        (put("<Q", BLOCK_BYTES, 1), "in a smaller body"),
        (put("<Q", BLOCK_BYTES, 1 << 40), "in a smaller body"),
        (add("<Q", BLOCK_BYTES, -1), "stored at least, the root page says"),
        (add("<Q", DATA_SPACE, PAGE), "of data space"),
        (add("<Q", DATA_SPACE, -PAGE), "beyond data space"),
        (add("<Q", DATA_SPACE, -1), "padding beyond data space"),
        (put("<Q", DATA_SPACE, (1 << 47) + 1), "a data space of"),
        (put("<Q", DATA_SPACE, 0), "wrongly empty"),
        (add("<Q", BLOCK_COUNT, 1), "the root page says"),
        (add("<Q", UNIT_COUNT, -1), "the root page says"),
        (add("<Q", BLOCK_BYTES, 1), "the root page says"),
        (put("<I", DICTIONARY + 12, 1), "dictionary: the stored length is 0"),
        (put("<QII", DICTIONARY, 4096, 114689, 114689), "dictionary: 114689 bytes, of at most 114688"),
        (put("<QII", DICTIONARY, 12288, 1, 1), "dictionary: the BLAKE3"),
        (put("<B", ANCESTORS, 1), "page of ancestors"),
        (append(b"\0"), "follow the last stream"),
        (put("<B", STREAM, 0), "kind 0"),
        (put("<B", STREAM, 4), "kind 4"),
        (put("<B", STREAM + 1, 0), "a name of 0 bytes"),
        (put("<B", STREAM + 1, 64), "a name of 64 bytes"),
        (put("<B", STREAM + 7, 1), "bytes 362 to 367"),
        (add("<Q", STREAM + 8, 1), "are not its"),
        (put("<Q", STREAM + 8, 1 << 63), "bytes"),
        (both(add("<Q", STREAM + 16, -1), add("<Q", STREAM + 24, 1)), "bytes of data, not"),
        (both(add("<Q", STREAM + 8, 1), add("<Q", STREAM + 16, 1)), "a short page within"),
        (add("<Q", STREAM + 32, 1), "they brought in"),
        (put("<B", STREAM + 40, 0xFF), "not UTF-8"),
        (put("<B", STREAM + 43, 0), "a NUL"),
        (both(put("<B", STREAM + 45, 4), cut(STREAM + 84), append(b"disk")), "two streams have one name"),
    ]
    for name, at in TREE_AT.items():
        edits += [
            (put("<I", at, 9), f"{name}: height 9"),
            (put("<I", at, 0), f"{name}: height 0"),
            (put("<64s", at, b""), f"{name} is wrongly empty"),
            (add("<I", at, 1), f"{name}, level 2"),
            (put("<B", at + 4, 1), f"{name}: bytes {at + 4}"),
            (put("<Q", at + 8, 4095), "not in the body"),
            (put("<Q", at + 8, (1 << 64) - 1), "not in the body"),
            (put("<I", at + 16, 0), f"{name}: the stored length is 0"),
            (put("<I", at + 20, 16385), "stored as it is, with lengths"),
            (put("<B", at + 24, 1), f"{name}: codec 1"),
            (put("<B", at + 24, 2), f"{name}: compressed from"),
            (both(put("<B", at + 24, 2), add("<I", at + 20, 1)), "no Zstandard frame"),
            (both(put("<B", at + 24, 2), put("<I", at + 20, 16385)), "of at most 16384"),
            (put("<B", at + 25, 1), f"{name}, pointer: bytes 17"),
            (add("<Q", at + 8, -1), "the BLAKE3"),
        ]
    return [({"root": edit}, says) for edit, says in edits]


def pages(snapshot):
    edits = []
    last_leaf = {tree: sum(page.level == 0 for page in snapshot.pages(tree)) - 1 for tree in TREES}
    for tree in TREES:
        name = TREE_NAMES[tree]
        for level in (0, 1):
            # Of the leaves the last, which has room for more.
            place = f"{name} {level} {last_leaf[tree] if level == 0 else 0}"
            edits += [
                (place, put("<B", 0, tree % 3 + 1), "of tree"),
                (place, put("<B", 1, 2), "says level 2"),
                (place, put("<B", 3, 1), "bytes 2 to 3"),
                (place, put("<I", 4, 0), "no entries"),
                (place, add("<I", 4, 1), "entries"),
                (place, put("<I", 8, 9), "of stream 9"),
                (place, put("<B", 15, 1), "bytes 12 to 15"),
                (place, add("<Q", 16, PAGE), "its key is"),
                (place, append(b"\0"), "entries"),
                (place, cut(31), "shorter than its head"),
                (place, append(bytes(16385)), "of at most 16384"),
            ]
            if level or tree != BLOCKS:
                edits.append((place, put("<Q", 24, 4096), "offset of a first block"))
        node = f"{name} 1 0"
        edits += [
            (node, swap_entries, "its key is not that of its first child"),
            (node, repeat_entry, "do not rise"),
            (node, add("<Q", 32 + 72 + 8, 1), "its parent says"),
            (node, put("<B", 32 + 7, 1), "are not all zero"),
            (node, put("<56s", 32 + 16, b""), "points to nothing"),
            (node, put("<B", 32 + 16 + 23, 1), "pointer: bytes 17"),
        ]
        if tree != TREES[0]:
            edits.append((node, put("<I", 32 + 72, 1), "an entry with stream 1"))
    due = []
    for name in TREE_AT:
        due.append(
            ({f"{name} 0 1": add("<Q", 16, PAGE), f"{name} 1 0": add("<Q", 32 + 72 + 8, PAGE)}, "a leaf begins at")
        )
    return [({place: edit}, says) for place, edit, says in edits] + due


def leaves():
    extents, blocks, units = "extents 0 0", "blocks 0 0", "units 0 0"
    edits = [
        (extents, add_to_entry("extents", 0, 0, "<Q", -PAGE), "a short page within"),
        (extents, add_to_entry("extents", 0, 0, "<Q", -1), "a short page within"),
        (extents, add_to_entry("extents", -1, 0, "<Q", 1), "beyond the stream's end"),
        (extents, add_to_entry("extents", -1, 0, "<Q", -1), "a short page within"),
        (extents, put_entry("extents", -1, 0, "<Q", (1 << 64) - 1), "beyond the stream's end"),
        (extents, put_entry("extents", 0, 0, "<Q", 0), "of no bytes"),
        (extents, put_entry("extents", 0, 1, "<Q", 1), "not aligned"),
        (extents, put_entry("extents", 0, 1, "<Q", 1 << 46), "beyond data space"),
        (extents, put_entry("extents", 0, 1, "<Q", (1 << 64) - PAGE), "beyond data space"),
        (extents, put_entry("extents", 0, 2, "<B", 0), "kind 0"),
        (extents, put_entry("extents", 0, 2, "<B", 3), "kind 3"),
        (extents, put_entry("extents", 0, 2, "<B", 2), "bytes of data, not"),
        (extents, put_entry("extents", 1, 1, "<Q", PAGE), "an extent of zeros with data"),
        (extents, put_entry("extents", 0, 3, "<H", 1), "an ancestor"),
        (extents, put_entry("extents", -1, 4, "<H", 1), "an ancestor"),
        (blocks, add("<Q", 24, 1), "belong to nothing"),
        (blocks, add("<Q", 24, -1), "overlaps"),
        (blocks, put("<Q", 24, 0), "not in the body"),
        (blocks, put("<Q", 24, (1 << 64) - 1), "not in the body"),
        (blocks, put_entry("blocks", 0, 0, "<I", 0), "the stored length is 0"),
        (blocks, add_to_entry("blocks", 0, 0, "<I", -1), "with lengths 4095 and 4096"),
        (blocks, add_to_entry("blocks", 5, 0, "<I", 1), "overlaps"),
        (blocks, put_entry("blocks", 0, 1, "<I", 4097), "with lengths 4096 and 4097"),
        (blocks, put_entry("blocks", 5, 1, "<I", (1 << 24) + 1), "a block of 16777217"),
        (blocks, add_to_entry("blocks", 5, 1, "<I", 1), "a block of 4097"),
        (blocks, add_to_entry("blocks", 5, 1, "<I", -1), "which are no pages"),
        (extents, split(1, 1), "zeros that end within a page"),
        (extents, split(0, 1), "a short page within"),
        (blocks, put_entry("blocks", 0, 2, "<B", 4), "codec 4"),
        (blocks, put_entry("blocks", 0, 2, "<B", 1), "compressed from 4096 to 4096"),
        (blocks, put_entry("blocks", 5, 2, "<B", 2), "no Zstandard frame"),
        (blocks, put_entry("blocks", 5, 2, "<B", 3), "needs a dictionary"),
        (blocks, put_entry("blocks", 0, 3, "<B", 1), "filter 1"),
        (blocks, put_entry("blocks", 0, 4, "<I", 0), "the CRC-32C"),
        (blocks, put_entry("blocks", 0, 5, "32s", b""), "the BLAKE3"),
        (units, put_entry("units", 0, 0, "16s", b""), "the hash of the one at 0"),
        (units, put_entry("units", -1, 0, "16s", b""), "does not match"),
    ]
    return [({place: edit}, says) for place, edit, says in edits]


def contents(snapshot):
    """Blocks that hold other than they should, under hashes that are right."""
    table = list(snapshot.blocks())
    first, compressible = snapshot.block_content(table[0]), snapshot.block_content(table[5])
    data, length = next((e.data, e.length) for stream, e in snapshot.extents() if stream == 0 and e.length % PAGE)
    short = next(number for number, block in enumerate(table) if block.start == data)
    not_padded = bytearray(snapshot.block_content(table[short]))
    not_padded[length] = 1

    def held(number, content):
        """Block `number` holds one unit of this content."""
        leaf, entry = 0, number
        sizes = [page.count for page in snapshot.pages(BLOCKS) if page.level == 0]
        while entry >= sizes[leaf]:
            entry -= sizes[leaf]
            leaf += 1
        unit_leaf, unit = divmod(number, next(page.count for page in snapshot.pages(UNITS) if page.level == 0))
        edits = {
            f"block {number}": replace(content),
            f"units 0 {unit_leaf}": put_entry("units", unit, 0, "16s", snapshot.keys.unit_hash(content)),
        }
        if table[number].codec != STORED:
            edits[f"blocks 0 {leaf}"] = put_entry("blocks", entry, 2, "<B", STORED)
        return edits

    def zstd(content):
        return {"block 5": replace(content), "blocks 0 0": put_entry("blocks", 5, 2, "<B", 2)}

    last = len(table) - 1
    last_leaf = sum(page.level == 0 for page in snapshot.pages(BLOCKS)) - 1
    larger = both(put_entry("blocks", -1, 1, "<I", 2 * PAGE), put_entry("blocks", -1, 2, "<B", STORED))
    one_more = {"units 0 1": both(add("<I", 4, 1), append(b"0123456789abcdef"))}
    frame = zstandard.ZstdCompressor().compress
    skippable = struct.pack("<II", 0x184D2A50, 4) + b"skip"
    return [
        ({"block 0": put("<B", 9, first[9] ^ 1)}, "the hash of the one at 0"),
        (
            {f"block {last}": replace(snapshot.block_content(table[last]) + first), f"blocks 0 {last_leaf}": larger},
            "a block of 8192 bytes",
        ),
        (
            {
                f"block {last}": replace(snapshot.block_content(table[last]) + first),
                f"blocks 0 {last_leaf}": larger,
                "root": put("<I", 8, 8192),
            },
            "end before the blocks do",
        ),
        (one_more, "the root page says"),
        (held(1, bytes(PAGE)), "is zeros"),
        (held(short, bytes(not_padded)), "not padded with zeros"),
        ({"block 5": append(b"\0")}, "block at"),
        ({"block 5": cut(20)}, "block at"),
        ({"block 5": replace(lz4.block.compress(compressible[:-1], store_size=False))}, "decodes to 4095 bytes"),
        ({"block 5": replace(lz4.block.compress(compressible + b"\0", store_size=False))}, "block at"),
        (zstd(frame(compressible[:-1])), "declares 4095 bytes"),
        (zstd(frame(compressible)[:-1]), "block at"),
        (zstd(frame(compressible) + b"\0"), "block at"),
        (zstd(frame(compressible) + skippable), "block at"),
        (zstd(skippable + frame(compressible)), "no Zstandard frame"),
        (zstd(frame(compressible[:2048]) + frame(compressible[2048:])), "declares 2048 bytes"),
        (zstd(zstandard.ZstdCompressor(write_content_size=False).compress(compressible[:-1])), "block at"),
        (zstd(rle_frame(28, compressible)), "a window of"),
        (zstd(rle_frame(31, compressible)), "a window of"),
        (zstd(zstandard.ZstdCompressor(write_content_size=False).compress(compressible + b"\0")), "block at"),
    ]


def chunked(snapshot):
    border = both(add_to_entry("chunks", 0, 0, "<I", -1), add_to_entry("chunks", 1, 0, "<I", 1))
    leaf = next(page for page in snapshot.pages(EXTENTS) if page.level == 0)
    kinds = [extent.kind for extent in snapshot.extents_of(leaf)]
    data, zeros = kinds.index(DATA), kinds.index(ZERO)
    least = snapshot.chunk_sizes[0]
    return [
        ({"extents 0 0": split(data, 1)}, "a short extent"),
        ({"extents 0 0": split(data, least - 1)}, "a short extent"),
        ({"extents 0 0": split(zeros, 1)}, "a short extent"),
        ({"extents 0 0": split(zeros, 1023)}, "a short extent"),
        ({"units 0 0": put_entry("chunks", 0, 0, "<I", 0)}, "a unit of 0 bytes"),
        ({"units 0 0": put_entry("chunks", 0, 0, "<I", (1 << 24) + 1)}, "a unit of 16777217"),
        ({"extents 0 0": add_to_entry("extents", -1, 0, "<Q", -1)}, "they end at byte"),
        ({"units 0 0": border}, "the hash of the one at 0"),
        ({"units 0 0": put_entry("chunks", 0, 0, "<I", 1 << 24)}, "spans two blocks"),
        ({"units 0 0": add_to_entry("chunks", -1, 0, "<I", 1)}, "of data space"),
        ({"units 0 0": put_entry("chunks", 0, 1, "16s", b"")}, "the hash of the one at 0"),
        ({"root": put("<III", 12, 0, 0, 0)}, "a short page within"),
        ({"root": put("<III", 12, 5, 5, 6)}, "chunk sizes"),
    ]


def short_dictionary(root):
    """The pointer says what is stored, as it is."""
    (stored,) = struct.unpack_from("<I", root, DICTIONARY + 8)
    struct.pack_into("<IB", root, DICTIONARY + 12, stored, STORED)


def with_dictionary(snapshot):
    number = next(n for n, block in enumerate(snapshot.blocks()) if block.codec == ZSTD_DICTIONARY)
    return [
        ({"dictionary": put("<B", 9, 0)}, "dictionary"),
        ({"dictionary": put("<B", 0, 0)}, "dictionary"),
        ({"dictionary": replace(bytes.fromhex("37A430EC")), "root": short_dictionary}, "no magic of a dictionary"),
        ({"dictionary": replace(b"plain content"), "root": short_dictionary}, "no magic of a dictionary"),
        ({"dictionary": replace(bytes.fromhex("37A430EC") + bytes(60)), "root": short_dictionary}, "dictionary: "),
        ({"root": put("<56s", DICTIONARY, b"")}, "needs a dictionary"),
        ({"root": put("<I", DICTIONARY + 12, 114687)}, "dictionary"),
        ({"root": put("<I", DICTIONARY + 12, 114689)}, "of at most 114688"),
        ({"blocks 0 0": put_entry("blocks", number, 2, "<B", 2)}, "block at"),
    ]


def fixed(snapshot):
    return [*header_and_footer(), *root_page(), *pages(snapshot), *leaves(), *contents(snapshot)]


def allowed():
    """Changes that leave a sound file."""
    return [
        {},
        {"header": put("<Q", 24, 1 << 63)},
        {"header": both(put("<Q", 24, 2), feature(2, 1, b"later"))},
        {"root": both(put("<B", 1, 0), put("<i", 4, -7), put("<I", 8, 1 << 24))},
        {"root": both(put("<B", STREAM, 3), put("<4s", STREAM + 40, "d\u00e9k".encode()))},
    ]


def changed(snapshot, rng):
    """(what, bytes) of files in which one byte is another."""
    content = bytes(snapshot.content)
    for name, start, length in parts(snapshot):
        for at in {start, start + length - 1, *(start + rng.randrange(length) for _ in range(3))}:
            damaged = bytearray(content)
            damaged[at] ^= rng.randrange(1, 256)
            yield f"byte {at}, in the {name}", bytes(damaged)


def cuts(snapshot, rng):
    """(what, bytes) of files that end too early, or too late, or lack bytes within."""
    content = bytes(snapshot.content)
    size = len(content)
    for end in {
        0,
        1,
        8,
        HEADER,
        size - 1,
        size - FOOTER,
        snapshot.root_offset,
        rng.randrange(size),
        rng.randrange(size),
    }:
        yield f"cut to {end} bytes", content[:end]
    for at in (HEADER, rng.randrange(HEADER, snapshot.root_offset), size - FOOTER):
        yield f"a byte less at {at}", content[:at] + content[at + 1 :]
        yield f"a byte more at {at}", content[:at] + b"\0" + content[at:]
    yield "a byte more", content + b"\0"
    yield "a page of zeros more", content + bytes(PAGE)
    yield "a second footer", content + content[-FOOTER:]
    yield "twice", content + content


def parts(snapshot):
    """(name, offset, length) of a part of each kind, all pages and a few blocks."""
    size = len(snapshot.content)
    yield from (("header", 0, HEADER), ("root page", snapshot.root_offset, size - FOOTER - snapshot.root_offset))
    yield "footer", size - FOOTER, FOOTER
    yield from (("version", 8, 4), ("names", 128, 3840), ("header's CRC", 4092, 4))
    yield from (("root hash", size - FOOTER + 32, 32), ("footer's CRC", size - 4, 4))
    if pointer := snapshot.dictionary_pointer:
        yield "dictionary", pointer.offset, pointer.stored
    for tree in TREES:
        for page in snapshot.pages(tree):
            yield f"{TREE_NAMES[tree]}, level {page.level}", page.pointer.offset, page.pointer.stored
    table = list(snapshot.blocks())
    for block in (table[0], table[len(table) // 2], table[-1]):
        yield f"block of codec {block.codec}", block.offset, block.stored
