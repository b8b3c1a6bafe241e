#!/usr/bin/env python3
"""Lays ARM firmware files out as a 128 MiB NOR flash image.

Boot loaders, UEFI volumes, a kernel, device trees and an unpacked root archive, each
from the start of an erase block as a flash tool places them. What is not written
stays in the erased state of flash, 0xff.
"""

import gzip
import pathlib
import sys

FLASH_SIZE = 128 << 20
ERASE_BLOCK = 64 << 10

# Where below the unpacked packages each part lies, in flash order.
PARTS = [
    "usr/lib/u-boot/qemu_arm/u-boot.bin",
    "usr/lib/u-boot/qemu_arm64/u-boot.bin",
    "usr/share/AAVMF/AAVMF32_CODE.fd",
    "usr/share/AAVMF/AAVMF_CODE.fd",
    "usr/lib/debian-installer/images/*/armhf/text/debian-installer/armhf/vmlinuz",
    "usr/lib/debian-installer/images/*/armhf/text/debian-installer/armhf/dtbs/*.dtb",
    "usr/lib/debian-installer/images/*/armhf/text/debian-installer/armhf/initrd.gz",
]


def content(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    return data.rstrip(b"\0")  # UEFI volumes are padded to 64 MiB


def main():
    files, output = map(pathlib.Path, sys.argv[1:])
    flash = bytearray()
    for pattern in PARTS:
        found = sorted(files.glob(pattern))
        if not found:
            sys.exit(f"flash_image: nothing in the packages matches {pattern}")
        for path in found:
            # Device trees are small: a page each, not an erase block each.
            align = 4096 if path.suffix == ".dtb" else ERASE_BLOCK
            flash += b"\xff" * (-len(flash) % align)
            flash += content(path)
    if len(flash) > FLASH_SIZE:
        sys.exit(f"flash_image: {len(flash)} bytes do not fit in {FLASH_SIZE}")
    flash += b"\xff" * (FLASH_SIZE - len(flash))
    output.write_bytes(flash)


if __name__ == "__main__":
    main()
