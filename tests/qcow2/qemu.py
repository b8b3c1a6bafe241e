"""qemu-img and qemu-io, and contents to give them."""

import random
import subprocess
from pathlib import Path

SECTOR = 512


class Skipped(Exception):
    """Why this machine cannot try something."""


def run(folder, *command, may_fail=False):
    """Runs a command in `folder`, where relative names in images are meant to be found."""
    done = subprocess.run([str(c) for c in command], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode != 0 and not may_fail:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done


def create(folder, name, size, options="", backing=None):
    """Makes an empty image; `backing` is a pair of name and format."""
    command = ["qemu-img", "create", "-q", "-f", "qcow2"]
    if options:
        command += ["-o", options]
    if backing:
        command += ["-b", backing[0], "-F", backing[1]]
    run(folder, *command, name, *([] if size is None else [size]))


def convert(folder, source, name, options="", compress=False, backing=None):
    """Makes an image with the content of the raw file `source`."""
    command = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2"]
    if options:
        command += ["-o", options]
    if compress:
        command.append("-c")
    if backing:
        command += ["-B", backing[0], "-F", backing[1]]
    run(folder, *command, source, name)


def io(folder, name, commands, may_fail=False):
    """Runs commands of qemu-io in one process, whose data goes past no cache of ours."""
    if not commands:
        return
    arguments = [part for command in commands for part in ("-c", command)]
    done = run(folder, "qemu-io", "-f", "qcow2", *arguments, name, may_fail=may_fail)
    failed = [line for line in done.stdout.splitlines() if "failed" in line]
    assert may_fail or not failed, (commands, failed)


def to_raw(folder, name, out):
    """What QEMU reads in the image, or None if it reads none."""
    done = run(folder, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", name, out, may_fail=True)
    return None if done.returncode else (Path(folder) / out).read_bytes()


def content(seed, size):
    """Text, noise and zeros by turns, in pieces that keep to no boundary."""
    rng = random.Random(seed)
    out = bytearray()
    while len(out) < size:
        kind, length = rng.randrange(3), rng.randrange(1, 200_000)
        if kind == 0:
            out += bytes(length)
        elif kind == 1:
            out += rng.randbytes(length // 4)
        else:
            line = b"module u%d (.a(n%d), .b(n%d));\n"
            while length > 0:
                text = line % tuple(rng.randrange(10_000) for _ in range(3))
                out += text
                length -= len(text)
    return bytes(out[:size])


def random_io(rng, size, cluster, count, discard=True):
    """Commands that write, zero and discard ranges of whole sectors, aligned to no more."""
    commands = []
    for _ in range(count):
        length = rng.choice((1, 2, 7, 8, 64, cluster // SECTOR, 3 * cluster // SECTOR + 1))
        length = min(length * SECTOR, size)
        offset = rng.randrange((size - length) // SECTOR + 1) * SECTOR
        if rng.random() < 0.3:
            offset = offset // cluster * cluster
        kinds = ["write -q -P %d" % rng.randrange(1, 256)] * 3 + ["write -q -z", "write -q -z -u"]
        if discard:
            kinds.append("discard -q")
        commands.append(f"{rng.choice(kinds)} {offset} {length}")
    return commands


def packed_io(rng, size, cluster, count):
    """Commands that write compressed clusters, each one once, since none can be overwritten so."""
    clusters = range(-(-size // cluster))
    chosen = rng.sample(clusters, min(count, len(clusters)))
    return [f"write -q -c -P {rng.randrange(1, 256)} {i * cluster} "
            f"{min(cluster, size - i * cluster)}" for i in chosen]
