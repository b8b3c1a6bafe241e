"""Writes a qcow2 image of 64 KiB clusters that lie in random order in the file.

usage: scattered_qcow2.py PATH CLUSTERS [ordered]
"""
import random
import struct
import sys

CLUSTER = 1 << 16
ENTRIES = CLUSTER // 8
COPIED = 1 << 63


def main():
    path, clusters = sys.argv[1], int(sys.argv[2])
    places = list(range(clusters))
    if "ordered" not in sys.argv[3:]:
        random.Random(2).shuffle(places)
    tables = -(-clusters // ENTRIES)
    head = bytearray(CLUSTER)
    # Magic, version, no backing file, cluster bits, size, no encryption, L1 table, refcount table,
    # no snapshots; then feature words, refcount order, length of the header.
    struct.pack_into(">4sIQIIQIIQQIIQ", head, 0, b"QFI\xfb", 3, 0, 0, 16, clusters * CLUSTER, 0,
                     tables, CLUSTER, 2 * CLUSTER, 1, 0, 0)
    struct.pack_into(">QQQII", head, 72, 0, 0, 0, 4, 104)
    first_table, first_data = 3, 3 + tables
    level1 = bytearray(CLUSTER)
    for table in range(tables):
        struct.pack_into(">Q", level1, table * 8, (first_table + table) * CLUSTER | COPIED)
    random_bytes = random.Random(3)
    contents = [random_bytes.randbytes(CLUSTER - 8) for _ in range(8)]
    with open(path, "wb") as image:
        image.write(head)
        image.write(level1)
        image.write(bytes(CLUSTER))
        for table in range(tables):
            level2 = bytearray(CLUSTER)
            for entry, place in enumerate(places[table * ENTRIES:(table + 1) * ENTRIES]):
                struct.pack_into(">Q", level2, entry * 8, (first_data + place) * CLUSTER | COPIED)
            image.write(level2)
        for place in range(clusters):
            image.write(struct.pack(">Q", place) + contents[place % 8])


if __name__ == "__main__":
    main()
