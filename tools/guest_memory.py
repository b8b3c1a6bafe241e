#!/usr/bin/env python3
"""Boots a disk image under QEMU and saves the guest's memory.

The guest runs on emulated processors (no KVM, so it is the same everywhere), without a
network and on a copy-on-write view of the disk, which therefore stays as it is. When
the guest says READY on its serial console it is stopped and its physical memory saved.
"""

import argparse
import json
import os
import subprocess
import sys
import time

READY = b"guest: READY"


class GuestError(Exception):
    pass


class Qmp:
    """The QEMU machine protocol over the standard input and output of the process."""

    def __init__(self, process):
        self.process = process
        self._receive()  # the greeting
        self.execute("qmp_capabilities")

    def _receive(self):
        line = self.process.stdout.readline()
        if not line:
            raise GuestError(f"qemu ended with status {self.process.wait()}")
        return json.loads(line)

    def execute(self, command, **arguments):
        request = {"execute": command, "arguments": arguments}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        while True:
            answer = self._receive()
            if "error" in answer:
                raise GuestError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


def wait_until_ready(process, console, deadline):
    while True:
        with open(console, "rb") as log:
            if READY in log.read():
                return
        if process.poll() is not None:
            raise GuestError(f"qemu ended with status {process.returncode} before READY")
        if time.monotonic() > deadline:
            raise GuestError("no READY in time")
        time.sleep(0.2)


def console_tail(console, lines=25):
    try:
        with open(console, "rb") as log:
            return b"\n".join(log.read().splitlines()[-lines:]).decode(errors="replace")
    except FileNotFoundError:
        return "(no console output)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disk", required=True)
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--initrd", required=True)
    parser.add_argument("--work", required=True, help="folder for temporary files")
    parser.add_argument("--output", required=True)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--timeout", type=float, default=600, help="seconds until READY")
    options = parser.parse_args()

    console = os.path.join(options.work, "console.log")
    open(console, "wb").close()
    command = [
        "qemu-system-x86_64",
        "-machine", "pc", "-accel", "tcg,thread=multi", "-smp", "2",
        "-m", str(options.megabytes),
        "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot",
        "-device", "virtio-rng-pci",
        "-drive", f"file={options.disk},format=raw,if=virtio,snapshot=on",
        "-kernel", options.kernel, "-initrd", options.initrd,
        "-append", "root=/dev/vda rw console=ttyS0 mitigations=off panic=-1",
        "-serial", f"file:{console}",
        "-qmp", "stdio",
    ]
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": options.work},  # where snapshot=on keeps its changes
    )
    try:
        qmp = Qmp(process)
        wait_until_ready(process, console, started + options.timeout)
        ready = time.monotonic()
        qmp.execute("stop")
        qmp.execute(
            "pmemsave",
            val=0,
            size=options.megabytes << 20,
            filename=os.path.abspath(options.output),
        )
        qmp.execute("quit")
        process.wait(timeout=30)
    except (GuestError, OSError, subprocess.TimeoutExpired) as error:
        print(f"guest_memory: {error}; the console's last lines:", file=sys.stderr)
        print(console_tail(console), file=sys.stderr)
        return 1
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    saved = os.path.getsize(options.output)
    if saved != options.megabytes << 20:
        print(f"guest_memory: saved {saved} bytes instead of {options.megabytes} MiB", file=sys.stderr)
        return 1
    print(f"guest ready after {ready - started:.0f} s, memory saved")
    return 0


if __name__ == "__main__":
    sys.exit(main())
