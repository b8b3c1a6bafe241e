"""What must be refused: each image is taken as it was made, and refused once it is patched."""

import os
import struct
from functools import partial

import abi
import layout
import qemu
from layout import Image

SOURCE, UNSUPPORTED = "HEXZ_ERR_SOURCE", "HEXZ_ERR_UNSUPPORTED"
MIB = 1 << 20
V2, V3 = "compat=0.10", "compat=1.1"
SUBCLUSTERS = "extended_l2=on"

# Each entry: name, status, words of the text, make(folder) for an image that is taken, and
# patch(image, folder) for what makes it one that is not.
TABLE = []


def refused(name, status, *words, options=V3, flags=abi.ALLOW_BACKING, make=None):
    """Enters the function below it as a patch of an image with these options."""
    def enter(patch):
        TABLE.append((name, status, words, make or plain(options), patch, flags))
        return patch
    return enter


def plain(options):
    def make(folder):
        qemu.create(folder, "a.qcow2", MIB, options)
        qemu.io(folder, "a.qcow2", ["write -q -P 1 0 64k", "write -q -P 2 128k 64k"])
    return make


def backed(folder):
    (folder / "base.raw").write_bytes(b"base" * 4096)
    qemu.create(folder, "a.qcow2", MIB, V3, ("base.raw", "raw"))


def backed_by_image(folder):
    qemu.create(folder, "base.qcow2", MIB, V3)
    qemu.create(folder, "a.qcow2", MIB, V3, ("base.qcow2", "qcow2"))


def beside_data(folder):
    qemu.create(folder, "a.qcow2", MIB, V3 + ",data_file=a.data")
    qemu.io(folder, "a.qcow2", ["write -q -P 1 0 64k", "write -q -P 2 128k 64k"])


def rebacked(image, folder, name, form="raw"):
    """The image with another name for its backing file, which need not be there."""
    qemu.run(folder, "qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", name, "-F", form,
             image.path, MIB)


def field(row, values, options=V3, make=None):
    """A refusal for fields of the header that have these values."""
    name, status, *words = row

    def patch(image, folder):
        for key, value in values.items():
            image[key] = value
        image.save()
    refused(name, status, *words, options=options, make=make)(patch)


def entry(row, change, options=V3, wide=False, make=None):
    """A refusal for the first L2 entry, changed."""
    name, status, *words = row

    def patch(image, folder):
        at = image.l2_at(0, wide)
        image.set_number(at, change(image.number(at), image))
        image.save()
    refused(name, status, *words, options=options, make=make)(patch)


def swapped(kind, *arguments):
    """A real image of another kind in place of the one that was taken."""
    def patch(image, folder):
        qemu.run(folder, "qemu-img", "create", "-q", "-f", kind, *arguments, "a.qcow2", MIB)
    return patch


@refused("luks", UNSUPPORTED, "encrypted (LUKS)", "HEXZ_FORMAT_RAW")
def luks(image, folder):
    """The header as QEMU writes it, with the pointer to a LUKS header."""
    del folder
    at = image.append(b"LUKS\xba\xbe\x00\x01" + b"aes".ljust(32, b"\0"))
    first = image["header_length"]
    struct.pack_into(">IIQQII", image.bytes, first, layout.ENCRYPTION, 16, at, image.cluster, 0, 0)
    image["crypt_method"] = 2
    image.save()


SECRET = ("--object", "secret,id=s,data=password")


@refused("luks of qemu-img", UNSUPPORTED, "encrypted (LUKS)", "HEXZ_FORMAT_RAW")
def luks_of_qemu_img(image, folder):
    """It takes its own CPU time to choose iterations, and gives up where clocks are coarse."""
    del image
    made = qemu.run(
        folder, "qemu-img", "create", "-q", "-f", "qcow2", *SECRET, "-o",
        "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", "a.qcow2", MIB,
        may_fail=True)
    if "Unable to get accurate CPU usage" in made.stderr:
        raise qemu.Skipped(made.stderr.strip())
    assert made.returncode == 0, made.stderr


refused("aes", UNSUPPORTED, "encrypted (AES)")(swapped(
    "qcow2", *SECRET, "-o", "encrypt.format=aes,encrypt.key-secret=s"))
refused("qcow 1", SOURCE, "version 1", "qemu-img convert -f qcow", "HEXZ_FORMAT_RAW")(
    swapped("qcow"))
