"""The keys of a file, and its pieces as they lie in it: sealed, or in a plain file as they are."""

import struct

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from layout import Damaged, must

TAG = 16
NONCE = bytes(12)
IN_HEADER, IN_SLOTS, IN_FOOTER = 1, 2, 3
# Where the MAC of each lies in its page.
MAC_AT = {IN_HEADER: 80, IN_SLOTS: 40, IN_FOOTER: 96}
COMMITMENT_AT = 48


def kdf(context, material):
    return blake3(material, derive_key_context=f"hexz 2026-11-22 {context} v1").digest()


def mac(key, *parts):
    return blake3(b"".join(parts), key=key).digest()


class Clear:
    """A plain file: pieces are stored as they are, under a hash that needs no key."""

    tag = 0

    def piece_hash(self, piece):
        return blake3(piece).digest()

    def unit_hash(self, unit):
        return blake3(unit).digest(16)

    def seal(self, kind, codec, ordinal, piece, decoded, digest):
        return bytes(piece)

    def open(self, kind, codec, ordinal, held, decoded, digest, what):
        must(self.piece_hash(held) == digest, f"{what}: the BLAKE3 does not match")
        return held


class FileKey:
    """The key of an encrypted file, and all that is derived from it."""

    tag = TAG

    def __init__(self, key, file_id):
        self.key = bytes(key)
        self.file_id = bytes(file_id)
        self.commitment = kdf("file key commitment", self.key)
        self._mac_key = kdf("mac", self.key)
        self._piece_hash_key = kdf("piece hash", self.key)
        self._sealing_key = kdf("sealing", self.key)
        self._unit_hash_key = kdf("unit hash", self.key)

    def inherit(self, unit_hash_key):
        self._unit_hash_key = bytes(unit_hash_key)

    def piece_hash(self, piece):
        return mac(self._piece_hash_key, piece)

    def unit_hash(self, unit):
        return mac(self._unit_hash_key, unit)[:16]

    def page_mac(self, place, page):
        """The MAC of header, key slots or footer; those of its bytes that depend on the MAC count as zero."""
        page, at = bytearray(page), MAC_AT[place]
        page[at : at + 32] = bytes(32)
        page[4092:] = bytes(4)
        return mac(self._mac_key, bytes([place]), page)

    def must_match_mac(self, place, page, what):
        at = MAC_AT[place]
        must(self.page_mac(place, page) == page[at : at + 32], f"{what}: the MAC does not match")

    def put_mac(self, place, page):
        at = MAC_AT[place]
        page[at : at + 32] = self.page_mac(place, page)

    def associated(self, kind, codec, ordinal, length, decoded):
        return self.file_id + struct.pack("<BB6xQII", kind, codec, ordinal, length, decoded)

    def seal(self, kind, codec, ordinal, piece, decoded, digest):
        """`digest` is the piece hash, or another that a forger wants to be taken for it."""
        associated = self.associated(kind, codec, ordinal, len(piece), decoded)
        return AESGCM(mac(self._sealing_key, associated, digest)).encrypt(NONCE, bytes(piece), associated)

    def open(self, kind, codec, ordinal, held, decoded, digest, what):
        associated = self.associated(kind, codec, ordinal, len(held) - TAG, decoded)
        try:
            piece = AESGCM(mac(self._sealing_key, associated, digest)).decrypt(NONCE, bytes(held), associated)
        except InvalidTag as error:
            raise Damaged(f"{what}: the tag does not match") from error
        must(self.piece_hash(piece) == digest, f"{what}: the piece hash does not match")
        return piece
