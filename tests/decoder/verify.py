"""Checks what shows only when all of a snapshot is read."""

from typing import NamedTuple

import slots
from encrypted import IN_SLOTS
from layout import BLOCKS, DATA, FOOTER, HEADER, PAGE, PARENT, TREE_NAMES, TREES, must


class Counts(NamedTuple):
    pages: int
    extents: int
    blocks: int
    units: int


def verify(snapshot):
    """Checks all that the format demands of a file; raises Damaged at the first fault."""
    extents, short_pages = _check_extents(snapshot)
    if snapshot.encrypted:
        _check_slots(snapshot)
    tag = snapshot.keys.tag
    parts = [
        (0, HEADER, "header"),
        (HEADER, snapshot.body - HEADER, "key slots"),
        (snapshot.root_offset, len(snapshot.content) - FOOTER - snapshot.root_offset, "root page"),
    ]
    parts.append((len(snapshot.content) - FOOTER, FOOTER, "footer"))

    if pointer := snapshot.ancestors_pointer:
        parts.append((pointer.offset, pointer.stored + tag, "page of ancestors"))
    if pointer := snapshot.dictionary_pointer:
        snapshot.dictionary()
        parts.append((pointer.offset, pointer.stored + tag, "dictionary"))
    pages = [(tree, page) for tree in TREES for page in snapshot.pages(tree)]
    parts += [(page.pointer.offset, page.pointer.stored + tag, f"page of {TREE_NAMES[tree]}") for tree, page in pages]
    for page in (page for tree, page in pages if tree == BLOCKS and page.level == 0):
        parts += [(block.offset, block.stored + tag, "block") for block in snapshot.blocks_of(page)]
    _check_nothing_between(parts)

    blocks, units = _check_blocks(snapshot)
    for start, length in short_pages:
        padding = b"".join(snapshot.data(start + length, -length % PAGE))
        must(not any(padding), f"units: the short page at {start} of data space is not padded with zeros")
    return Counts(len(pages), extents, blocks, units)


def _check_slots(snapshot):
    """Both copies are whole, the one that does not count too, though an older one may still be there."""
    whole = slots.copies(snapshot.content)
    must(len(whole) == len(slots.COPIES), "key slots: one copy of the two has a wrong magic or checksum")
    for offset, page in whole:
        slots.checked_copy(offset, page, snapshot.file_id)
        snapshot.keys.must_match_mac(IN_SLOTS, page, f"key slots at {offset}")


def _check_extents(snapshot):
    count, data, short_pages = 0, [0] * len(snapshot.streams), []
    for number, extent in snapshot.extents():
        count += 1
        if extent.kind == PARENT:
            data[number] += extent.length
            for _ in snapshot.inherited(extent):
                pass
        if extent.kind == DATA:
            data[number] += extent.length
            if not snapshot.chunked and extent.length % PAGE:
                short_pages.append((extent.data, extent.length))
    # The rest are zeros: the extents tile the stream, and opening has added the two up.
    for number, stream in enumerate(snapshot.streams):
        must(data[number] == stream.data, f"stream {stream.name}: {data[number]} bytes of data, not {stream.data}")
    return count, short_pages


def _check_nothing_between(parts):
    at, last = 0, "start of the file"
    for start, length, name in sorted(parts):
        must(start >= at, f"{name} at {start} overlaps with the {last} before it")
        must(start == at, f"{start - at} bytes that belong to nothing between {last} and {name} at {start}")
        at, last = start + length, name


def _check_blocks(snapshot):
    """Decodes every block and checks it and its units."""
    stored, blocks, units_seen = 0, 0, 0
    units = snapshot.units()
    for block in snapshot.blocks():
        blocks += 1
        stored += block.stored
        content, at = snapshot.block_content(block), 0
        while at < block.length:
            unit = next(units, None)
            must(unit is not None, "units: they end before the blocks do")
            must(at + unit.length <= block.length, f"units: the one at {unit.start} of data space spans two blocks")
            held = content[at : at + unit.length]
            must(
                snapshot.keys.unit_hash(held) == unit.hash,
                f"units: the hash of the one at {unit.start} of data space does not match",
            )
            must(any(held), f"units: the one at {unit.start} of data space is zeros")
            units_seen += 1
            at += unit.length
    must(next(units, None) is None, "units: they go on after the blocks end")
    must(stored == snapshot.block_bytes, f"blocks: {stored} bytes stored, the root page says {snapshot.block_bytes}")
    brought = sum(stream.stored for stream in snapshot.streams)
    must(brought == stored, f"streams: they brought in {brought} of {stored} stored bytes")
    return blocks, units_seen
