"""Key slots: the file key, wrapped for each password."""

import struct
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from encrypted import IN_SLOTS, NONCE, FileKey, kdf
from layout import VERSION, Damaged, WrongPassword, crc_fits, must, must_be_zero, put_crc

MAGIC = bytes.fromhex("8948584B0D0A1A0A")
COPIES = 4096, 8192
BODY = 12288
COUNT, FIRST, SIZE = 8, 128, 256
ARGON2ID = 1
MAX_COST = 1 << 22  # KiB times passes, over all slots


class Cost(NamedTuple):
    memory: int  # KiB
    passes: int
    lanes: int


LEAST_COST = Cost(1024, 1, 1)


class Slot(NamedTuple):
    cost: Cost
    salt: bytes
    commitment: bytes
    wrapped: bytes
    tag: bytes


class Copy(NamedTuple):
    """A copy of the key slots; `slots` has those that are used."""

    offset: int
    generation: int
    slots: list[Slot]
    page: bytes


def password_key(password, cost, salt):
    derived = Argon2id(salt=salt, length=32, iterations=cost.passes, lanes=cost.lanes, memory_cost=cost.memory)
    return derived.derive(password)


def commitment_of(key):
    return kdf("slot commitment", key)


def wrapping(key, file_id, cost, salt):
    """(wrapping key, associated data)"""
    associated = file_id + struct.pack("<III", *cost) + salt
    return kdf("slot wrapping", key + associated), associated


# --- reading --------------------------------------------------------------------------


def copies(content):
    """(offset, page) of the copies that were not torn while they were written."""
    pages = [(offset, content[offset : offset + 4096]) for offset in COPIES]
    return [(offset, page) for offset, page in pages if len(page) == 4096 and page[:8] == MAGIC and crc_fits(page)]


def counting_copy(content, file_id):
    """The copy of the key slots that counts, checked as far as it can be without a key."""
    whole = copies(content)
    must(whole, "key slots: neither copy has magic and checksum right")
    # Of equals, max takes the first.
    return checked_copy(*max(whole, key=lambda copy: struct.unpack_from("<Q", copy[1], 16)), file_id)


def checked_copy(offset, page, file_id):
    what = f"key slots at {offset}"
    version, generation = struct.unpack_from("<I4xQ", page, 8)
    must(version == VERSION, f"{what}: version {version}")
    must_be_zero(page, 12, 16, what)
    must(page[24:40] == file_id, f"{what}: the file id is not that of the header")
    must_be_zero(page, 72, 128, what)
    must_be_zero(page, FIRST + COUNT * SIZE, 4092, what)
    slots = []
    for number in range(COUNT):
        slot = page[FIRST + number * SIZE : FIRST + (number + 1) * SIZE]
        if any(slot):
            slots.append(_slot(slot, f"{what}, slot {number}"))
    must(slots, f"{what}: none is used")
    cost = sum(slot.cost.memory * slot.cost.passes for slot in slots)
    must(cost <= MAX_COST, f"{what}: {cost} KiB times passes over all slots, of at most {MAX_COST}")
    return Copy(offset, generation, slots, page)


def _slot(slot, what):
    kind, *cost = struct.unpack_from("<B3xIII", slot)
    cost = Cost(*cost)
    must(kind == ARGON2ID, f"{what}: of kind {kind}")
    must_be_zero(slot, 1, 4, what)
    must(1024 <= cost.memory <= 1 << 20, f"{what}: {cost.memory} KiB of memory")
    must(1 <= cost.passes <= 64, f"{what}: {cost.passes} passes")
    must(1 <= cost.lanes <= 16, f"{what}: {cost.lanes} lanes")
    must_be_zero(slot, 128, 256, what)
    return Slot(cost, slot[16:48], slot[48:80], slot[80:112], slot[112:128])


def unlock(copy, file_id, password):
    """The file key, from the first slot that commits to the password."""
    for slot in copy.slots:
        key = password_key(password, slot.cost, slot.salt)
        if commitment_of(key) != slot.commitment:
            continue
        wrapping_key, associated = wrapping(key, file_id, slot.cost, slot.salt)
        try:
            return FileKey(AESGCM(wrapping_key).decrypt(NONCE, slot.wrapped + slot.tag, associated), file_id)
        except InvalidTag as error:
            raise Damaged("key slots: the tag of the slot of this password does not match") from error
    raise WrongPassword("the password is that of no key slot")


# --- writing --------------------------------------------------------------------------


def packed_slot(slot):
    return struct.pack("<B3xIII32s32s32s16s128x", ARGON2ID, *slot.cost, *slot[1:])


def new_slot(file_key, password, salt, cost=LEAST_COST):
    key = password_key(password, cost, salt)
    wrapping_key, associated = wrapping(key, file_key.file_id, cost, salt)
    sealed = AESGCM(wrapping_key).encrypt(NONCE, file_key.key, associated)
    return Slot(cost, salt, commitment_of(key), sealed[:32], sealed[32:])


def new_copy(file_key, slots, generation=1):
    """A copy as it is written, with MAC and checksum. A slot is a Slot, or None for one that is not used."""
    page = bytearray(4096)
    struct.pack_into("<8sI4xQ16s", page, 0, MAGIC, VERSION, generation, file_key.file_id)
    for number, slot in enumerate(slots):
        if slot:
            page[FIRST + number * SIZE : FIRST + (number + 1) * SIZE] = packed_slot(slot)
    file_key.put_mac(IN_SLOTS, page)
    put_crc(page)
    return bytes(page)
