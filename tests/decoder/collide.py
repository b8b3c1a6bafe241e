"""One ciphertext that AES-GCM opens under two keys, each time to another message.

GCM does not commit to its key: the tag is linear in the ciphertext over GF(2^128), so that
one block of ciphertext, chosen freely, makes the tags of two keys equal (Dodis, Grubbs,
Ristenpart and Woodage, "Fast Message Franking", CRYPTO 2018).
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ONE = 1 << 127  # the first bit of a block is the coefficient of x^0


def times(a, b):
    """The product in the field of GCM (NIST SP 800-38D, section 6.3)."""
    product = 0
    for bit in range(127, -1, -1):
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (0xE1 << 120 if b & 1 else 0)
    return product


def inverse(a):
    """a to the power 2^128 - 2."""
    result = ONE
    for _ in range(127):
        a = times(a, a)
        result = times(result, a)
    return result


def encrypted_block(key, block):
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return int.from_bytes(cipher.update(block), "big")


def blocks_of(content):
    return [int.from_bytes(content[at : at + 16].ljust(16, b"\0"), "big") for at in range(0, len(content), 16)]


def two_keys(one, other, associated, first_block):
    """(32 bytes of ciphertext, tag) that both keys accept, with a nonce of 12 zero bytes."""
    lengths = (len(associated) * 8) << 64 | 256
    counter = bytes(15) + b"\x01"

    def terms(key):
        """What the tag is but for the second block of ciphertext, and what that is multiplied with."""
        subkey = encrypted_block(key, bytes(16))
        digest = 0
        for block in (*blocks_of(associated), *blocks_of(first_block), 0, lengths):
            digest = times(digest ^ block, subkey)
        return digest ^ encrypted_block(key, counter), times(subkey, subkey)

    (fixed, factor), (other_fixed, other_factor) = terms(one), terms(other)
    second = times(fixed ^ other_fixed, inverse(factor ^ other_factor))
    tag = fixed ^ times(second, factor)
    return first_block + second.to_bytes(16, "big"), tag.to_bytes(16, "big")
