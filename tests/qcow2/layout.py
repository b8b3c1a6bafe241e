"""Patches images: fields of the header and entries of tables, by docs/interop/qcow2.rst of QEMU."""

import struct
import zlib

HEADER = {  # name: (offset, struct format)
    "version": (4, ">I"), "backing_offset": (8, ">Q"), "backing_size": (16, ">I"),
    "cluster_bits": (20, ">I"), "size": (24, ">Q"), "crypt_method": (32, ">I"),
    "l1_size": (36, ">I"), "l1_offset": (40, ">Q"), "incompatible": (72, ">Q"),
    "autoclear": (88, ">Q"), "header_length": (100, ">I"), "compression_type": (104, ">B"),
}
BACKING_FORMAT, FEATURE_NAMES, DATA_FILE = 0xE2792ACA, 0x6803F857, 0x44415441
ENCRYPTION = 0x0537BE77
COMPRESSED, COPIED = 1 << 62, 1 << 63
OFFSET = 0x00FFFFFFFFFFFE00


class Image:
    """A small image in memory; `save` puts it back."""

    def __init__(self, path):
        self.path = path
        self.bytes = bytearray(path.read_bytes())

    def save(self):
        self.path.write_bytes(self.bytes)

    def __getitem__(self, field):
        at, form = HEADER[field]
        return struct.unpack_from(form, self.bytes, at)[0]

    def __setitem__(self, field, value):
        at, form = HEADER[field]
        struct.pack_into(form, self.bytes, at, value)

    @property
    def cluster(self):
        return 1 << self["cluster_bits"]

    def extension(self, kind):
        """Where the extension of this kind begins, and the length of its data."""
        at = self["header_length"] if self["version"] > 2 else 72
        while True:
            found, length = struct.unpack_from(">II", self.bytes, at)
            if found == kind:
                return at, length
            assert found != 0, f"no extension {kind:#x}"
            at += 8 + (length + 7) // 8 * 8

    def rename_backing(self, name, form):
        """Puts another name in place of that of the backing file, and another format or none."""
        at, length = self.extension(BACKING_FORMAT)
        if form is None:
            struct.pack_into(">I", self.bytes, at, 0x11111111)
        else:
            assert length <= 8 and len(form) <= 8
            struct.pack_into(">I8s", self.bytes, at + 4, len(form), form.encode())
        name = name.encode()
        place = self["backing_offset"]
        self.bytes[place:place + len(name)] = name
        self["backing_size"] = len(name)

    def number(self, at):
        return struct.unpack_from(">Q", self.bytes, at)[0]

    def set_number(self, at, value):
        struct.pack_into(">Q", self.bytes, at, value)

    def l2_at(self, index=0, wide=False):
        """Where L2 entry `index` of the first table lies."""
        table = self.number(self["l1_offset"]) & OFFSET
        return table + index * (16 if wide else 8)

    def append(self, data):
        """Adds a cluster to the end of the file, and says where it is."""
        self.bytes += bytes(-len(self.bytes) % self.cluster)
        at = len(self.bytes)
        self.bytes += data + bytes(-len(data) % self.cluster)
        return at

    def set_packed(self, index, packed):
        """Makes cluster `index` a compressed one that holds the bytes `packed`."""
        at = self.append(packed)
        shift = 62 - (self["cluster_bits"] - 8)
        sectors = (len(packed) + 511) // 512 - 1
        self.set_number(self.l2_at(index), COMPRESSED | sectors << shift | at)


def deflate(data):
    """As QEMU compresses: raw, in a window of 4 KiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    return packer.compress(data) + packer.flush()
