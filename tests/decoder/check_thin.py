"""Chains of snapshots as the tool builds them: what the decoder makes of a child, with what it leans on beside it."""

import random

from layout import PAGE
from tally import Wrong
from tool import build, check_nothing_unused, compare
from verify import verify

PASSWORD = b"of the whole chain"
NIGHTS = 3


def change(content, night):
    """Pages that are new, some that moved, and an end elsewhere."""
    rng = random.Random(night)
    content = bytearray(content)
    pages = len(content) // PAGE
    for _ in range(5):
        at = rng.randrange(pages) * PAGE
        content[at : at + PAGE] = rng.randbytes(PAGE)
    source, to = (rng.randrange(pages * 3 // 4) * PAGE for _ in range(2))
    content[to : to + 9 * PAGE] = content[source : source + 9 * PAGE]
    return bytes(content) + rng.randbytes(300 * night)


def must_lean(snapshot, number):
    if not snapshot.thin or not 1 <= len(snapshot.ancestors) <= number:
        raise Wrong(f"leans on {len(snapshot.ancestors)} others, as number {number} of a chain")
    # Of chunks each change takes one or two.
    if snapshot.data_space > (snapshot.streams[0].size * 5 // 8 if snapshot.chunked else 64 * PAGE):
        raise Wrong(f"stores {snapshot.data_space} bytes, although most did not change")


def check(tally, folder, sources):
    disk, _ = sources["mixed"]
    secret = folder / "password of a chain"
    secret.write_bytes(PASSWORD)
    sealing = ("--encrypt", "--password-file", secret, "--kdf-memory", "1M", "--kdf-passes", "1")
    for mode in ((), ("--cdc",)):
        for password, seals in ((None, ()), (PASSWORD, sealing)):
            title = " ".join(("chain", *mode, *(["encrypted"] if password else [])))
            content, parent = disk.read_bytes(), ()
            for night in range(NIGHTS + 1):
                name, today = f"{title}, night {night}", folder / "today"
                content = change(content, night) if night else content
                today.write_bytes(content)
                output = folder / f"{title.replace(' ', '-')}-{night}.hexz"
                snapshot = tally.check(
                    f"{name}: builds", build, today, None, output, (*mode, *seals, *parent), password
                )
                if snapshot is None:
                    break
                tally.check(f"{name}: verifies", verify, snapshot)
                tally.check(f"{name}: disk", compare, snapshot, "disk", today)
                tally.check(f"{name}: nothing unused", check_nothing_unused, snapshot)
                if night:
                    tally.check(f"{name}: leans", must_lean, snapshot, night)
                parent = ("--parent", output, *(("--parent-password-file", secret) if password else ()))
