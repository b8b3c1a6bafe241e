#!/usr/bin/env python3
"""hexz against the bare loop, qemu-img and, night after night, others, side by side in one run.

Every contestant gets the same data from a warm page cache, the same two CPUs, and does
not wait for the disk. Contestants take turns, and the median of their rounds counts:
what disturbs the machine disturbs all of them. The figures are ratios; seconds alone say more
about the machine than about the programs. A missed goal is told, and is no failure.

The bare loop and the reads within one process are Rust programs, benches/floor.rs and
benches/random_read.rs. Nightly snapshots are in bench_days.py; a chain of them is read by benches/chain.c.
"""

import argparse
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import tempfile

import bench_days
import measure
from contest import CPUS, DATA, ROOT, TOOL, Scores, allocated, race, show

ROUNDS = 3
# Of a tenth of a second each, in the whole form and the short one.
CHAIN_ROUNDS = (41, 9)

# memory_limit's default and what may come on top, in MiB.
MEMORY_GOAL = 256 + 32


def bench_program(name):
    """The path of a program of benches/, built as `cargo bench` builds it."""
    lines = subprocess.run(
        ["tools/cargo.sh", "bench", "--locked", "--no-run", "--bench", name, "--message-format=json-render-diagnostics"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    for message in map(json.loads, lines):
        if message.get("executable") and message["target"]["name"] == name:
            return message["executable"]
    raise measure.Failed(f"cargo built no program for benches/{name}.rs")


def hexz_build(*options):
    return lambda source, output: [TOOL, "build", source, output, "--no-sync", "--quiet", *options]


def hexz_extract(source, output):
    return [TOOL, "extract", source, output, "--no-sync", "--quiet", "--threads", "2"]


def encrypted(password, command):
    """A build with the least that guessing may cost: the key derivation is apart from what is measured."""
    options = ["--encrypt", "--password-file", password, "--kdf-memory", "1M", "--kdf-passes", "1", "--kdf-lanes", "1"]
    return lambda source, output: [*command(source, output), *options]


def qemu_compress(*options):
    # convert's own default is cache=unsafe: like --no-sync, it flushes nothing.
    return lambda source, output: ["qemu-img", "convert", "-f", "raw", "-c", "-O", "qcow2", *options, source, output]


def qemu_restore(source, output):
    return ["qemu-img", "convert", "-f", "qcow2", "-m", "16", "-W", "-O", "raw", source, output]


def floor(program, *options):
    return lambda source, output: [program, *options, "--block-size", "65536", "--threads", "2", source, output]


QEMU_ZSTD = qemu_compress("-o", "compression_type=zstd", "-m", "16", "-W")


def zstd(threads, *options):
    return hexz_build(
        "--compression", "zstd", "--level", "3", "--block-size", "64K", "--threads", str(threads), *options
    )


def lz4(threads):
    return hexz_build("--compression", "lz4", "--block-size", "64K", "--threads", str(threads))


def slice_of(disk, length=512 << 20, offset=512 << 20):
    """A part of the disk, sparse where it is zero."""
    part = DATA / "slice.raw"
    if not part.exists() or part.stat().st_mtime < disk.stat().st_mtime:
        unfinished = part.with_suffix(".part")
        with open(disk, "rb") as source, open(unfinished, "wb") as target:
            source.seek(offset)
            target.truncate(length)
            for at in range(0, length, 1 << 16):
                block = source.read(1 << 16)
                if block.count(0) != len(block):
                    target.seek(at)
                    target.write(block)
        unfinished.rename(part)
    return part


def bench_build(disk, floor_program, folder, rounds, scores):
    print(f"Build a snapshot of {disk.name} (fixed blocks of 64 KiB unless said otherwise)")
    password = folder / "password"
    password.write_bytes(b"a password for the bench")
    contestants = {
        "hexz lz4, 2 threads": lz4(2),
        "hexz lz4, 1 thread": lz4(1),
        "bare loop lz4, 2 threads": floor(floor_program, "--codec", "lz4", "--level", "0"),
        "hexz zstd 3, 2 threads": zstd(2),
        "hexz lz4 encrypted, 2 threads": encrypted(password, lz4(2)),
        "hexz zstd 3, 1 thread": zstd(1),
        "hexz zstd 3 encrypted, 2 threads": encrypted(password, zstd(2)),
        "hexz zstd 3 cdc, 2 threads": zstd(2, "--cdc"),
        "bare loop zstd 3, 2 threads": floor(floor_program, "--codec", "zstd", "--level", "3"),
        "qemu-img -c zlib": qemu_compress(),
        "qemu-img -c zstd -m 16 -W": QEMU_ZSTD,
    }
    done = race({name: (command, disk) for name, command in contestants.items()}, folder, rounds)
    show(done, allocated(disk))

    def speed(one, other):
        return done[other].seconds / done[one].seconds

    for codec in ("lz4", "zstd 3"):
        ours = f"hexz {codec}, 2 threads"
        scores.at_least(f"build {codec}: speed against the bare loop", speed(ours, f"bare loop {codec}, 2 threads"), 0.85)
        scores.at_least(f"build {codec}: speed of 2 threads against 1", speed(ours, f"hexz {codec}, 1 thread"), 1.8)
        scores.at_least(
            f"build {codec}: speed of encrypted against plain", speed(f"hexz {codec} encrypted, 2 threads", ours), 0.9
        )
    ours, peer = done["hexz zstd 3, 2 threads"], done["qemu-img -c zstd -m 16 -W"]
    scores.at_least("build zstd 3: speed against qemu-img zstd", peer.seconds / ours.seconds, 2)
    scores.at_most("build zstd 3: size against qemu-img zstd", ours.size / peer.size, 1)
    scores.without_goal("build lz4: speed against qemu-img zlib", speed("hexz lz4, 2 threads", "qemu-img -c zlib"))
    scores.without_goal("build zstd 3: speed against qemu-img zlib", speed("hexz zstd 3, 2 threads", "qemu-img -c zlib"))
    scores.at_least(
        "build zstd 3: speed of cdc against fixed", speed("hexz zstd 3 cdc, 2 threads", "hexz zstd 3, 2 threads"), 0.8
    )
    peak = max(result.peak_mib for name, result in done.items() if name.startswith("hexz"))
    scores.at_most("build: peak MiB of the largest", peak, MEMORY_GOAL)
    return (
        folder / "hexz-zstd-3,-2-threads",
        folder / "hexz-zstd-3-encrypted,-2-threads",
        password,
        folder / "qemu-img--c-zstd--m-16--W",
    )


def bench_restore(disk, snapshot, qcow2, folder, rounds, scores):
    print(f"Restore {disk.name} from zstd 3 to a raw file")
    done = race(
        {"hexz extract, 2 threads": (hexz_extract, snapshot), "qemu-img -m 16 -W": (qemu_restore, qcow2)},
        folder,
        rounds,
    )
    show(done, allocated(disk))
    for name in done:
        if subprocess.run(["cmp", disk, folder / name.replace(" ", "-")]).returncode != 0:
            raise measure.Failed(f"{name} gave back something else than {disk.name}")
    ours, peer = done.values()
    scores.at_least("restore: speed against qemu-img", peer.seconds / ours.seconds, 2)
    scores.at_most("restore: peak MiB", ours.peak_mib, 64)


def by_way_of_raw(source, output):
    """The disk to raw first, as one must where qcow2 is not read."""
    raw = output.with_suffix(".raw")
    steps = [["qemu-img", "convert", "-m", "16", "-W", "-O", "raw", source, raw], lz4(2)(raw, output), ["rm", raw]]
    return ["sh", "-c", " && ".join(shlex.join(map(str, step)) for step in steps)]


def bench_qcow2(qcow2, kind, folder, rounds, scores):
    print(f"Build lz4 from a {kind} qcow2, against qemu-img to raw and a build from that, 2 threads")
    done = race({"hexz": (lz4(2), qcow2), "qemu-img, then hexz": (by_way_of_raw, qcow2)}, folder, rounds)
    show(done, allocated(qcow2))
    if subprocess.run(["cmp", *(folder / name.replace(" ", "-") for name in done)]).returncode != 0:
        raise measure.Failed("the snapshots of the image and of the raw disk differ")
    ours, peer = done.values()
    scores.without_goal(f"build from {kind} qcow2: speed against two steps", peer.seconds / ours.seconds)


def bench_reads(snapshot, sealed, password, program):
    print("Random reads of 4 KiB within one process, against pread, check and decode of one block")
    print(measure.run([program, snapshot, sealed, password], cpus=CPUS).output)


def bench_chain(rounds, scores):
    """A chain in memory, of its own data: what is measured is the way to a byte, not the bytes."""
    print("Random reads of 4 KiB from the last of a chain of 64, against a flat snapshot of the same disk")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        program = bench_days.driver("chain", pathlib.Path(scratch))
        lines = measure.run([program, scratch, str(rounds)], cpus=CPUS).output.splitlines()
    cases = (("index pages warm, blocks cold", 1.1), ("index pages and blocks cold", 1.6))
    measured = [tuple(map(float, line.split())) for line in lines]
    rows = [[case, f"{chain:.1f}", f"{flat:.1f}"] for (case, _), (chain, flat) in zip(cases, measured, strict=True)]
    print(measure.table(["microseconds", "chain", "flat"], rows))
    print()
    for (case, goal), (chain, flat) in zip(cases, measured, strict=True):
        scores.at_most(f"reads from a chain of 64, {case}: against a flat snapshot", chain / flat, goal)


def bench_sizes(disk, folder, scores):
    """Sizes need no rounds: the same input gives the same bytes."""
    print("Sizes, in MB, against qemu-img -c zstd with clusters of 64 KiB")
    memory, eda, firmware = (DATA / name for name in ("memory.raw", "eda.vcd", "firmware.raw"))
    sizes = {}
    rows = []

    def add(name, command, source, peer=None):
        output = folder / "sized"
        output.unlink(missing_ok=True)
        done = measure.run(command(source, output), cpus=CPUS)
        sizes[name] = output.stat().st_size
        ratio = f"{sizes[name] / sizes[peer]:.2f}" if peer else ""
        rows.append([name, f"{sizes[name] / 1e6:.1f}", ratio, f"{done.peak_mib:.0f}"])

    def zstd_blocks(block, *options):
        return hexz_build("--compression", "zstd", "--level", "3", "--block-size", block, *options)

    for source, profile in ((disk, None), (memory, None), (eda, "eda"), (firmware, "embedded")):
        name = source.stem
        peer = f"{name}: qemu-img zstd"
        add(peer, QEMU_ZSTD, source)
        add(f"{name}: hexz zstd 3, 64 KiB", zstd_blocks("64K"), source, peer)
        add(f"{name}: hexz zstd 3, 256 KiB", zstd_blocks("256K"), source, peer)
        if profile:
            add(f"{name}: hexz --profile {profile}", hexz_build("--profile", profile), source, peer)
    add("disk and memory: hexz zstd 3, 64 KiB", zstd_blocks("64K", "--memory", memory), disk)
    print(measure.table(["", "MB", "of qemu's", "peak MiB"], rows))
    print()

    for name in ("disk", "memory"):
        for block, goal in ((64, 1), (256, 0.95)):
            ratio = sizes[f"{name}: hexz zstd 3, {block} KiB"] / sizes[f"{name}: qemu-img zstd"]
            scores.at_most(f"size of {name}, {block} KiB, against qemu-img zstd", ratio, goal)
    scores.at_most(
        "memory's share: added to its disk against alone",
        (sizes["disk and memory: hexz zstd 3, 64 KiB"] - sizes["disk: hexz zstd 3, 64 KiB"])
        / sizes["memory: hexz zstd 3, 64 KiB"],
        0.5,
    )


def first_line(*command):
    return measure.run(command).output.splitlines()[0]


def describe(disk, rounds):
    with open("/proc/cpuinfo") as cpuinfo:
        models = {line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")}
    print(f"hexz      {first_line(TOOL, '--version')}")
    print(f"qemu-img  {first_line('qemu-img', '--version')}")
    print(f"machine   {', '.join(sorted(models)) or platform.machine()}; CPUs {sorted(CPUS)}, Linux {platform.release()}")
    print(f"data      {disk.name}: {disk.stat().st_size / 1e6:.0f} MB, {allocated(disk) / 1e6:.0f} MB allocated (MB/s are of these)")
    print(f"rounds    {rounds}, in turns, the median counts; page cache warm; no fsync on any side")
    if len(CPUS) < 2:
        print("          ONE CPU ONLY: what is said of 2 threads means nothing here")
    print()


def bench_whole(disk, options, scores):
    """Snapshots that lean on nothing."""
    floor_program = bench_program("floor")
    reads_program = bench_program("random_read")
    with tempfile.TemporaryDirectory(dir=DATA) as scratch:
        folder = pathlib.Path(scratch)
        snapshot, sealed, password, qcow2 = bench_build(disk, floor_program, folder, options.rounds, scores)
        bench_restore(disk, snapshot, qcow2, folder, options.rounds, scores)
        bench_qcow2(qcow2, "zstd", folder, options.rounds, scores)
        bench_qcow2(folder / "qemu-img--c-zlib", "zlib", folder, options.rounds, scores)
        bench_reads(snapshot, sealed, password, reads_program)
        if not options.short:
            bench_sizes(disk, folder, scores)


def main():
    parser = argparse.ArgumentParser(description="hexz against the bare loop and against qemu-img.")
    parser.add_argument("--short", action="store_true", help="a slice of the disk, no sizes of other data, 3 days")
    parser.add_argument("--only-days", action="store_true", help="nightly snapshots, and nothing else")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    try:
        disk = slice_of(DATA / "disk.raw") if options.short else DATA / "disk.raw"
        describe(disk, options.rounds)
        scores = Scores()
        if not options.only_days:
            bench_whole(disk, options, scores)
            bench_chain(CHAIN_ROUNDS[options.short], scores)
        # A night takes each of the peers seconds: the short form has one round of them.
        bench_days.bench_days(options.short, 1 if options.short else options.rounds, scores)
        scores.show()
    except (measure.Failed, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
