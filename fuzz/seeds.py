"""Images to begin with, smaller than those of tests/qcow2/seeds.py. Usage: seeds.py FOLDER

FOLDER has the files that those of tests/qcow2/seeds.py name; "image" is what the fuzzed image
itself is called."""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/qcow2"))
import qemu

KIB = 1 << 10


def cut_short(path):
    image = bytearray(path.read_bytes())
    sector = 1 << 70 - image[23]
    l1 = int.from_bytes(image[40:48], "big")
    table = int.from_bytes(image[l1 + 1:l1 + 8], "big")
    for at in range(table + 8, table + 16 * 8, 8):
        entry = int.from_bytes(image[at:at + 8], "big")
        # Compressed, and of more than a sector.
        if entry >> 62 & 1 and entry % (1 << 62) >= sector:
            image[at - 8:at] = (entry - sector).to_bytes(8, "big")
            path.write_bytes(image)
            return
    raise AssertionError("no compressed cluster has two sectors")


def main():
    folder = Path(sys.argv[1])
    rng = random.Random(5)

    def image(name, size, cluster, options="compat=1.1", backing=None, count=6, packed=2):
        qemu.create(folder, name, size, f"{options},cluster_size={cluster}", backing)
        commands = qemu.packed_io(rng, size, cluster, packed)
        qemu.io(folder, name, commands + qemu.random_io(rng, size, cluster, count))

    image("plain.qcow2", 12 * KIB, 512)
    image("over-raw.qcow2", 60 * KIB, 512, backing=("base.raw", "raw"))
    image("over-image.qcow2", 70 * KIB, 512, backing=("base.img", "qcow2"))
    image("old-over-raw.qcow2", 20 * KIB, 512, "compat=0.10", backing=("base.raw", "raw"))
    image("frames.qcow2", 12 * KIB, 512, "compat=1.1,compression_type=zstd", packed=6)
    image("frames-4k.qcow2", 32 * KIB, 4 * KIB, "compat=1.1,compression_type=zstd", packed=3)
    image("sub.qcow2", 64 * KIB, 16 * KIB, "compat=1.1,extended_l2=on", count=2, packed=1)
    image("sub-over.qcow2", 64 * KIB, 16 * KIB, "compat=1.1,extended_l2=on",
          ("base.img", "qcow2"), count=2, packed=0)
    # Both write to the same data file, where the second one's clusters are found.
    image("data.qcow2", 64 * KIB, 512, "compat=1.1,data_file=data.img", packed=0)
    image("data-sub.qcow2", 64 * KIB, 16 * KIB, "compat=1.1,data_file=data.img,extended_l2=on",
          packed=0, count=3)
    image("long.qcow2", 64 << 20, 512, "compat=1.1", count=2, packed=0)

    # Two entries for one compressed cluster, of which the first one cuts it short.
    (folder / "disk").write_bytes(b"".join(b"%d\n" % (i * i * i) for i in range(7000))[:64 * KIB])
    qemu.convert(folder, "disk", "shared.qcow2", "compat=1.1,cluster_size=4k", compress=True)
    (folder / "disk").unlink()
    cut_short(folder / "shared.qcow2")

    image("loop.qcow2", 8 * KIB, 512, packed=0)
    qemu.run(folder, "qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "image",
             "loop.qcow2")


if __name__ == "__main__":
    main()