# What else is wrong with an image, that it is encrypted comes first.
field(("luks before all", UNSUPPORTED, "LUKS"),
      {"crypt_method": 2, "cluster_bits": 50, "incompatible": 2 | 1 << 40, "l1_offset": 3})
field(("crypt method 3", UNSUPPORTED, "crypt_method 3"), {"crypt_method": 3})
field(("version 4", UNSUPPORTED, "version 4"), {"version": 4})
field(("corrupt", SOURCE, "marked corrupt", "qemu-img check"), {"incompatible": 2})
field(("bit 40", UNSUPPORTED, "bit 40"), {"incompatible": 1 << 40})
field(("bits 5 and 63", UNSUPPORTED, "bit 5", "bit 63"), {"incompatible": 1 << 5 | 1 << 63})
field(("cluster of 256", SOURCE, "2^8 bytes"), {"cluster_bits": 8})
field(("cluster of 4 MiB", SOURCE, "2^22 bytes"), {"cluster_bits": 22})
field(("short header", SOURCE, "header of 96 bytes"), {"header_length": 96})
field(("long header", SOURCE, "header of"), {"header_length": 65544})
field(("odd header", SOURCE, "header of 109 bytes"), {"header_length": 109})
field(("L1 of 4 GiB", SOURCE, "L1 table of 4294967295 entries"), {"l1_size": 0xFFFFFFFF})
field(("L1 beyond the end", SOURCE, "L1 table", "beyond the end"), {"l1_size": 1 << 20})
field(("L1 far away", SOURCE, "L1 table", "beyond the end"), {"l1_offset": 0xFFFFFFFFFFFF0000})
field(("L1 misaligned", SOURCE, "L1 table at 196616", "no cluster boundary"), {"l1_offset": 196616})
field(("L1 too small", SOURCE, "too small for a disk"), {"size": 1 << 40})
field(("no L1", SOURCE, "L1 table of 0 entries"), {"l1_size": 0})
field(("size of 2^63", UNSUPPORTED, "larger than"), {"size": 1 << 63})
field(("subclusters of 16 bytes", SOURCE, "2^12 bytes"), {"incompatible": 1 << 4},
      options=V3 + ",cluster_size=4k")
field(("zstd without its bit", SOURCE, "compression type 1 contradicts"), {"compression_type": 1})
field(("the bit without zstd", SOURCE, "compression type 0 contradicts"), {"incompatible": 8})
field(("compression type 9", UNSUPPORTED, "compression type 9"),
      {"compression_type": 9, "incompatible": 8})
field(("long backing name", SOURCE, "1024 bytes"), {"backing_size": 1024}, make=backed)
field(("empty backing name", SOURCE, "0 bytes"), {"backing_size": 0}, make=backed)
field(("backing name elsewhere", SOURCE, "leaves the first cluster"),
      {"backing_offset": 65530}, make=backed)
field(("raw data and backing", SOURCE, "contradict"), {"autoclear": 2}, make=backed)

entry(("zero cluster in version 2", SOURCE, "version 2", "offset 0"), lambda e, i: 1, options=V2)
entry(("zero cluster with place in version 2", SOURCE, "version 2"), lambda e, i: e | 1, options=V2)
entry(("reserved bits in L2", SOURCE, "reserved"), lambda e, i: e | 1 << 60)
entry(("reserved low bits in L2", SOURCE, "reserved"), lambda e, i: e | 2)
entry(("zero bit beside subclusters", SOURCE, "reserved"), lambda e, i: e | 1,
      options=V3 + "," + SUBCLUSTERS, wide=True)
entry(("misaligned cluster", SOURCE, "no cluster boundary"), lambda e, i: e + 512)
entry(("cluster beyond the end", SOURCE, "cluster", "beyond the end"),
      lambda e, i: layout.COPIED | i.append(b""))
entry(("cluster far beyond the end", SOURCE, "beyond the end"), lambda e, i: 1 << 55)
entry(("packed cluster beyond the end", SOURCE, "compressed cluster", "beyond the end"),
      lambda e, i: layout.COMPRESSED | i.append(b""))
entry(("packed cluster of noise", SOURCE, "does not inflate"),
      lambda e, i: layout.COMPRESSED | 3 << 54 | i.append(b"\xff" * 2048))
entry(("packed cluster of zeros", SOURCE, "compressed cluster"),
      lambda e, i: layout.COMPRESSED | 3 << 54 | i.append(bytes(2048)))
