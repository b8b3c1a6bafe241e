"""Makes the inputs of the tests in the folder named: the same bytes each time."""

import os
import random
import sys

PAGE = 4096


def text(rng, length):
    words = [rng.randbytes(rng.randrange(2, 9)).hex() for _ in range(400)]
    out = bytearray()
    while len(out) < length:
        out += (rng.choice(words) + rng.choice(" \n,;")).encode()
    return bytes(out[:length])


def main(folder):
    rng = random.Random(20)
    noise = rng.randbytes(1 << 20)
    prose = text(rng, 2 << 20)
    zeros = bytes(64 * PAGE)

    # A disk: text, noise, zeros, the first quarter of the text once more, and an odd end.
    disk = prose + noise + zeros + prose[: 128 * PAGE] + zeros + noise[:777]
    # A guest's memory: pages of the disk in another order, and some of its own.
    pages = [prose[i : i + PAGE] for i in range(0, len(prose), PAGE)]
    rng.shuffle(pages)
    own = rng.randbytes(32 * PAGE)
    memory = zeros + b"".join(pages[:400]) + own + zeros
    # Content that comes again, moved by a length that is no multiple of anything.
    moved = noise + rng.randbytes(1013) + noise

    contents = {
        "disk": disk,
        "memory": memory,
        "moved": moved,
        "noise": rng.randbytes(4 << 20),
        "small": prose[:20000] + bytes(3 * PAGE) + noise[:9000],
        "empty": b"",
        "one": b"x",
    }
    for name, content in contents.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)

    # Holes at both ends and in the middle; "full" has the same bytes and no hole.
    with open(os.path.join(folder, "holes"), "wb") as file:
        file.seek(3 << 20)
        file.write(prose[: 1 << 20])
        file.seek(9 << 20)
        file.write(noise[:300000])
        file.truncate(16 << 20)
    with open(os.path.join(folder, "holes"), "rb") as holes:
        with open(os.path.join(folder, "full"), "wb") as full:
            full.write(holes.read())


if __name__ == "__main__":
    main(sys.argv[1])
