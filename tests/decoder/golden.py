"""Snapshots of this version of the format, kept so that every later version of the library reads them.

golden.py FOLDER     makes those that are not there yet; HEXZ names the tool
"""

import hashlib
import json
import pathlib
import random
import sys

import tool
from hexz_decode import load
from layout import DATA
from tally import Wrong
from verify import verify

HERE = pathlib.Path(__file__).with_name("golden")
PAGE = 4096
PASSWORD = b"golden password \xc3\xa9"
PACKED = ("--compression", "zstd", "--block-size", "16384")
FILES = {
    "plain-v1.hxz": PACKED,
    "encrypted-v1.hxz": (*PACKED, "--encrypt"),
    "chunked-v1.hxz": (*PACKED, "--cdc"),
    "encrypted-chunked-v1.hxz": (*PACKED, "--cdc", "--encrypt"),
}
# Built on one of those or on each other, which is the parent; the name says on which night.
CHILDREN = {
    "plain-night-1-v1.hxz": "plain-v1.hxz",
    "plain-night-2-v1.hxz": "plain-night-1-v1.hxz",
    "encrypted-night-1-v1.hxz": "encrypted-v1.hxz",
    "encrypted-night-2-v1.hxz": "encrypted-night-1-v1.hxz",
    "chunked-night-1-v1.hxz": "chunked-v1.hxz",
    "encrypted-chunked-night-1-v1.hxz": "encrypted-chunked-v1.hxz",
}


def sources(night=0):
    """A disk and a memory dump that shares pages with it: text, noise, zeros, a short last page. Each night has pages
    that are new, and some that moved."""
    rng = random.Random(1)
    noise = rng.randbytes(3 * PAGE)
    text = b"".join(b"%08d golden pages compress well\n" % number for number in range(2000))
    disk = noise + text + bytes(4 * PAGE) + b"end"
    memory = bytes(PAGE) + noise[PAGE:] + rng.randbytes(777)
    for number in range(1, night + 1):
        rng = random.Random(1000 + number)
        at = 5 * number * PAGE
        disk = disk[:at] + rng.randbytes(PAGE) + disk[at + PAGE : -3] + disk[PAGE : 3 * PAGE] + b"end"
        memory = disk[at : at + 2 * PAGE] + memory
    return {"disk": disk, "memory": memory}


def expected():
    """What the tool built; the thin ones, which the library's own tests made by hand; and those of a builder, which
    wrote over pages that were stored already."""
    lists = ("expected.json", "thin.json", "pushed.json")
    return {name: held for file in lists for name, held in json.loads((HERE / file).read_text()).items()}


def recipes():
    """(name, night, options of the tool, parent or None)"""
    yield from ((name, 0, options, None) for name, options in FILES.items())
    nights = {}
    for name, parent in CHILDREN.items():
        nights[name] = nights.get(parent, 0) + 1
        base = parent
        while base in CHILDREN:
            base = CHILDREN[base]
        yield name, nights[name], FILES[base], parent


def make(folder):
    """Writes the files and what they hold."""
    secret = folder / "password"
    secret.write_bytes(PASSWORD)
    held = {}
    for name, night, options, parent in recipes():
        paths = {}
        for stream, content in sources(night).items():
            paths[stream] = folder / f"{stream}.raw"
            paths[stream].write_bytes(content)
        password = PASSWORD if "--encrypt" in options else None
        if password:
            options = (*options, "--password-file", secret)
        if parent:
            options = (*options, "--parent", folder / parent, *(("--parent-password-file", secret) if password else ()))
        if (folder / name).exists():
            snapshot = load(folder / name, password)
        else:
            snapshot = tool.build(paths["disk"], paths["memory"], folder / name, options, password)
        if bool(snapshot.thin) != bool(parent) or len(snapshot.ancestors) != night:
            raise Wrong(f"{name} leans on {len(snapshot.ancestors)} others")
        held[name] = {
            "password": password and password.decode(),
            "root": snapshot.root_hash.hex(),
            "sha256": {stream: hashlib.sha256(content).hexdigest() for stream, content in sources(night).items()},
        }
    (folder / "expected.json").write_text(json.dumps(held, indent=4) + "\n")


def by_decoder(path, password, root, sums):
    snapshot = load(path, password)
    verify(snapshot)
    if snapshot.root_hash.hex() != root:
        raise Wrong(f"its root is {snapshot.root_hash.hex()}")
    if [stream.name for stream in snapshot.streams] != list(sums):
        raise Wrong("its streams are others")
    for number, (name, expected_sum) in enumerate(sums.items()):
        pieces = (bytes(piece) if isinstance(piece, int) else piece for piece in snapshot.read(number))
        must_be_sum(name, b"".join(pieces), expected_sum)


def must_have_dead(path, password):
    """Pages are stored that no extent refers to, and the file is sound all the same."""
    snapshot = load(path, password)
    referred = {
        page
        for _, extent in snapshot.extents()
        if extent.kind == DATA
        for page in range(extent.data // PAGE, -(-(extent.data + extent.length) // PAGE))
    }
    if len(referred) >= snapshot.data_space // PAGE:
        raise Wrong("nothing in it is dead")


def by_tool(path, named, sums):
    status, _, said = tool.verify(*named, path)
    if status != "OK":
        raise Wrong(f"the tool says {status}: {said}")
    for name, expected_sum in sums.items():
        _, held, _ = tool.cat(name, *named, path)
        must_be_sum(name, held, expected_sum)


def must_be_sum(name, held, expected_sum):
    if hashlib.sha256(held).hexdigest() != expected_sum:
        raise Wrong(f"stream {name} is another")


def check(tally, folder):
    for name, held in expected().items():
        path, password, named = HERE / name, held["password"], []
        if password is not None:
            password = password.encode()
            (folder / "golden password").write_bytes(password)
            named = ["--password-file", str(folder / "golden password")]
        tally.check(f"golden {name}: decoder", by_decoder, path, password, held["root"], held["sha256"])
        if name.startswith("pushed"):
            tally.check(f"golden {name}: has dead blocks", must_have_dead, path, password)
        tally.check(f"golden {name}: tool", by_tool, path, named, held["sha256"])


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]))
