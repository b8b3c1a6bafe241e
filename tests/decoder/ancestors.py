"""The page of ancestors of a thin snapshot."""

import struct

from layout import MAX_ANCESTORS, Ancestor, must, must_be_zero

KEY = ROOT = 32


def read_ancestors(page, encrypted, what):
    """(root of the parent or zeros, inherited unit hash key or None, ancestors in order) from the decoded page."""
    must(len(page) >= 72, f"{what}: shorter than its head")
    tag, flags, count = struct.unpack_from("<BBH", page)
    must(tag == 5, f"{what}: begins with {tag}")
    must(flags in ((0, 1) if encrypted else (0,)), f"{what}: flags {flags}")
    must(count <= MAX_ANCESTORS, f"{what}: {count} ancestors")
    must_be_zero(page, 4, 8, what)
    parent, inherited = bytes(page[8:40]), _key(page[40:72], flags, what)
    named, at = [], 72
    for number in range(count):
        one, at = _read_ancestor(page, at, encrypted, f"{what}, ancestor {number}")
        named.append(one)
    must(at == len(page), f"{what}: {len(page) - at} bytes are left")
    must(len({one.root for one in named}) == count, f"{what}: two ancestors have one root")
    return parent, inherited, named


def _read_ancestor(page, at, encrypted, what):
    must(len(page) - at >= 72, f"{what}: cut off")
    root, flag, length = bytes(page[at : at + ROOT]), page[at + 64], page[at + 65]
    must(any(root), f"{what}: a root of zeros")
    must(flag in ((0, 1) if encrypted else (0,)), f"{what}: its flag is {flag}")
    key = _key(page[at + ROOT : at + ROOT + KEY], flag, what)
    must_be_zero(page, at + 66, at + 72, what)
    at += 72
    must(len(page) - at >= length, f"{what}: a hint of {length} bytes")
    hint = bytes(page[at : at + length])
    must(hint not in (b".", b".."), f"{what}: its hint is no file name")
    must(not any(byte < 0x20 or byte in b"/\x7f" for byte in hint), f"{what}: its hint is no file name")
    return Ancestor(root, key, hint), at + length


def _key(key, flag, what):
    must(any(key) == bool(flag), f"{what}: a key that does not fit its flag")
    return bytes(key) if flag else None
