"""Small images that have everything in them, for tests/qcow2_mutations.rs. Usage: seeds.py FOLDER"""

import random
import sys
from pathlib import Path

import qemu

KIB = 1 << 10


def main():
    folder = Path(sys.argv[1])
    rng = random.Random(4)

    def image(name, size, cluster, options, backing=None, packed=True):
        options = f"{options},cluster_size={cluster}"
        qemu.create(folder, name, size, options, backing)
        commands = qemu.packed_io(rng, size, cluster, 3) if packed else []
        qemu.io(folder, name, commands + qemu.random_io(rng, size, cluster, 8))

    def packed(name, size, cluster, options):
        (folder / "disk").write_bytes(qemu.content(rng.random(), size))
        qemu.convert(folder, "disk", name, f"{options},cluster_size={cluster}", compress=True)
        (folder / "disk").unlink()

    (folder / "base.raw").write_bytes(qemu.content(1, 50_000))
    image("base.img", 60 * KIB, 4 * KIB, "compat=1.1")
    image("version2.qcow2", 48 * KIB, 512, "compat=0.10")
    qemu.run(folder, "qemu-img", "snapshot", "-c", "before", "version2.qcow2")
    qemu.io(folder, "version2.qcow2", ["write -q -P 9 4k 9k"])
    image("small.qcow2", 40 * KIB, 512, "compat=1.1")
    packed("deflate.qcow2", 200 * KIB, 4 * KIB, "compat=1.1")
    packed("zstd.qcow2", 400 * KIB, 16 * KIB, "compat=1.1,compression_type=zstd")
    image("subclusters.qcow2", 128 * KIB, 16 * KIB, "compat=1.1,extended_l2=on",
          ("base.raw", "raw"))
    image("usual.qcow2", 512 * KIB, 64 * KIB, "compat=1.1", ("base.img", "qcow2"))
    image("beside.qcow2", 64 * KIB, 4 * KIB, "compat=1.1,data_file=data.img", packed=False)


if __name__ == "__main__":
    main()
