"""What the benches of tools/ share: contestants that take turns, and what their rounds came to."""

import os
import pathlib
import statistics

import measure

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOL = pathlib.Path((ROOT / "target/last-built").read_text().strip()) / "hexz"
DATA = ROOT / "target/data"
CPUS = set(sorted(os.sched_getaffinity(0))[:2])


class Result:
    """What the rounds of one contestant came to."""

    def __init__(self, name):
        self.name = name
        self.times = []
        self.peak_mib = 0.0
        self.size = 0

    @property
    def seconds(self):
        return statistics.median(self.times)


def race(contestants, folder, rounds):
    """Runs `contestants` (name: (command, source)) in turns; their last outputs stay in `folder`."""
    results = {name: Result(name) for name in contestants}
    for turn in range(rounds):
        for name, (command, source) in contestants.items():
            output = folder / name.replace(" ", "-")
            output.unlink(missing_ok=True)
            warm(source)
            os.sync()  # what others have left to write is not this one's work
            done = measure.run(command(source, output), cpus=CPUS)
            results[name].times.append(done.seconds)
            results[name].peak_mib = max(results[name].peak_mib, done.peak_mib)
            results[name].size = output.stat().st_size
        print(f"  round {turn + 1} of {rounds} done", flush=True)
    return results


def warm(path):
    """Brings a file into the page cache."""
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass


def allocated(path):
    return path.stat().st_blocks * 512


def show(results, source_bytes):
    rows = [
        [
            result.name,
            f"{result.seconds:.2f}",
            f"{min(result.times):.2f} to {max(result.times):.2f}",
            f"{source_bytes / 1e6 / result.seconds:.0f}",
            f"{result.size / 1e6:.1f}",
            f"{result.peak_mib:.0f}",
        ]
        for result in results.values()
    ]
    print(measure.table(["", "seconds", "from, to", "MB/s", "MB", "peak MiB"], rows))
    print()


class Scores:
    """Ratios, and the goals that some of them have."""

    def __init__(self):
        self.rows = []

    def at_least(self, what, ratio, goal):
        self.rows.append([what, f"{ratio:.2f}", f">= {goal}", "met" if ratio >= goal else "missed"])

    def at_most(self, what, ratio, goal):
        self.rows.append([what, f"{ratio:.2f}", f"<= {goal}", "met" if ratio <= goal else "missed"])

    def without_goal(self, what, ratio):
        self.rows.append([what, f"{ratio:.2f}", "", ""])

    def show(self):
        print(measure.table(["ratio", "here", "goal", ""], self.rows))
