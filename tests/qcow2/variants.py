"""The table of images that must read as qemu-img reads them."""

import random
import zlib
from dataclasses import dataclass
from pathlib import Path

import qemu
from layout import Image
from qemu import SECTOR

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Geometry:
    """How an image is laid out."""
    version: int
    cluster: int
    compression: str = "zlib"
    subclusters: bool = False
    more: str = ""

    @property
    def options(self):
        parts = ["compat=%s" % {2: "0.10", 3: "1.1"}[self.version], f"cluster_size={self.cluster}"]
        if self.compression != "zlib":
            parts.append(f"compression_type={self.compression}")
        if self.subclusters:
            parts.append("extended_l2=on")
        return ",".join(parts + [self.more] * bool(self.more))

    @property
    def name(self):
        size = f"{self.cluster // KIB}k" if self.cluster >= KIB else str(self.cluster)
        parts = [f"v{self.version}", size, self.compression] + ["subclusters"] * self.subclusters
        return "-".join(parts + [self.more.replace("=", "").replace(",", "-")] * bool(self.more))


GEOMETRIES = [
    *(Geometry(2, c) for c in (512, 4 * KIB, 64 * KIB, 2 * MIB)),
    *(Geometry(3, c) for c in (512, KIB, 16 * KIB, 64 * KIB, 256 * KIB, 2 * MIB)),
    *(Geometry(3, c, "zstd") for c in (512, 2 * KIB, 64 * KIB, 2 * MIB)),
    *(Geometry(3, c, "zlib", True) for c in (16 * KIB, 64 * KIB, 2 * MIB)),
    *(Geometry(3, c, "zstd", True) for c in (16 * KIB, 32 * KIB, 128 * KIB)),
    *(Geometry(3, 64 * KIB, more=f"refcount_bits={bits}") for bits in (1, 2, 4, 8, 32, 64)),
    Geometry(3, 64 * KIB, more="lazy_refcounts=on"),
]


class Variant:
    """One image: `make(folder, rng)` leaves it as top.qcow2."""

    def __init__(self, name, make, for_imago=True):
        self.name = name
        self._make = make
        # imago takes other names of files and sizes than QEMU does.
        self.for_imago = for_imago

    def make(self, folder):
        self._make(Path(folder), random.Random(zlib.crc32(self.name.encode())))


def odd_size(rng, cluster):
    """Some clusters and some sectors."""
    whole = max(3 * cluster, MIB) + rng.randrange(4) * cluster
    return whole + rng.randrange(1, 128) * SECTOR


def put(folder, name, rng, size):
    (folder / name).write_bytes(qemu.content(rng.random(), size))


def backing_none(folder, rng, geometry, size):
    return None


def backing_raw(folder, rng, geometry, size):
    put(folder, "base.raw", rng, size)
    return "base.raw", "raw"


