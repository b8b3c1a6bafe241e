"""Runs all: the table of variants, then what must be refused. Usage: check.py FOLDER [PART]"""

import os
import shutil
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import abi
import devices
import imago
import locks
import pagecache
import qemu
import refusals
import variants


def same(variant, reader, folder):
    """Nothing, if the variant reads as qemu-img reads it, and imago where it can."""
    variant.make(folder)
    wanted = qemu.to_raw(folder, "top.qcow2", "qemu.raw")
    assert wanted is not None, "qemu-img does not read it"
    # With a second thread, compressed clusters are unpacked by whichever has time.
    report = abi.build(folder / "top.qcow2", folder / "a.hxz", abi.ALLOW_BACKING, threads=2)
    got = abi.read(folder / "a.hxz", len(wanted))
    if got != wanted:
        at = next(i for i, (a, b) in enumerate(zip(got, wanted)) if a != b)
        raise AssertionError(f"differs from qemu-img at {at} of {len(wanted)}")
    # How the bytes lay in the image does not show in the snapshot, its length included.
    abi.build(folder / "qemu.raw", folder / "b.hxz", source_format=abi.RAW)
    assert (folder / "a.hxz").read_bytes() == (folder / "b.hxz").read_bytes(), \
        "the snapshot of the raw disk differs"
    if variant.for_imago:
        reader.compare(folder)
    return report


def in_folder(work, name, story, *arguments):
    folder = work / name.replace(" ", "_").replace("/", "_")
    folder.mkdir()
    try:
        story(*arguments, folder)
        return None
    except qemu.Skipped as why:
        return f"skipped: {name}: {why}"
    except Exception:  # pylint: disable=broad-except
        return f"FAILED: {name}\n{traceback.format_exc(limit=-2)}"
    finally:
        shutil.rmtree(folder)


def main():
    work, wanted = Path(sys.argv[1]), sys.argv[2:]
    reader = imago.Reader(whole=not wanted)
    stories = [(v.name, same, v, reader) for v in variants.table()]
    stories += refusals.stories() + locks.stories() + devices.stories()
    stories += pagecache.stories()
    chosen = [s for s in stories if all(w in s[0] for w in wanted)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(lambda s: in_folder(work, *s), chosen))
    told = [r for r in results if r]
    failures = [r for r in told if r.startswith("FAILED")]
    beside, passed = reader.end()
    for line in told + beside:
        print(line)
    print(f"qcow2: {len(results) - len(told)} passed, {len(failures)} failed, "
          f"{len(told) - len(failures)} skipped")
    return 1 if failures or not results or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
