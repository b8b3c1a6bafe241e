"""The part of the C API that these tests use, by ctypes."""

import ctypes
import os
from ctypes import (POINTER, Structure, byref, c_char_p, c_int32, c_size_t, c_ubyte, c_uint32,
                    c_uint64, c_void_p, sizeof)

AUTO, RAW, QCOW2 = 0, 1, 2
OVERWRITE, NO_SYNC, ALLOW_BACKING, FORCE_SHARE = 4, 8, 16, 32


PROGRESS = ctypes.CFUNCTYPE(c_int32, c_void_p, c_void_p)


class BuildReport(Structure):
    _fields_ = [("struct_size", c_size_t), ("reserved", c_size_t)] + [
        (name, c_uint64) for name in (
            "bytes_read", "bytes_zero", "bytes_duplicate", "bytes_inherited", "bytes_unique",
            "bytes_stored", "bytes_dead", "blocks", "file_size")
    ] + [("root", c_ubyte * 32)] + [
        (name, c_uint64) for name in (
            "read_ns", "hash_ns", "compress_ns", "seal_ns", "write_ns", "sync_ns", "total_ns")
    ]


class BuildOpts(Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("reserved", c_size_t), ("flags", c_uint64),
        ("source", c_char_p), ("memory", c_char_p), ("output", c_char_p), ("profile", c_char_p),
        ("source_format", c_uint32), ("threads", c_uint32), ("custom", c_void_p),
        ("password", c_void_p), ("password_data", c_void_p), ("progress", PROGRESS),
        ("progress_data", c_void_p), ("cancel", c_void_p), ("parent", c_char_p),
        ("parent_snapshot", c_void_p), ("streams", c_void_p), ("stream_count", c_size_t),
        ("sink", c_void_p), ("report", POINTER(BuildReport)), ("memory_limit", c_uint64),
        ("kdf_memory_kib", c_uint32), ("kdf_passes", c_uint32), ("kdf_lanes", c_uint32),
        ("reserved2", c_uint32),
    ]


class OpenOpts(Structure):
    _fields_ = [
        ("struct_size", c_size_t), ("reserved", c_size_t), ("flags", c_uint64),
        ("cache_size", c_uint64), ("path", c_char_p), ("storage", c_void_p),
        ("password", c_void_p), ("password_data", c_void_p), ("parent", c_char_p),
        ("parent_snapshot", c_void_p), ("expect_root", c_void_p), ("cancel", c_void_p),
    ]


LIB = ctypes.CDLL(os.environ["HEXZ_LIB"])
LIB.hexz_build.argtypes = [POINTER(BuildOpts)]
LIB.hexz_build.restype = c_int32
LIB.hexz_snapshot_open.argtypes = [POINTER(OpenOpts), POINTER(c_void_p)]
LIB.hexz_snapshot_open.restype = c_int32
LIB.hexz_snapshot_read.argtypes = [c_void_p, c_uint32, c_uint64, c_void_p, c_size_t]
LIB.hexz_snapshot_read.restype = c_int32
LIB.hexz_snapshot_close.argtypes = [c_void_p]
LIB.hexz_snapshot_close.restype = None
LIB.hexz_last_error.restype = c_char_p
LIB.hexz_status_name.argtypes = [c_int32]
LIB.hexz_status_name.restype = c_char_p


class HexzError(Exception):
    """A status that is not HEXZ_OK, by name, and this thread's text for it."""

    def __init__(self, status):
        self.status = LIB.hexz_status_name(status).decode()
        self.text = LIB.hexz_last_error().decode()
        super().__init__(f"{self.status}: {self.text}")


def _check(status):
    if status != 0:
        raise HexzError(status)


def build(source, output, flags=0, source_format=AUTO, threads=1, meanwhile=None):
    """Builds the snapshot `output`, replacing what is there, and returns its report. `meanwhile`
    is called once, when the build has begun."""
    report = BuildReport(struct_size=sizeof(BuildReport))
    opts = BuildOpts(struct_size=sizeof(BuildOpts), flags=flags | OVERWRITE | NO_SYNC,
                     source=os.fsencode(source), output=os.fsencode(output),
                     source_format=source_format, threads=threads)
    opts.report = ctypes.pointer(report)
    if meanwhile:
        waiting = [meanwhile]

        @PROGRESS
        def progress(_user_data, _progress):
            while waiting:
                waiting.pop()()
            return 0
        opts.progress = progress
    _check(LIB.hexz_build(byref(opts)))
    return report


def read(snapshot, size):
    """The first `size` bytes of stream 0."""
    opts = OpenOpts(struct_size=sizeof(OpenOpts), path=os.fsencode(snapshot))
    handle = c_void_p()
    _check(LIB.hexz_snapshot_open(byref(opts), byref(handle)))
    try:
        out = ctypes.create_string_buffer(max(size, 1))
        _check(LIB.hexz_snapshot_read(handle, 0, 0, out, size))
        return out.raw[:size]
    finally:
        LIB.hexz_snapshot_close(handle)
