"""Makes overlays in the working directory and in sub/ that name their backing file in many ways."""
import os
import struct
import subprocess

FORMAT = 0xE2792ACA


def image(path, name, form):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-u", "-b", "x", "-F", "raw", path, "1M"],
                   check=True)
    with open(path, "r+b") as out:
        head = bytearray(out.read(4096))
        start = struct.unpack_from(">Q", head, 8)[0]
        name = name.encode()
        head[start:start + len(name)] = name
        struct.pack_into(">I", head, 16, len(name))
        place = head.find(struct.pack(">I", FORMAT))
        if form:
            struct.pack_into(">I8s", head, place + 4, len(form), form.encode())
        else:
            struct.pack_into(">I", head, place, 0x11223344)
        out.seek(0)
        out.write(head)


def main():
    here = os.getcwd()
    os.mkdir("sub")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "base.qcow2", "1M"], check=True)
    subprocess.run(["qemu-io", "-c", "write -q -P 7 64k 128k", "base.qcow2"], check=True)
    whole = f"{here}/base.qcow2"
    over = '{"driver":"%s","file":{"driver":"file","filename":"%s"}}'
    rows = {
        "json": ("json:" + over % ("qcow2", whole), "qcow2"),
        "json-relative": ("json:" + over % ("qcow2", "base.qcow2"), "qcow2"),
        "json-raw": ("json:" + over % ("raw", whole), "raw"),
        "json-alone": ("json:" + over % ("qcow2", whole), None),
        "json-dotted": ('json:{"driver":"qcow2","file.driver":"file","file.filename":"%s"}' % whole, "qcow2"),
        "json-cut": ("json:" + over[:-1] % ("qcow2", whole), "qcow2"),
        "file": ("file:" + whole, "qcow2"),
        "file-relative": ("file:base.qcow2", "qcow2"),
        "url": ("file://" + whole, "qcow2"),
        "url-host": ("file://localhost" + whole, "qcow2"),
        "percent": ("file:base%2eqcow2", "qcow2"),
        "no-format": (whole, None),
        "format-file": (whole, "file"),
        "other-protocol": ("none:" + whole, "qcow2"),
    }
    for place in (".", "sub"):
        for name, row in rows.items():
            image(f"{place}/name-{name}.qcow2", *row)


if __name__ == "__main__":
    main()
