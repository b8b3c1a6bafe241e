"""Block devices as sources: loop devices, and where the machine has it, the device mapper. What
cannot be tried here is said."""

import os
import subprocess

import abi
import qemu
from refusals import SOURCE, expect

MIB = 1 << 20


def tool(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as e:
        raise qemu.Skipped(f"{command[0]}: {e.strerror}") from e
    if done.returncode:
        raise qemu.Skipped(f"{' '.join(command[:3])}: {done.stderr.strip().splitlines()[0]}")
    return done.stdout.strip()


class Loop:
    """A loop device over a file."""

    def __init__(self, path, *options):
        self.name = tool("losetup", "-f", "--show", *options, str(path))

    def __enter__(self):
        return self.name

    def __exit__(self, *_error):
        subprocess.run(["losetup", "-d", self.name], check=True)


def raw_device(folder):
    """With sectors of both sizes, and an end that is at no page of ours."""
    for options, size in (((), 3 * MIB + 512), (("-b", "4096"), 3 * MIB)):
        disk = qemu.content(8, size)
        (folder / "disk").write_bytes(disk)
        with Loop(folder / "disk", *options) as device:
            for form in (abi.AUTO, abi.RAW):
                abi.build(device, folder / "a.hxz", source_format=form)
                assert abi.read(folder / "a.hxz", size) == disk
            # The same snapshot as that of the file.
            abi.build(folder / "disk", folder / "b.hxz")
            assert (folder / "a.hxz").read_bytes() == (folder / "b.hxz").read_bytes()
            expect(folder, "HEXZ_ERR_INVALID_ARGUMENT", ("is the source",), device, 0,
                   output=device)


def qcow2_on_a_device(folder):
    """An image that lies on a device longer than itself, on a backing file that is one."""
    base = qemu.content(9, 2 * MIB)
    (folder / "base").write_bytes(base)
    with Loop(folder / "base", "-r") as below:
        qemu.create(folder, "image", 3 * MIB, "", (below, "raw"))
        qemu.io(folder, "image", ["write -q -P 5 1M 64k"])
        os.truncate(folder / "image", 8 * MIB)
        with Loop(folder / "image") as device:
            expect(folder, SOURCE, (below, "HEXZ_BUILD_ALLOW_BACKING"), device, 0)
            abi.build(device, folder / "a.hxz", abi.ALLOW_BACKING)
    wanted = bytearray(base + bytes(MIB))
    wanted[MIB:MIB + 65536] = b"\x05" * 65536
    assert abi.read(folder / "a.hxz", len(wanted)) == wanted


def locked_device(folder):
    (folder / "disk").write_bytes(bytes(MIB))
    with Loop(folder / "disk") as device:
        machine = subprocess.Popen(["qemu-io", "-f", "raw", device], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        machine.stdin.write("length\n")
        machine.stdin.flush()
        assert machine.stdout.readline(), "qemu-io does not open the device"
        expect(folder, SOURCE, (device, "locked"), device, 0)
        machine.communicate("quit\n")
        abi.build(device, folder / "a.hxz")


def device_with_a_hole(folder):
    """Sectors that cannot be read, between others that can."""
    (folder / "disk").write_bytes(qemu.content(10, 4 * MIB))
    with Loop(folder / "disk") as device:
        name = f"hexz-test-{os.getpid()}"
        sectors = 2 * MIB // 512
        table = (f"0 {sectors} linear {device} 0\n{sectors} 2048 error\n"
                 f"{sectors + 2048} 2048 linear {device} {sectors + 2048}\n")
        tool("dmsetup", "create", name, "--table", table)
        try:
            expect(folder, SOURCE, (name, "cannot read"), f"/dev/mapper/{name}", 0)
        finally:
            subprocess.run(["dmsetup", "remove", name], check=True)


def stories():
    """Names and functions."""
    all_of_them = [raw_device, qcow2_on_a_device, locked_device, device_with_a_hole]
    return [(f"devices {f.__name__}", f) for f in all_of_them]
