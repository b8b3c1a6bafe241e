"""QEMU's image locks: who writes keeps a build out, and a build keeps out who would write."""

import os
import subprocess

import abi
import qemu
from refusals import SOURCE, expect

MIB = 1 << 20


class Writer:
    """A qemu-io that has an image open for writing, as a running machine does."""

    def __init__(self, folder, name, form):
        self.process = subprocess.Popen(["qemu-io", "-f", form, name], cwd=folder, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        # What it says when the image is open.
        self.process.stdin.write("length\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "qemu-io does not open the image"

    def __exit__(self, *_error):
        self.process.communicate("quit\n")


def images(folder):
    """A chain of three: names and formats, the uppermost first."""
    (folder / "base.raw").write_bytes(qemu.content(5, MIB))
    qemu.create(folder, "middle.qcow2", MIB, "", ("base.raw", "raw"))
    qemu.create(folder, "top.qcow2", MIB, "data_file=top.data", ("middle.qcow2", "qcow2"))
    qemu.io(folder, "top.qcow2", ["write -q -P 3 64k 64k"])
    return [("top.qcow2", "qcow2"), ("top.data", "raw"), ("middle.qcow2", "qcow2"),
            ("base.raw", "raw")]


def a_running_machine_keeps_out(folder):
    for name, form in images(folder):
        with Writer(folder, name, form):
            expect(folder, SOURCE, (name, "locked", "HEXZ_BUILD_FORCE_SHARE"),
                   folder / "top.qcow2", abi.ALLOW_BACKING)
            abi.build(folder / "top.qcow2", folder / "forced.hxz",
                      abi.ALLOW_BACKING | abi.FORCE_SHARE)
        abi.build(folder / "top.qcow2", folder / "forced.hxz", abi.ALLOW_BACKING)


def a_raw_disk_and_a_memory_dump_too(folder):
    (folder / "disk.raw").write_bytes(qemu.content(6, MIB))
    with Writer(folder, "disk.raw", "raw"):
        expect(folder, SOURCE, ("disk.raw", "locked"), folder / "disk.raw", 0, abi.RAW)
    abi.build(folder / "disk.raw", folder / "disk.hxz")


def readers_keep_nobody_out(folder):
    """A machine's backing file is open in QEMU too, for reading."""
    images(folder)
    with Writer(folder, "middle.qcow2", "qcow2"):
        abi.build(folder / "base.raw", folder / "base.hxz")


def a_build_keeps_writers_out(folder):
    tried = []

    def write(form, name):
        done = qemu.run(folder, "qemu-io", "-f", form, "-c", "write 0 512", name, may_fail=True)
        return "lock" in done.stderr

    def meanwhile():
        tried.extend((name, write(form, name)) for name, form in names)

    names = images(folder)
    abi.build(folder / "top.qcow2", folder / "top.hxz", abi.ALLOW_BACKING, meanwhile=meanwhile)
    assert tried == [(name, True) for name, _form in names], tried
    # And afterwards no longer.
    assert not any(write(form, name) for name, form in names)
    # With the flag nobody is kept out, and nobody asks what changed.
    tried.clear()
    abi.build(folder / "top.qcow2", folder / "top.hxz", abi.ALLOW_BACKING | abi.FORCE_SHARE,
              meanwhile=meanwhile)
    assert tried == [(name, False) for name, _form in names], tried


def a_change_anywhere_in_the_chain_is_noticed(folder):
    """By one that knows no locks."""
    for name, _form in images(folder):
        def meanwhile(path=folder / name):
            with open(path, "r+b") as file:
                file.seek(0, os.SEEK_END)
                file.write(b"more")
        before = (folder / name).read_bytes()
        try:
            abi.build(folder / "top.qcow2", folder / "top.hxz", abi.ALLOW_BACKING,
                      meanwhile=meanwhile)
        except abi.HexzError as e:
            assert e.status == SOURCE and name in e.text and "changed" in e.text, e
        else:
            raise AssertionError(f"a change of {name} was not noticed")
        assert not (folder / "top.hxz").exists()
        (folder / name).write_bytes(before)


def stories():
    """Names and functions."""
    all_of_them = [a_running_machine_keeps_out, a_raw_disk_and_a_memory_dump_too,
                   readers_keep_nobody_out, a_build_keeps_writers_out,
                   a_change_anywhere_in_the_chain_is_noticed]
    return [(f"locks {f.__name__}", f) for f in all_of_them]