def backing_raw_odd(folder, rng, geometry, size):
    put(folder, "base.raw", rng, size - rng.randrange(1, size // 2) | 1)
    return "base.raw", "raw"


def backing_qcow2(folder, rng, geometry, size):
    """One that differs from the overlay in all that may differ, with compressed clusters."""
    below = rng.choice([g for g in GEOMETRIES if g.cluster != geometry.cluster])
    put(folder, "base.raw", rng, size)
    qemu.convert(folder, "base.raw", "base.qcow2", below.options, compress=True)
    commands = qemu.random_io(rng, size, below.cluster, 6)
    qemu.io(folder, "base.qcow2", commands)
    return "base.qcow2", "qcow2"


def backing_shorter(folder, rng, geometry, size):
    return backing_qcow2(folder, rng, geometry, size // 2 // SECTOR * SECTOR)


def backing_longer(folder, rng, geometry, size):
    return backing_qcow2(folder, rng, geometry, size + rng.randrange(1, 2000) * SECTOR)


def backing_chain(folder, rng, geometry, size):
    """Three files, the middle one the longest or the shortest: what it does not reach is zeros,
    although the last one has data there."""
    lowest = backing_qcow2(folder, rng, geometry, size)
    middle = rng.choice((size // 2, size + 100 * SECTOR)) // SECTOR * SECTOR
    layout = rng.choice(GEOMETRIES)
    qemu.create(folder, "middle.qcow2", middle, layout.options, lowest)
    qemu.io(folder, "middle.qcow2", qemu.random_io(rng, middle, layout.cluster, 6))
    return "middle.qcow2", "qcow2"


BACKINGS = [backing_none, backing_raw, backing_raw_odd, backing_qcow2, backing_shorter,
            backing_longer, backing_chain]


def written(geometry, backing, snapshots=False):
    """Empty, then written by the guest's own operations."""
    def make(folder, rng):
        size = odd_size(rng, geometry.cluster)
        below = backing(folder, rng, geometry, size)
        qemu.create(folder, "top.qcow2", size, geometry.options, below)
        commands = qemu.packed_io(rng, size, geometry.cluster, 3)
        commands += qemu.random_io(rng, size, geometry.cluster, 12)
        if snapshots:
            # Clusters that only a snapshot has must not show.
            qemu.io(folder, "top.qcow2", commands)
            qemu.run(folder, "qemu-img", "snapshot", "-c", "before", "top.qcow2")
            commands = qemu.random_io(rng, size, geometry.cluster, 12)
        qemu.io(folder, "top.qcow2", commands)
        if snapshots:
            qemu.run(folder, "qemu-img", "snapshot", "-c", "after", "top.qcow2")
    return make


def converted(geometry, compress, backing=backing_none):
    """A whole disk, then written into."""
    def make(folder, rng):
        size = odd_size(rng, geometry.cluster)
        below = backing(folder, rng, geometry, size)
        put(folder, "disk.raw", rng, size)
        qemu.convert(folder, "disk.raw", "top.qcow2", geometry.options, compress, below)
        qemu.io(folder, "top.qcow2", qemu.random_io(rng, size, geometry.cluster, 4))
    return make


def beside_data(geometry, raw):
    """The data in a file of its own."""
    def make(folder, rng):
        size = odd_size(rng, geometry.cluster)
        options = f"{geometry.options},data_file=top.data,data_file_raw={raw}"
        qemu.create(folder, "top.qcow2", size, options)
        qemu.io(folder, "top.qcow2", qemu.random_io(rng, size, geometry.cluster, 12))
    return make


def beside_data_backed(geometry):
    def make(folder, rng):
        size = odd_size(rng, geometry.cluster)
        below = backing_qcow2(folder, rng, geometry, size)
        qemu.create(folder, "top.qcow2", size, f"{geometry.options},data_file=top.data", below)
        qemu.io(folder, "top.qcow2", qemu.random_io(rng, size, geometry.cluster, 12))
    return make


def preallocated(geometry, how):
    """Clusters that are there before anybody writes them."""
    def make(folder, rng):
        size = odd_size(rng, geometry.cluster)
        options = f"{geometry.options},preallocation={how}"
        qemu.create(folder, "top.qcow2", size, options)
        qemu.io(folder, "top.qcow2", qemu.random_io(rng, size, geometry.cluster, 6))
    return make


def resized(geometry, backing, shrink):
    def make(folder, rng):
        size = odd_size(rng, geometry.cluster)
        below = backing(folder, rng, geometry, size)
        qemu.create(folder, "top.qcow2", size, geometry.options, below)
        qemu.io(folder, "top.qcow2", qemu.random_io(rng, size, geometry.cluster, 8))
        size = size // 2 // SECTOR * SECTOR if shrink else size + 3 * geometry.cluster + SECTOR
        qemu.run(folder, "qemu-img", "resize", "-q", *["--shrink"] * shrink, "-f", "qcow2",
                 "top.qcow2", size)
        qemu.io(folder, "top.qcow2", qemu.random_io(rng, size, geometry.cluster, 4))
    return make


def tiny(geometry, size):
    def make(folder, rng):
        qemu.create(folder, "top.qcow2", size, geometry.options)
        if size:
            qemu.io(folder, "top.qcow2", [f"write -q -P 7 0 {size}"])
    return make


def dirty(geometry):
    """Left by a writer that died, with the dirty bit set."""
    def make(folder, rng):
        size = odd_size(rng, geometry.cluster)
        qemu.create(folder, "top.qcow2", size, geometry.options)
        commands = qemu.random_io(rng, size, geometry.cluster, 10, discard=False)
        qemu.io(folder, "top.qcow2", [*commands, "flush", "abort"], may_fail=True)
        bits = (folder / "top.qcow2").read_bytes()[79]
        assert bits & 1, "the writer cleaned up after itself"
    return make


def committed(geometry):
    """An overlay that was emptied into its backing file, and written again."""
    def make(folder, rng):
        size = odd_size(rng, geometry.cluster)
        below = backing_qcow2(folder, rng, geometry, size)
        qemu.create(folder, "top.qcow2", size, geometry.options, below)
        for _ in range(2):
            qemu.io(folder, "top.qcow2", qemu.random_io(rng, size, geometry.cluster, 6))
            qemu.run(folder, "qemu-img", "commit", "-q", "top.qcow2")
        qemu.io(folder, "top.qcow2", qemu.random_io(rng, size, geometry.cluster, 3))
    return make


def deep(length):
    """As long a chain as is followed."""
    def make(folder, rng):
        size, below = MIB, None
        for i in range(length):
            name = f"{i}.qcow2"
            qemu.create(folder, name, size, "cluster_size=4k", below)
            qemu.io(folder, name, [f"write -q -P {i % 255 + 1} {i * 7 * SECTOR % MIB // SECTOR * SECTOR} 8k"])
            below = name, "qcow2"
        qemu.create(folder, "top.qcow2", size, "", below)
    return make


# Backing names as QEMU and libvirt write them: the name, and the format that the header records.
OVER_FILE = '{"driver":"%s","file":{"driver":"file","filename":"FOLDER/base.qcow2"}}'
NAMES = {
    "file": ("file:FOLDER/base.qcow2", "qcow2"),
    "file with slashes": ("file://FOLDER/base.qcow2", "qcow2"),
    "json": ("json:" + OVER_FILE % "qcow2", "qcow2"),
    "json without format": ("json:" + OVER_FILE % "qcow2", None),
    "json raw": ("json:" + OVER_FILE % "raw", "raw"),
    "json raw without format": ("json:" + OVER_FILE % "raw", None),
    "json against the header": ("json:" + OVER_FILE % "raw", "qcow2"),
    "json dotted": (
        'json:{"driver": "qcow2", "file.driver": "file", "file.filename": "FOLDER/base.qcow2"}',
        "qcow2"),
    "json mixed": (
        'json:{"file": {"driver": "file"}, "file.filename": "FOLDER\\/base.\\u0071cow2"}', "qcow2"),
    "json bare of drivers": ('json:{"file":{"filename":"FOLDER/base.qcow2"}}', "qcow2"),
    "nothing of format": ("base.qcow2", None),
    "format file": ("FOLDER/base.qcow2", "file"),
    "format raw": ("FOLDER/base.qcow2", "raw"),
}


def named(name, form):
    """An overlay whose backing file is called so."""
    def make(folder, rng):
        put(folder, "base.raw", rng, MIB)
        qemu.convert(folder, "base.raw", "base.qcow2")
        qemu.create(folder, "top.qcow2", None, backing=("base.qcow2", "qcow2"))
        qemu.io(folder, "top.qcow2", ["write -q -P 7 64k 70k"])
        image = Image(folder / "top.qcow2")
        image.rename_backing(name.replace("FOLDER", str(folder)), form)
        image.save()
    return make


HALF_SECTORS = [0, 1, 511, 513, 65535, 65537, MIB - 1, MIB - 511, MIB - 513]


def half_sectors(size):
    """What is beyond the last whole sector is not read, in an image and in what backs it."""
    def make(folder, rng):
        put(folder, "base.raw", rng, MIB)
        qemu.convert(folder, "base.raw", "base.qcow2")
        below = Image(folder / "base.qcow2")
        below["size"] = size
        below.save()
        qemu.create(folder, "top.qcow2", MIB, "cluster_size=4k", ("base.qcow2", "qcow2"))
        top = Image(folder / "top.qcow2")
        top["size"] = MIB - 100
        top.save()
    return make


def table():
    """All variants, each with a name of its own."""
    lazy = Geometry(3, 64 * KIB, more="lazy_refcounts=on")
    modern = [g for g in GEOMETRIES if g.version == 3 and not g.more]
    few = [Geometry(2, 64 * KIB), Geometry(3, 4 * KIB), Geometry(3, 2 * MIB, "zstd"),
           Geometry(3, 64 * KIB, "zlib", True)]
    rows = [Variant("dirty", dirty(lazy)), Variant("deep", deep(256))]
    rows += [Variant(f"named {name}", named(*how), False) for name, how in NAMES.items()]
    rows += [Variant(f"size {size}", half_sectors(size), False) for size in HALF_SECTORS]

    def add(kind, geometry, make):
        rows.append(Variant(f"{kind} {geometry.name}", make))

    for i, geometry in enumerate(GEOMETRIES):
        # Each with five of the seven, by turns: all pairs of what differs are there many times.
        backings = BACKINGS[i % 3::3] + BACKINGS[(i + 1) % 3::3]
        for backing in backings if not geometry.more else backings[:1]:
            add(f"written {backing.__name__}", geometry, written(geometry, backing))
        add("compressed", geometry, converted(geometry, True))
        if geometry.more != "refcount_bits=1":
            add("snapshots", geometry, written(geometry, backing_none, snapshots=True))
    for geometry in few:
        add("converted", geometry, converted(geometry, False))
    for geometry in modern:
        add("data file", geometry, beside_data(geometry, "off"))
        add("raw data file", geometry, beside_data(geometry, "on"))
    for geometry in few:
        for how in ("metadata", "falloc", "full"):
            add(f"preallocated {how}", geometry, preallocated(geometry, how))
        for backing in (backing_none, backing_shorter):
            for shrink in (False, True):
                add(f"resized {backing.__name__} {shrink}", geometry,
                    resized(geometry, backing, shrink))
        for size in (0, SECTOR, geometry.cluster - SECTOR, geometry.cluster):
            add(f"tiny {size}", geometry, tiny(geometry, size))
        for backing in (backing_raw, backing_chain):
            add(f"compressed {backing.__name__}", geometry, converted(geometry, True, backing))
        add("snapshots backed", geometry, written(geometry, backing_shorter, snapshots=True))
        add("committed", geometry, committed(geometry))
    for geometry in few[1:]:
        add("data file backed", geometry, beside_data_backed(geometry))
    assert len({row.name for row in rows}) == len(rows) >= 200
    return rows