entry(("packed cluster of noise, zstd", SOURCE, "does not decompress"),
      lambda e, i: layout.COMPRESSED | 3 << 54 | i.append(b"\xff" * 2048),
      options=V3 + ",compression_type=zstd")
entry(("packed cluster beside data", SOURCE, "compressed cluster", "data file"),
      lambda e, i: layout.COMPRESSED | 4096, make=beside_data)
entry(("data at another place", SOURCE, "places a cluster at"),
      lambda e, i: layout.COPIED | 65536, make=beside_data)


def bitmap(name, bits, allocated=True):
    @refused(name, SOURCE, "subcluster bitmap", options=V3 + "," + SUBCLUSTERS)
    def patch(image, folder):
        at = image.l2_at(0, True)
        if not allocated:
            image.set_number(at, 0)
        image.set_number(at + 8, bits)
        image.save()


bitmap("data and zeros at once", 1 << 32 | 1)
bitmap("data and zeros at once, at the end", 1 << 63 | 1 << 31)
bitmap("data that lies nowhere", 1, allocated=False)


@refused("named feature", UNSUPPORTED, "'time travel' (bit 40)")
def _(image, folder):
    at, _length = image.extension(layout.FEATURE_NAMES)
    image.bytes[at + 8:at + 8 + 48] = bytes([0, 40]) + b"time travel".ljust(46, b"\0")
    image["incompatible"] = 1 << 40
    image.save()


@refused("extension that leaves its place", SOURCE, "leaves its place")
def _(image, folder):
    at, _length = image.extension(layout.FEATURE_NAMES)
    struct.pack_into(">I", image.bytes, at + 4, 0xFFFFFFF0)
    image.save()


def l1_entry(name, value, *words):
    @refused(name, SOURCE, *words)
    def patch(image, folder):
        image.set_number(image["l1_offset"], value)
        image.save()


l1_entry("misaligned L2", layout.COPIED | 65536 + 512, "L2 table", "no cluster boundary")
l1_entry("L2 beyond the end", layout.COPIED | 1 << 40, "L2 table", "beyond the end")
l1_entry("reserved bits in L1", layout.COPIED | 1 << 58, "L1 entry", "reserved")


def packed_size(name, data, *words):
    """A cluster that inflates, but not to 64 KiB."""
    @refused(name, SOURCE, *words)
    def patch(image, folder):
        image.set_packed(0, layout.deflate(data))
        image.save()


packed_size("inflates to less", b"x" * 65535, "holds 65535 bytes")
packed_size("inflates to nothing", b"", "holds 0 bytes")
packed_size("inflates to more", b"x" * 65537, "more than the 65536 bytes")


@refused("compressed data cut short", SOURCE, "cut short")
def _(image, folder):
    image.set_packed(0, layout.deflate(os.urandom(65536)))
    del image.bytes[-100_000:]
    image.save()


def shared(name, options, make_entries, *words, make=None):
    """An image whose map names more than there is."""
    @refused(name, SOURCE, "its map names more", *words, options=options, make=make)
    def patch(image, folder):
        make_entries(image)
        image.save()


