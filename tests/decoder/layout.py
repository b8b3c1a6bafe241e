"""Numbers, records and faults of the format, which all of this folder shares."""

import struct
from typing import NamedTuple

import google_crc32c

HEADER = FOOTER = PAGE = 4096
HEADER_MAGIC = bytes.fromhex("8948585A0D0A1A0A")
FOOTER_MAGIC = bytes.fromhex("894858450D0A1A0A")
VERSION = 1
ROOT_CONTEXT = "hexz 2026-11-22 snapshot root v1"
ENCRYPTED, THIN = 1, 2  # the incompat bits
LATER_FEATURES = {2: "references"}  # incompat bits of the page that are not read here

MAX_INDEX_PAGE = 16384
MAX_ROOT_PAGE = 32768
MAX_ANCESTORS_PAGE = 32768
MAX_WITH_ROOT_PAGE = 49152
MAX_ANCESTORS = 64
MAX_BLOCK = 1 << 24
MAX_DICTIONARY = 114688
MAX_WINDOW = 1 << 27
LEAST_CHUNK = 1024
MAX_STREAMS = 256
MAX_HEIGHT = 8
MAX_DATA_SPACE = 1 << 47
MAX_STREAM = (1 << 63) - 4096

TREES = EXTENTS, BLOCKS, UNITS = 1, 2, 3
TREE_NAMES = {EXTENTS: "extents", BLOCKS: "blocks", UNITS: "units"}
STREAM_KINDS = {1: "disk", 2: "memory", 3: "blob"}
COMPRESSIONS = {0: "none", 1: "lz4", 2: "zstd"}
STORED, LZ4, ZSTD, ZSTD_DICTIONARY = 0, 1, 2, 3
DATA, ZERO, PARENT = 1, 2, 3
NOTHING = bytes(56)

# Kinds of pieces.
DICTIONARY_PIECE, INDEX_PIECE, ROOT_PIECE, BLOCK_PIECE, ANCESTORS_PIECE = 1, 2, 3, 4, 5


class Damaged(Exception):
    """The file breaks a rule of the format."""


class Unsupported(Exception):
    """The file may be sound, but is of a version or has a feature unknown here."""


class PasswordRequired(Exception):
    """The file is encrypted, and no password was given."""


class WrongPassword(Exception):
    """No key slot is of the password that was given."""


class NotEncrypted(Exception):
    """A password was given for a plain file."""


class Lacking(Exception):
    """A snapshot that this one leans on is not there, or is another one."""


FAULTS = (Damaged, Unsupported, PasswordRequired, WrongPassword, NotEncrypted, Lacking)


class Pointer(NamedTuple):
    offset: int
    stored: int
    decoded: int
    codec: int
    hash: bytes


class Tree(NamedTuple):
    height: int
    top: Pointer | None


class Stream(NamedTuple):
    kind: int
    name: str
    size: int
    data: int
    zeros: int
    stored: int


class Page(NamedTuple):
    """An index page, its head read and checked."""

    tree: int
    level: int
    count: int
    key: tuple[int, int]
    first_block: int
    content: bytes
    pointer: Pointer


class Extent(NamedTuple):
    start: int
    length: int
    data: int
    kind: int
    ancestor: int = 0
    stream: int = 0


class Ancestor(NamedTuple):
    root: bytes
    key: bytes | None
    hint: bytes


class Block(NamedTuple):
    start: int
    length: int
    offset: int
    stored: int
    codec: int
    crc: int
    hash: bytes


class Unit(NamedTuple):
    start: int
    length: int
    hash: bytes


def must(holds, what):
    if not holds:
        raise Damaged(what)


def must_be_zero(content, start, end, what):
    must(not any(content[start:end]), f"{what}: bytes {start} to {end - 1} are not all zero")


def crc_fits(page):
    (crc,) = struct.unpack_from("<I", page, 4092)
    return google_crc32c.value(bytes(page[:4092])) == crc


def must_match_crc(page, what):
    must(crc_fits(page), f"{what}: the CRC-32C does not match")


def put_crc(page):
    struct.pack_into("<I", page, 4092, google_crc32c.value(bytes(page[:4092])))


def must_be_lengths(stored, decoded, codec, what):
    """The rule for a stored and a decoded length that pointers and blocks share."""
    must(stored >= 1, f"{what}: the stored length is 0")
    if codec == STORED:
        must(stored == decoded, f"{what}: stored as it is, with lengths {stored} and {decoded}")
    else:
        must(stored < decoded, f"{what}: compressed from {decoded} to {stored} bytes")
