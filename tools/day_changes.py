#!/usr/bin/env python3
"""What a day changed in a disk image, as a file: recorded from two images, written into one.

    day_changes.py record YESTERDAY TODAY CHANGES
    day_changes.py apply CHANGES YESTERDAY

A file of changes is a line of JSON, a list of [offset, length], and then the bytes of those
ranges one after the other. Ranges are of whole pages of 4 KiB.
"""

import json
import sys

PAGE = 4096
WINDOW = 1 << 20


def changed_ranges(old, new):
    """Ranges, in pages joined where they touch, in which two open files of one size differ."""
    ranges = []
    at = 0
    while True:
        before, after = old.read(WINDOW), new.read(WINDOW)
        if not after:
            return ranges
        if before != after:
            for page in range(0, len(after), PAGE):
                if before[page : page + PAGE] == after[page : page + PAGE]:
                    continue
                length = min(PAGE, len(after) - page)
                if ranges and sum(ranges[-1]) == at + page:
                    ranges[-1][1] += length
                else:
                    ranges.append([at + page, length])
        at += len(after)


def record(yesterday, today, output):
    with open(yesterday, "rb") as old, open(today, "rb") as new, open(output, "wb") as changes:
        ranges = changed_ranges(old, new)
        changes.write(json.dumps(ranges).encode() + b"\n")
        for at, length in ranges:
            new.seek(at)
            changes.write(new.read(length))


def ranges_of(changes):
    with open(changes, "rb") as file:
        return json.loads(file.readline())


def apply(changes, image):
    """Writes what a day changed into `image`, which is as the day before left it."""
    with open(changes, "rb") as file, open(image, "r+b") as target:
        for at, length in json.loads(file.readline()):
            target.seek(at)
            target.write(file.read(length))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["record", yesterday, today, output]:
            record(yesterday, today, output)
        case ["apply", changes, image]:
            apply(changes, image)
        case _:
            sys.exit(__doc__)
