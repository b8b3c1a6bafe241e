"""Disk images and memory dumps, small and each with something of its own. The same ones every time."""

import random

PAGE = 4096
WORDS = 1500


def text(rng, size):
    """Netlist-like lines over a vocabulary that a block sees little of and a dictionary most of."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
    words = ["".join(rng.choices(letters, k=rng.randrange(20, 60))) for _ in range(WORDS)]
    lines, length = [], 0
    while length < size:
        line = "  {} U{} ( .{}(n_{}), .ZN({}) );\n".format(
            rng.choice(words), rng.randrange(9999), rng.choice(words), rng.randrange(999), rng.choice(words)
        )
        lines.append(line)
        length += len(line)
    return "".join(lines).encode()[:size]


def write(path, content):
    path.write_bytes(content)


def holes(path, rng):
    """Mostly holes, with one at the start and one at the end."""
    with open(path, "wb") as file:
        for at in (3 << 20, (20 << 20) + 5 * PAGE, 40 << 20):
            file.seek(at)
            file.write(rng.randbytes(PAGE + 100))
        file.truncate((64 << 20) + 77)


def scattered(path, rng, count):
    """`count` pages of few contents, each between two holes: two extents a page, and little data."""
    contents = [rng.randbytes(PAGE) for _ in range(5)]
    with open(path, "wb") as file:
        for number in range(count):
            file.seek((2 * number + 1) * PAGE)
            file.write(contents[number % 5])


def distinct_pages(rng, count):
    """`count` pages with different contents that compress well."""
    return b"".join(rng.randbytes(40).hex().encode() * 51 + bytes(16) for _ in range(count))


def islands(rng, count):
    """The same, each followed by a page of zeros: as chunks, each is one."""
    return b"".join(distinct_pages(rng, 1) + bytes(PAGE) for _ in range(count))


def mixed(rng):
    """Runs of zeros, text, noise and repetition, not all of whole pages."""
    noise = rng.randbytes(200_000)
    parts = [noise, bytes(30_000), text(rng, 250_000), noise[1000:], bytes(5 * PAGE), noise[:100_000]]
    return b"".join(parts) + b"\xff" * 70_000 + b"\0" * 9000 + b"the end"


def make(folder):
    """Writes all inputs; returns {name: (disk, memory or None)}."""
    rng = random.Random(20261122)
    made = {}

    def add(name, content, memory=None):
        disk = folder / f"{name}.disk"
        content(disk) if callable(content) else write(disk, content)
        dump = None
        if memory is not None:
            dump = folder / f"{name}.memory"
            write(dump, memory)
        made[name] = disk, dump

    for size in (0, 1, 4095, 4096, 4097):
        add(f"{size} bytes", rng.randbytes(size))
    add("zeros", bytes((1 << 20) + 1))
    add("zeros but the last", bytes((1 << 20) - 1) + b"\1")
    add("holes", lambda path: holes(path, rng))
    add("mixed", mixed(rng))
    add("text", text(rng, 3_000_000))
    noise = rng.randbytes(700_000)
    # With chunks: a cut within the last page before the end leaves a chunk of zeros.
    add("zeros behind a cut", b"\x11" * 16384 + bytes.fromhex("c2d27e") + bytes(4093))
    add("repeated", noise + noise + b"shifted" + noise)

    # The memory holds pages of the disk in another order, and zeros and pages of its own.
    disk = mixed(rng)
    pages = [disk[at : at + PAGE] for at in range(0, len(disk) - PAGE, PAGE)]
    rng.shuffle(pages)
    own = [rng.randbytes(PAGE) if n % 3 else bytes(PAGE) for n in range(60)]
    add("disk and memory", disk, b"".join(pages[:150] + own + pages[150:]) + b"short")
    add("empty disk and memory", b"", rng.randbytes(10_000))
    add("disk and empty memory", rng.randbytes(10_000), b"")
    add("equal disk and memory", disk, disk)

    add("many pages", islands(rng, 1200) + distinct_pages(rng, 1300), distinct_pages(rng, 300))
    short = rng.randbytes(3 * PAGE)
    add(
        "for damage",
        short + distinct_pages(rng, 1100) + bytes(2 * PAGE) + rng.randbytes(100),
        short + rng.randbytes(50),
    )
    add("scattered", lambda path: scattered(path, rng, 90_000))
    return made
