"""What a build leaves of its sources in the host's page cache: what was there before, and nothing
else."""

import ctypes
import mmap
import os
from contextlib import contextmanager

import abi
import qemu

MIB = 1 << 20
PAGE = mmap.PAGESIZE

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]


def cached(path):
    """Numbers of the pages of a file that are cached (mincore(2))."""
    size = path.stat().st_size
    pages = (ctypes.c_ubyte * -(-size // PAGE))()
    with opened(path) as file:
        start = LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)
        assert start != ctypes.c_void_p(-1).value, os.strerror(ctypes.get_errno())
        told = LIBC.mincore(ctypes.c_void_p(start), ctypes.c_size_t(size), pages)
        LIBC.munmap(ctypes.c_void_p(start), ctypes.c_size_t(size))
    assert told == 0, os.strerror(ctypes.get_errno())
    return {number for number, page in enumerate(pages) if page & 1}


@contextmanager
def opened(path):
    """The file, without reading ahead."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
        yield file
    finally:
        os.close(file)


def evict(path):
    """Has a file on the disk alone."""
    with opened(path) as file:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    if cached(path):
        raise qemu.Skipped("files here stay in the page cache")


def raw_disk(folder):
    """Pages that were cached stay; windows of 2 MiB without any are given back."""
    disk = folder / "disk"
    disk.write_bytes(qemu.content(11, 48 * MIB + 1000))
    evict(disk)
    with opened(disk) as file:
        os.pread(file, 3 * PAGE, 9 * MIB)
        os.pread(file, 1, 33 * MIB)
    before = cached(disk)
    assert before == {9 * MIB // PAGE + n for n in range(3)} | {33 * MIB // PAGE}, before
    abi.build(disk, folder / "a.hxz")
    after = cached(disk)
    assert before <= after, "what was cached was dropped"
    beside = {page for page in after if page * PAGE // (2 * MIB) not in (4, 16)}
    assert not beside, f"{len(beside)} pages were left in the cache"


def image_and_backing_file(folder):
    """Each file of a chain is given back for itself, compressed clusters and tables included."""
    (folder / "disk").write_bytes(qemu.content(12, 12 * MIB))
    qemu.convert(folder, "disk", "base.qcow2", compress=True)
    qemu.create(folder, "top.qcow2", 16 * MIB, "", ("base.qcow2", "qcow2"))
    qemu.io(folder, "top.qcow2", [f"write -q -P {n} {n}M 700k" for n in range(1, 16, 2)])
    files = [folder / "top.qcow2", folder / "base.qcow2"]
    for file in files:
        evict(file)
    abi.build(files[0], folder / "a.hxz", abi.ALLOW_BACKING)
    assert [cached(file) for file in files] == [set(), set()]
    abi.read(folder / "a.hxz", 16 * MIB)
    # All of it is there by now, and so stays.
    for file in files:
        file.read_bytes()
    before = [cached(file) for file in files]
    abi.build(files[0], folder / "b.hxz", abi.ALLOW_BACKING)
    assert [cached(file) for file in files] == before


def stories():
    """Names and functions."""
    return [(f"page cache {f.__name__}", f) for f in (raw_disk, image_and_backing_file)]