def one_cluster(image, wide=False):
    host = image.number(image.l2_at(0, wide))
    for i in range(image["size"] // image.cluster):
        image.set_number(image.l2_at(i, wide), host)
        if wide:
            image.set_number(image.l2_at(i, wide) + 8, 0xFFFFFFFF)


def one_packed(image):
    packed = layout.deflate(os.urandom(image.cluster // 2) * 2)
    image.set_packed(0, packed)
    for i in range(image["size"] // image.cluster):
        image.set_number(image.l2_at(i), image.number(image.l2_at(0)))


def small(options):
    """As much disk as one table describes, in a small file."""
    def make(folder):
        qemu.create(folder, "a.qcow2", 2 * MIB, options)
        qemu.io(folder, "a.qcow2", ["write -q -P 1 0 64k", "write -q -P 2 128k 64k"])
    return make


shared("one cluster for all", V3, one_cluster, "standard", make=small(V3))
shared("one small cluster for all", V3, one_cluster, "standard", make=small(V3 + ",cluster_size=16k"))
shared("one cluster for all in version 2", V2, one_cluster, "standard", make=small(V2))
shared("one cluster for all, subclusters", V3, partial(one_cluster, wide=True), "standard",
       make=small(V3 + "," + SUBCLUSTERS))
shared("one packed cluster for all", V3, one_packed, "packed", make=small(V3))


for length in (4, 71, 72, 103, 104, 65536, 196608, 262144, 327680, 393215):
    @refused(f"cut to {length}", SOURCE, "cut short")
    def _(image, folder, length=length):
        assert len(image.bytes) > length
        del image.bytes[length:]
        image.save()


@refused("data file cut short", SOURCE, "beyond the end of", "a.data", make=beside_data)
def _(image, folder):
    os.truncate(folder / "a.data", 128 * 1024 + 1)


@refused("data file without a name", SOURCE, "does not name it", make=beside_data)
def _(image, folder):
    at, _length = image.extension(layout.DATA_FILE)
    struct.pack_into(">I", image.bytes, at, 0x11111111)
    image.save()


@refused("data file that is gone", SOURCE, "a.data", "No such file", "the data file of", "a.qcow2",
         make=beside_data)
def _(image, folder):
    (folder / "a.data").unlink()


@refused("data file that is the image", SOURCE, "twice", make=beside_data)
def _(image, folder):
    (folder / "a.data").unlink()
    os.link(folder / "a.qcow2", folder / "a.data")


def unsaid(image):
    """The image no longer says in which format its backing file is."""
    at, _length = image.extension(layout.BACKING_FORMAT)
    struct.pack_into(">I", image.bytes, at, 0x11111111)
    image.save()


@refused("backing file without a format", UNSUPPORTED, "does not say in which format", "base.raw",
         "qemu-img rebase", make=backed)
def _(image, folder):
    unsaid(image)


def guessed(name, below):
    """A raw backing file of which nobody says so, and into which a guest wrote the header of an image
    that has a file of the host."""
    @refused(name, UNSUPPORTED, "base.raw", "no image says", "HEXZ_FORMAT_QCOW2", make=backed)
    def patch(image, folder):
        below(folder)
        (folder / "below.qcow2").rename(folder / "base.raw")
        unsaid(image)


@partial(guessed, "guessed image with a backing file")
def _(folder):
    qemu.run(folder, "qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F",
             "raw", "below.qcow2", MIB)


@partial(guessed, "guessed image with a data file")
def _(folder):
    qemu.create(folder, "below.qcow2", MIB, V3 + ",data_file=below.data")


@refused("two backing formats", SOURCE, "names two backing file formats", make=backed)
def _(image, folder):
    at, _length = image.extension(layout.FEATURE_NAMES)
    image.bytes[at:at + 16] = struct.pack(">II8s", layout.BACKING_FORMAT, 3, b"raw")
    image.save()


def renamed(name, backing, status, *words, form="raw"):
    @refused(name, status, *words, make=backed)
    def patch(image, folder):
        rebacked(image, folder, backing.format(folder=folder), form)


def described(name, text, status, *words, form="raw"):
    """A refusal of a description of nodes; FILE in it is one that is there."""
    renamed("json: " + name, "json:" + text.replace("{", "{{").replace("}", "}}").replace(
        "FILE", "{folder}/base.raw"), status, "json:", *words, form=form)


BARE = '{"driver":"file","filename":"FILE"}'
described("bare file", BARE, UNSUPPORTED, "bare file")
described("over json", '{"driver":"raw","file":{"driver":"raw","file":' + BARE + "}}", UNSUPPORTED,
          "'file.file.driver'")
described("unknown key", '{"driver":"raw","offset":"512","file":' + BARE + "}", UNSUPPORTED,
          "'offset'")
described("number", '{"driver":"raw","size":512,"file":' + BARE + "}", UNSUPPORTED, "'size'")
described("other driver", '{"driver":"vmdk","file":' + BARE + "}", UNSUPPORTED, "'vmdk'")
described("other protocol", '{"driver":"raw","file":{"driver":"nbd","filename":"FILE"}}',
          UNSUPPORTED, "'nbd'")
described("key twice", '{"driver":"raw","driver":"raw","file":' + BARE + "}", SOURCE,
          "'driver' twice")
described("no json", "{", SOURCE, "no JSON")
described("deep", '{"a":' * 150, UNSUPPORTED, "objects within")
described("no file", '{"driver":"raw","file":{"driver":"file"}}', SOURCE, "names no file")
described("gone", '{"driver":"raw","file":{"driver":"file","filename":"FILE.gone"}}', SOURCE,
          "base.raw.gone", "No such file", "the backing file of")
for protocol in ("nbd://localhost/x", "http://localhost/x", "rbd:pool/x", "nbd:unix:x", "FILE:x"):
    renamed("protocol name " + protocol.split(":")[0], protocol, UNSUPPORTED, protocol)
renamed("file protocol that is gone", "file:///no/base.raw", SOURCE, "/no/base.raw", "No such file")
renamed("other format", "base.raw", UNSUPPORTED, "format 'vmdk'", form="vmdk")
renamed("backing file that is gone", "gone.raw", SOURCE, "gone.raw", "No such file",
        "the backing file of", "a.qcow2")
renamed("backing folder", "{folder}", SOURCE, "is a folder")
renamed("backing device", "/dev/zero", SOURCE, "character device")
renamed("raw taken for an image", "base.raw", SOURCE, "base.raw", "no qcow2 magic", form="qcow2")
renamed("its own backing file", "a.qcow2", SOURCE, "twice", form="qcow2")


@refused("two that back each other", SOURCE, "twice", make=backed_by_image)
def _(image, folder):
    rebacked(Image(folder / "base.qcow2"), folder, "a.qcow2", "qcow2")


@refused("two that back each other by other names", SOURCE, "twice", make=backed_by_image)
def _(image, folder):
    os.link(folder / "a.qcow2", folder / "hard.qcow2")
    os.symlink("hard.qcow2", folder / "soft.qcow2")
    rebacked(Image(folder / "base.qcow2"), folder, "soft.qcow2", "qcow2")


@refused("chain of 1000", UNSUPPORTED, "chain of 256 backing files", make=backed_by_image)
def _(image, folder):
    rebacked(image, folder, "0000.qcow2", "qcow2")
    step = Image(image.path)
    for i in range(1000):
        step.path = folder / f"{i:04}.qcow2"
        at = step["backing_offset"]
        step.bytes[at:at + 10] = f"{i + 1:04}.qcow2".encode()
        step.save()


def not_allowed(name, backing, *words):
    """The same image is fine with the flag, and no file is opened without it."""
    @refused(name, SOURCE, *words, "HEXZ_BUILD_ALLOW_BACKING", flags=0, make=plain(V3))
    def patch(image, folder):
        (folder / "base.raw").write_bytes(b"base")
        rebacked(image, folder, backing.format(folder=folder))
        abi.build(folder / "a.qcow2", folder / "fine.hxz", abi.ALLOW_BACKING)


not_allowed("backing file unasked", "base.raw", "base.raw")
not_allowed("absolute backing file unasked", "{folder}/base.raw", "/base.raw")


@refused("data file unasked", SOURCE, "a.data", "HEXZ_BUILD_ALLOW_BACKING", flags=0,
         make=plain(V3))
def _(image, folder):
    beside_data(folder)


def header_in_a_raw_disk(folder):
    """A guest wrote the header of an image that would read /etc/passwd into its raw disk."""
    qemu.run(folder, "qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "/etc/passwd", "-F",
             "raw", "a.raw", MIB)
    disk = (folder / "a.raw").read_bytes()
    abi.build(folder / "a.raw", folder / "raw.hxz", abi.ALLOW_BACKING, abi.RAW)
    assert abi.read(folder / "raw.hxz", len(disk)) == disk
    expect(folder, SOURCE, ("/etc/passwd", "HEXZ_BUILD_ALLOW_BACKING"), folder / "a.raw", 0)


def stated_over_images_that_do_not_say(folder):
    """Three images of which none says in which format the next one is: whoever states qcow2 states it
    of all of them, and nobody else opens the third. What an image does say still counts."""
    names = ["base.qcow2", "middle.qcow2", "a.qcow2"]
    for number, name in enumerate(names):
        below = (names[number - 1], "qcow2") if number else None
        qemu.create(folder, name, MIB, V3, below)
        qemu.io(folder, name, [f"write -P {number + 1} {number * 128}k 192k"])
        if number:
            unsaid(Image(folder / name))
    top, out = folder / "a.qcow2", folder / "fine.hxz"
    wanted = qemu.to_raw(folder, "a.qcow2", "qemu.raw")
    assert set(wanted) == {0, 1, 2, 3}
    abi.build(top, out, abi.ALLOW_BACKING, abi.QCOW2)
    assert abi.read(out, len(wanted)) == wanted
    out.unlink()
    words = ("middle.qcow2", "base.qcow2", "no image says", "HEXZ_FORMAT_QCOW2")
    expect(folder, UNSUPPORTED, words, top, abi.ALLOW_BACKING)
    expect(folder, SOURCE, ("middle.qcow2", "HEXZ_BUILD_ALLOW_BACKING"), top, 0, abi.QCOW2)

    # A raw file is none of those that were stated, unless an image says that it is raw.
    (folder / "base.qcow2").write_bytes(b"raw" * 4096)
    expect(folder, SOURCE, ("base.qcow2", "no qcow2 magic"), top, abi.ALLOW_BACKING, abi.QCOW2)
    middle = Image(folder / "middle.qcow2")
    at, _length = middle.extension(0x11111111)
    struct.pack_into(">II8s", middle.bytes, at, layout.BACKING_FORMAT, 3, b"raw")
    middle.save()
    wanted = qemu.to_raw(folder, "a.qcow2", "qemu.raw")
    assert wanted.startswith(b"rawraw")
    abi.build(top, out, abi.ALLOW_BACKING, abi.QCOW2)
    assert abi.read(out, len(wanted)) == wanted


def terabytes_of_one_cluster(folder):
    """A file of 800 KB whose map names one cluster for all of 30 TB: refused before much of it is read."""
    cluster, size = 1 << 16, 30 << 40
    tables = size // (cluster // 8 * cluster)
    with open(folder / "a.qcow2", "wb") as out:
        out.write(struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 16, size, 0, tables,
                              cluster, 0, 0, 0, 0, 0, 0, 0, 4, 104))
        out.seek(cluster)
        data = -(-(cluster + tables * 8) // cluster) * cluster
        out.write(struct.pack(">Q", layout.COPIED | data + cluster) * tables)
        out.seek(data)
        out.write(b"a" * cluster + struct.pack(">Q", layout.COPIED | data) * (cluster // 8))
    expect(folder, SOURCE, ("its map names more standard bytes",), folder / "a.qcow2", 0)


def not_an_image(folder):
    (folder / "a.raw").write_bytes(b"QFI\xfa" + bytes(1020))
    expect(folder, SOURCE, ("no qcow2 image", "HEXZ_FORMAT_RAW"), folder / "a.raw", 0, abi.QCOW2)
    abi.build(folder / "a.raw", folder / "raw.hxz")


def inputs_as_output(folder):
    """None of the files of a chain becomes the output."""
    (folder / "base.raw").write_bytes(b"base" * 4096)
    qemu.create(folder, "middle.qcow2", MIB, V3, ("base.raw", "raw"))
    qemu.create(folder, "a.qcow2", MIB, V3 + ",data_file=a.data", ("middle.qcow2", "qcow2"))
    for name in ("a.qcow2", "a.data", "middle.qcow2", "base.raw"):
        before = (folder / name).read_bytes()
        expect(folder, "HEXZ_ERR_INVALID_ARGUMENT", ("is the source",), folder / "a.qcow2",
               abi.ALLOW_BACKING, output=folder / name)
        assert (folder / name).read_bytes() == before


def expect(folder, status, words, source, flags, source_format=abi.AUTO, output=None):
    """A build is refused with this status and words, and leaves nothing."""
    before = sorted(os.listdir(folder))
    for threads in (1, 2):
        try:
            abi.build(source, output or folder / "out.hxz", flags, source_format, threads)
        except abi.HexzError as e:
            assert e.status == status, e
            missing = [word for word in words if word not in e.text]
            assert not missing, f"{missing} not in: {e.text}"
        else:
            raise AssertionError(f"it was taken with {threads} threads")
        assert sorted(os.listdir(folder)) == before, "something was left behind"


def refuse(row, folder):
    """Nothing, if the row of the table is refused as it says."""
    _name, status, words, make, patch, flags = row
    make(folder)
    image = Image(folder / "a.qcow2")
    abi.build(image.path, folder / "before.hxz", flags)
    patch(image, folder)
    expect(folder, status, words, image.path, flags)


def stories():
    """Names, functions and their arguments."""
    rows = [(f"refused {row[0]}", refuse, row) for row in TABLE]
    alone = [terabytes_of_one_cluster, header_in_a_raw_disk, not_an_image, inputs_as_output,
             stated_over_images_that_do_not_say]
    return rows + [(f"refused {f.__name__}", f) for f in alone]
