#!/usr/bin/env python3
"""Writes THIRD_PARTY: the licences of all that is linked into libhexz, in the words of its authors.

    tools/third_party.py            writes it
    tools/third_party.py --check    fails when the file is not what would be written

The crates are those that cargo links (no build or test dependencies) on the targets below; the
texts are the files that lie beside their sources. Of a choice that has MIT in it MIT is taken.
"""

import difflib
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUTPUT = ROOT / "THIRD_PARTY"
TARGETS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl")
ALLOWED = {"MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "MIT-0", "Zlib", "ISC",
           "0BSD", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"}
# C sources that crates bring along, with licences of their own.
INSIDE = {"zstd-sys": [("zstd (C library)", "BSD-3-Clause", "zstd/LICENSE")]}

INTRODUCTION = """Licences of what is linked into libhexz
=======================================

hexz itself is under MIT or Apache-2.0 (LICENSE-MIT, LICENSE-APACHE). Its libraries also hold
what is listed here. Made by tools/third_party.py: change that, not this file.

Rust's standard library (std, core, alloc, compiler-builtins and the crates that they are made of:
https://github.com/rust-lang/rust) is linked too. It is under MIT or Apache-2.0, parts under
Apache-2.0 with the LLVM exception and BSD-2-Clause; the MIT text below, "The Rust Project
Contributors", is the one that is taken.

"""


class Failed(Exception):
    """What is wrong, said to whoever runs this."""


def linked(target):
    """The packages that are linked into the library on a target, without the library."""
    done = subprocess.run(
        [os.environ.get("CARGO", "cargo"), "metadata", "--locked", "--format-version", "1", "--filter-platform", target],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    data = json.loads(done.stdout)
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    packages = {package["id"]: package for package in data["packages"]}
    root = data["resolve"]["root"]
    seen, waiting = {root}, [root]
    while waiting:
        for dep in nodes[waiting.pop()]["deps"]:
            if dep["pkg"] in seen or not any(kind["kind"] is None for kind in dep["dep_kinds"]):
                continue
            if any("proc-macro" in t["kind"] for t in packages[dep["pkg"]]["targets"]):
                continue  # runs in the compiler
            seen.add(dep["pkg"])
            waiting.append(dep["pkg"])
    return {packages[i]["name"] + " " + packages[i]["version"]: packages[i] for i in seen - {root}}


def chosen(package):
    """The licence that is taken, of those that the package offers."""
    offered = [o.strip("() ") for o in (package["license"] or "").replace("/", " OR ").split(" OR ")]
    for choice in sorted(offered, key=lambda o: (o != "MIT", offered.index(o))):
        if all(part in ALLOWED for part in choice.split(" AND ")):
            return choice
    raise Failed(f"{package['name']}: no licence of '{package['license']}' is one that we may link")


def texts(package, licence):
    """The files of a package that say it, or all there are where none is named after it."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(f for f in folder.iterdir() if f.is_file()
                   and f.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE")))
    named = [f for f in files if licence.split("-")[0].upper() in f.name.upper() or "NOTICE" in f.name.upper()]
    return named or files


def read(path):
    lines = path.read_text(encoding="utf-8", errors="replace").replace("\f", "").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def render():
    """The whole file."""
    packages = {}
    for target in TARGETS:
        packages |= linked(target)
    shown = {}  # by text: who is under it
    overview = []
    for title, package in sorted(packages.items()):
        licence = chosen(package)
        entries = [(title, licence, [read(f) for f in texts(package, licence)])]
        for inner, inner_licence, path in INSIDE.get(package["name"], []):
            text = read(pathlib.Path(package["manifest_path"]).parent / path)
            entries.append((inner, inner_licence, [text]))
        for name, taken, found in entries:
            overview.append(f"{name:32} {taken}\n")
            if not found:
                # Some crates name their licence and bring no text: the standard one, with their authors.
                authors = ", ".join(a.split(" <")[0] for a in package["authors"]) or f"the authors of {package['name']}"
                found = [read(ROOT / "LICENSE-APACHE")] if taken.startswith("Apache") else [mit(authors)]
                if taken not in ("MIT", "Apache-2.0"):
                    raise Failed(f"{name}: no text of {taken} lies beside its sources")
            for text in found:
                shown.setdefault(text, []).append(name)
    shown.setdefault(mit("The Rust Project Contributors"), []).append("Rust's standard library")
    parts = [INTRODUCTION, *overview]
    for text, names in sorted(shown.items(), key=lambda item: item[1]):
        parts.append("\n" + "-" * 80 + "\n" + "\n".join(names) + "\n" + "-" * 80 + "\n\n" + text)
    return "".join(parts)


def mit(holder):
    """The MIT text, ours with another holder of the copyright."""
    lines = read(ROOT / "LICENSE-MIT").splitlines()
    return "\n".join(f"Copyright (c) {holder}" if line.startswith("Copyright") else line for line in lines) + "\n"


def main():
    text = render()
    if "--check" not in sys.argv[1:]:
        OUTPUT.write_text(text, encoding="utf-8")
        return 0
    there = OUTPUT.read_text(encoding="utf-8") if OUTPUT.exists() else ""
    if there == text:
        return 0
    sys.stderr.writelines(list(difflib.unified_diff(there.splitlines(True), text.splitlines(True), "THIRD_PARTY", "now"))[:40])
    print("third_party: THIRD_PARTY is not what is linked; run tools/third_party.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as why:
        sys.exit(f"third_party: {why}")
