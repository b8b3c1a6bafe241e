"""All secrets of an encrypted snapshot, and what a computer makes of them on its way: derived from file and
passwords by the decoder, which shares no code with the library."""

import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import encrypted
import slots
from hexz_decode import load
from verify import verify

FILE_KEYS = ("mac key", "piece hash key", "sealing key", "unit hash key")
POLYVAL = 1 << 128 | 1 << 127 | 1 << 126 | 1 << 121 | 1


# --- AES ------------------------------------------------------------------------------


def times(a, b):
    """In the field of AES."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11B if a & 0x80 else 0)
        b >>= 1
    return product


def _s_box():
    box = []
    for value in range(256):
        inverse = next((x for x in range(256) if times(value, x) == 1), 0)
        turned = [(inverse << n | inverse >> (8 - n)) & 255 for n in range(5)]
        box.append(turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4] ^ 0x63)
    return box


S_BOX = _s_box()
TIMES = {factor: [times(factor, x) for x in range(256)] for factor in (9, 11, 13, 14)}


def schedule(key):
    """The 15 round keys of AES-256 (FIPS 197, 5.2)."""
    words, power = [key[at : at + 4] for at in range(0, 32, 4)], 1
    for number in range(8, 60):
        word = words[-1]
        if number % 8 == 0:
            word = bytes(S_BOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ power]) + word[1:]
            power = times(power, 2)
        elif number % 8 == 4:
            word = bytes(S_BOX[b] for b in word)
        words.append(bytes(a ^ b for a, b in zip(word, words[-8])))
    return [b"".join(words[at : at + 4]) for at in range(0, 60, 4)]


def inverse(round_key):
    """InvMixColumns of a round key, for the equivalent inverse cipher (FIPS 197, 5.3.5)."""
    out = []
    for at in range(0, 16, 4):
        column = round_key[at : at + 4]
        for row in range(4):
            factors = ((14, 11, 13, 9)[(i - row) % 4] for i in range(4))
            out.append(0)
            for factor, byte in zip(factors, column):
                out[-1] ^= TIMES[factor][byte]
    return bytes(out)


# --- GHASH ----------------------------------------------------------------------------


def dot(a, b):
    """The product of POLYVAL: a times b times x^-128 (RFC 8452, section 3)."""
    product = 0
    for bit in range(128):
        if b >> bit & 1:
            product ^= a << bit
    for _ in range(128):
        product = (product ^ POLYVAL if product & 1 else product) >> 1
    return product


def ghash_keys(key):
    """The hash key, as GHASH has it and as POLYVAL does, and the powers that an implementation keeps."""
    zero = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(bytes(16))
    yield zero
    yield zero[::-1]
    twice = int.from_bytes(zero[::-1], "little") << 1
    h = power = (twice ^ POLYVAL) if twice >> 128 else twice
    for _ in range(8):
        yield power.to_bytes(16, "little")
        power = dot(power, h)


# --- BLAKE3 ---------------------------------------------------------------------------

IV = 0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19
ORDER = 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8
CHUNK_START, KEYED_HASH, DERIVE_KEY_MATERIAL = 1, 16, 64


def _mix(v, a, b, c, d, x, y):
    for word, right, left in ((x, 16, 12), (y, 8, 7)):
        v[a] = v[a] + v[b] + word & 0xFFFFFFFF
        v[d] ^= v[a]
        v[d] = v[d] >> right | v[d] << (32 - right) & 0xFFFFFFFF
        v[c] = v[c] + v[d] & 0xFFFFFFFF
        v[b] ^= v[c]
        v[b] = v[b] >> left | v[b] << (32 - left) & 0xFFFFFFFF


def first_chaining_value(key, block, flag):
    """What BLAKE3 carries from the first block of a message to the second."""
    v = [*struct.unpack("<8I", key), *IV[:4], 0, 0, 64, flag | CHUNK_START]
    m = struct.unpack("<16I", block)
    for _ in range(7):
        for n in range(4):
            _mix(v, n, 4 + n, 8 + n, 12 + n, m[2 * n], m[2 * n + 1])
        for n in range(4):
            _mix(v, n, 4 + (n + 1) % 4, 8 + (n + 2) % 4, 12 + (n + 3) % 4, m[8 + 2 * n], m[9 + 2 * n])
        m = [m[i] for i in ORDER]
    return struct.pack("<8I", *(v[i] ^ v[8 + i] for i in range(8)))


# --- a snapshot -----------------------------------------------------------------------


class Noted:
    """Stands in front of what the decoder gets its keys from, and keeps them."""

    def __init__(self):
        self.aes, self.passwords, self.chaining = {}, [], []
        self._kinds = {1: "dictionary", 2: "page", 3: "root page", 4: "block", 5: "page of ancestors"}

    def __enter__(self):
        self._before = encrypted.AESGCM, slots.AESGCM, slots.password_key, encrypted.mac
        aes, _, password_key, mac = self._before

        def piece(key):
            return aes(key)

        def wrapping(key):
            self.aes[bytes(key)] = "wrapping key"
            return aes(key)

        def of_password(*arguments):
            self.passwords.append(password_key(*arguments))
            return self.passwords[-1]

        def keyed(key, *parts):
            made = mac(key, *parts)
            # Of all that is hashed with a key only a piece's key comes of 40 bytes and 32.
            if [len(part) for part in parts] == [40, 32]:
                associated = parts[0]
                self.aes[made] = f"key of a {self._kinds[associated[16]]}"
                self.chaining.append(first_chaining_value(key, b"".join(parts)[:64], KEYED_HASH))
            return made

        encrypted.AESGCM, slots.AESGCM, slots.password_key, encrypted.mac = piece, wrapping, of_password, keyed
        return self

    def __exit__(self, *_):
        encrypted.AESGCM, slots.AESGCM, slots.password_key, encrypted.mac = self._before


def secrets_of(path, password, also=()):
    """(name, bytes) of each; `also` are passwords that do not open it."""
    with Noted() as noted:
        snapshot = load(path, password)
        verify(snapshot)
        for slot in snapshot.slots.slots:
            for other in also:
                slots.password_key(other, slot.cost, slot.salt)
    keys = snapshot.keys
    own = keys._mac_key, keys._piece_hash_key, keys._sealing_key, keys._unit_hash_key
    yield from zip(FILE_KEYS, own)
    yield "file key", keys.key
    for key in noted.passwords:
        yield "key of a password", key
    for value in noted.chaining:
        yield "chaining value towards a key of a piece", value
    for key, name in noted.aes.items():
        yield name, key
        forwards = schedule(key)
        # The first two are the key itself.
        for number, round_key in enumerate(forwards[2:], 2):
            yield f"round key {number} of a {name}", round_key
        for number, round_key in enumerate(forwards[1:14], 1):
            yield f"inverse round key {number} of a {name}", inverse(round_key)
        for number, power in enumerate(ghash_keys(key)):
            yield f"hash key, form {number}, of a {name}", power
