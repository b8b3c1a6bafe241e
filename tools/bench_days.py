"""A machine's disk, night after night, each snapshot thin on the one before: hexz beside its peers.

The days come from tools/days.sh. Day 2 and the last day are repeated in turns, and their medians
count; the nights between are kept once each, for the chain. All of it lies on tmpfs, where it can.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

import day_changes
import measure
import peers
from contest import CPUS, DATA, ROOT, TOOL

# Bytes that a hypervisor's dirty bitmap speaks of at once: QEMU's default.
DIRTY = 64 << 10


class Night:
    """What one keeper took for one day."""

    def __init__(self):
        self.times, self.cpu, self.added, self.peak_mib = [], [], 0, 0.0

    @property
    def seconds(self):
        return statistics.median(self.times)

    @property
    def cpu_seconds(self):
        return statistics.median(self.cpu)


def keep(keeper, command, night):
    """Runs what keeps a day, and notes what it took."""
    before = keeper.stored()
    done = measure.run(command, cpus=CPUS, env=keeper.environment)
    night.times.append(done.seconds)
    night.cpu.append(done.cpu_seconds)
    night.peak_mib = max(night.peak_mib, done.peak_mib)
    night.added = keeper.stored() - before


def keep_day(keepers, image, day, rounds):
    """Lets each keep a day, `rounds` times in turns; the last time counts for what follows."""
    nights = {keeper.name: Night() for keeper in keepers}
    if rounds > 1:
        for keeper in keepers:
            keeper.put_aside()
    for turn in range(rounds):
        for keeper in keepers:
            if turn > 0:
                keeper.take_back(day)
            keep(keeper, keeper.night(image, day), nights[keeper.name])
    return nights


def show_nights(title, nights):
    print(title)
    rows = [
        [
            name,
            f"{night.added / 1e6:.2f}",
            f"{night.seconds:.2f}",
            f"{min(night.times):.2f} to {max(night.times):.2f}",
            f"{night.cpu_seconds:.2f}",
            f"{night.peak_mib:.0f}",
        ]
        for name, night in nights.items()
    ]
    print(measure.table(["", "MB added", "seconds", "from, to", "CPU s", "peak MiB"], rows))
    print()


def score_nights(what, keepers, nights, scores):
    """Against the best of the peers in each respect."""
    ours = nights[peers.Hexz.name]
    others = {keeper.name: nights[keeper.name] for keeper in keepers if not keeper.ours}
    small = min(others, key=lambda name: others[name].added)
    fast = min(others, key=lambda name: others[name].seconds)
    scores.at_most(f"{what}: bytes added against the best peer ({small})", ours.added / others[small].added, 0.75)
    scores.at_most(f"{what}: seconds against the fastest peer ({fast})", ours.seconds / others[fast].seconds, 1)
    if peers.Restic.name in others:
        sealed = nights[peers.SealedHexz.name].seconds / others[peers.Restic.name].seconds
        scores.without_goal(f"{what}: seconds of encrypted against restic, passwords' keys on both sides", sealed)


def check(keeper, image, day):
    """That it gives a day back."""
    output = image.with_name("restored")
    output.unlink(missing_ok=True)
    measure.run(keeper.restore(day, output), cpus=CPUS, env=keeper.environment)
    if subprocess.run(["cmp", image, output]).returncode != 0:
        raise measure.Failed(f"{keeper.name} gave back something else than day {day}")
    output.unlink()


def driver(name, folder):
    """A program of benches/ in C, built against the library."""
    program = folder / name
    libraries = TOOL.parent / "release"
    measure.run(
        [
            *os.environ.get("CC", "cc").split(),
            *["-std=c99", "-O2", "-I", ROOT / "include", ROOT / f"benches/{name}.c", "-o", program],
            *["-L", libraries, "-lhexz", f"-Wl,-rpath,{libraries}"],
        ]
    )
    return program


def dirty_ranges(ranges, size, least=DIRTY):
    """Ranges in the grain of a dirty bitmap, joined where they touch."""
    joined = []
    for at, length in ranges:
        start, end = at // least * least, min(-(-(at + length) // least) * least, size)
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([start, end])
    return [[start, end - start] for start, end in joined]


def first_of(ranges, budget):
    """As many whole ranges from the front as hold that many bytes, the last one cut."""
    taken = []
    for at, length in ranges:
        if budget <= 0:
            break
        taken.append([at, min(length, -(-budget // DIRTY) * DIRTY)])
        budget -= length
    return taken


def write_ranges(path, ranges):
    path.write_text("".join(f"{at} {length}\n" for at, length in ranges))


def race_driver(program, contestants, rounds):
    """Medians of what benches/thin.c says of each of `contestants` (name: arguments): seconds; bytes stored."""
    said = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, arguments in contestants.items():
            pathlib.Path(arguments[-1]).unlink(missing_ok=True)
            said[name].append(measure.run([program, *arguments], cpus=CPUS).output.split())
    return {
        name: (statistics.median(float(line[0]) for line in lines), int(lines[0][1])) for name, lines in said.items()
    }


def bench_dirty(program, first, image, changes, rounds, scores):
    """A host that knows what changed, against one that does not."""
    folder = image.parent
    size, used = image.stat().st_size, image.stat().st_blocks * 512
    dirty = dirty_ranges(day_changes.ranges_of(changes), size)
    parent, output = folder / "day1.hxz", folder / "child.hxz"
    measure.run([program, first, parent], cpus=CPUS)
    write_ranges(folder / "dirty", dirty)
    day = race_driver(
        program,
        {
            "reading all": ["--parent", parent, image, output],
            "with the bitmap": ["--parent", parent, "--changes", folder / "dirty", image, output],
            "the changes alone": ["--changes", folder / "dirty", image, output],
        },
        rounds,
    )
    # As much of that day as is 1% of the disk, and the rest as it was.
    few = first_of(dirty, used // 100)
    little = folder / "little.raw"
    subprocess.run(["cp", "--sparse=always", first, little], check=True)
    with open(image, "rb") as source, open(little, "r+b") as target:
        for at, length in few:
            source.seek(at)
            target.seek(at)
            target.write(source.read(length))
    write_ranges(folder / "few", few)
    one = race_driver(
        program,
        {
            "1% dirty: reading all": ["--parent", parent, little, output],
            "1% dirty: with the bitmap": ["--parent", parent, "--changes", folder / "few", little, output],
            "1% dirty: the changes alone": ["--changes", folder / "few", little, output],
        },
        rounds,
    )
    print(
        f"With a dirty bitmap of 64 KiB (extent_at of a pull source says what is the parent's): "
        f"{sum(length for _, length in dirty) / 1e6:.1f} MB dirty on day 2, and {sum(length for _, length in few) / 1e6:.1f} MB of them"
    )
    rows = [[name, f"{seconds:.3f}", f"{stored / 1e6:.2f}"] for name, (seconds, stored) in {**day, **one}.items()]
    print(measure.table(["", "seconds", "MB"], rows))
    print()
    scores.at_most("day 2 with a dirty bitmap: seconds against its changes alone", day["with the bitmap"][0] / day["the changes alone"][0], 1.2)
    scores.at_least("1% dirty: speed with the bitmap against reading all", one["1% dirty: reading all"][0] / one["1% dirty: with the bitmap"][0], 10)
    little.unlink()
    output.unlink()


def bench_machines(first, days, folder, scores):
    """Two machines from one golden image."""
    golden, one, two, beside, alone = (folder / f"{name}.hxz" for name in ("golden", "one", "two", "beside", "alone"))
    image = folder / "machine.raw"
    build = [TOOL, "build", *peers.Hexz.options]
    subprocess.run(["cp", "--sparse=always", first, image], check=True)
    measure.run([*build, image, golden], cpus=CPUS)
    day_changes.apply(days / "day02.changes", image)
    measure.run([*build, image, one, "--parent", golden], cpus=CPUS)
    subprocess.run(["cp", "--sparse=always", first, image], check=True)
    day_changes.apply(days / "second.changes", image)
    measure.run([*build, image, two, "--parent", golden], cpus=CPUS)
    measure.run([*build, image, beside, "--parent", golden, "--base", one], cpus=CPUS)
    measure.run([*build, image, alone], cpus=CPUS)

    def pages(name):
        return f"{sum(length for _, length in day_changes.ranges_of(days / name)) / 1e6:.1f}"

    sizes = {path.stem: path.stat().st_size for path in (golden, one, two, beside, alone)}
    print("Two machines from one golden image (day 1): the second did what the first did, and a day of its own")
    rows = [
        ["golden image", "", f"{sizes['golden'] / 1e6:.2f}"],
        ["first machine, on the golden image", pages("day02.changes"), f"{sizes['one'] / 1e6:.2f}"],
        ["second machine, on the golden image", pages("second.changes"), f"{sizes['two'] / 1e6:.2f}"],
        ["the same, with the first as a base", pages("second.changes"), f"{sizes['beside'] / 1e6:.2f}"],
        ["the same, leaning on nothing", "", f"{sizes['alone'] / 1e6:.2f}"],
    ]
    print(measure.table(["", "MB of pages changed", "MB"], rows))
    print()
    scores.without_goal("second machine of a golden image: size against a whole snapshot", sizes["beside"] / sizes["alone"])
    for path in (golden, one, two, beside, alone, image):
        path.unlink()


def bench_days(short, rounds, scores):
    """All of it, or the reason why not."""
    days = DATA / ("days-short" if short else "days")
    if not days.exists():
        print(f"Days of a disk: skipped: there are none; tools/days.sh{' --short' if short else ''} says why\n")
        return
    kinds, lacking = peers.available()
    versions = [measure.run(kind.version).output.splitlines()[0] for kind in kinds if kind is not peers.SealedHexz]
    changes = sorted(days.glob("day*.changes"))
    first = days / "day01.raw"
    with tempfile.TemporaryDirectory(dir=room_for(4 if short else 17)) as scratch:
        folder = pathlib.Path(scratch)
        image = folder / "today.raw"
        subprocess.run(["cp", "--sparse=always", first, image], check=True)
        print(f"A disk of {image.stat().st_blocks * 512 / 1e6:.0f} MB allocated over {len(changes) + 1} days, each thin on the day before")
        print(f"  zstd 3 and 2 threads where one can choose; nobody waits for a disk: all is in {folder.parent}, and hexz and")
        print("  qemu-img are told not to sync, as restic and borg cannot be; restic encrypts always, borg not; page cache warm")
        print(f"  {'; '.join(versions)}")
        if peers.HexzCli in kinds:
            print("  hexz-cli keeps each day on day 1: of a chain of its snapshots it reads zeros for what the first one has")
        for reason in lacking:
            print(f"  {reason}")
        print(flush=True)
        keepers = [kind(folder / kind.__name__) for kind in kinds]
        nights = {keeper.name: Night() for keeper in keepers}
        for keeper in keepers:
            keep(keeper, keeper.first(image), nights[keeper.name])
        show_nights("Day 1, whole, once", nights)
        total = {keeper.name: Night() for keeper in keepers}
        for day, changed in enumerate(changes, start=2):
            repeated = day in (2, len(changes) + 1)
            day_changes.apply(changed, image)
            # Who does not chain need not keep what nobody asks for.
            now = keepers if repeated else [keeper for keeper in keepers if keeper.chains]
            nights = keep_day(now, image, day, rounds if repeated else 1)
            for name, night in nights.items():
                total[name].added += night.added
                total[name].times.append(night.seconds)
                total[name].cpu.append(night.cpu_seconds)
                total[name].peak_mib = max(total[name].peak_mib, night.peak_mib)
            if repeated:
                pages = sum(length for _, length in day_changes.ranges_of(changed))
                show_nights(f"Day {day}: {pages / 1e6:.1f} MB of pages changed", nights)
                score_nights(f"day {day}", keepers, nights, scores)
        chains = {keeper.name: total[keeper.name] for keeper in keepers if keeper.chains}
        show_nights(f"Days 2 to {len(changes) + 1}: sum of bytes, median night", chains)
        for keeper in keepers:
            shutil.rmtree(folder / f"{type(keeper).__name__}.aside", ignore_errors=True)
        for keeper in keepers:
            check(keeper, image, len(changes) + 1)
            shutil.rmtree(keeper.folder)
        bench_machines(first, days, folder, scores)
        program = driver("thin", folder)
        subprocess.run(["cp", "--sparse=always", first, image], check=True)
        day_changes.apply(changes[0], image)
        bench_dirty(program, first, image, changes[0], max(rounds, 3), scores)


def room_for(gigabytes):
    """tmpfs, if it has that much room and the machine that much memory."""
    shm = pathlib.Path("/dev/shm")
    free = shutil.disk_usage(shm).free if shm.is_dir() else 0
    with open("/proc/meminfo") as meminfo:
        available = next(int(line.split()[1]) << 10 for line in meminfo if line.startswith("MemAvailable"))
    return shm if min(free, available) >= gigabytes * 1e9 else DATA
