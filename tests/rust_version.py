#!/usr/bin/env python3
"""The least Rust that Cargo.toml names is true as far as the crates in Cargo.lock say: none of those that a build
needs asks for a later one. README.md names the same."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def number(version):
    return tuple(int(part) for part in version.split("."))


def main():
    data = json.loads(subprocess.run(["cargo", "metadata", "--locked", "--format-version", "1"], cwd=ROOT, check=True,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout)
    nodes = {node["id"]: node for node in data["resolve"]["nodes"]}
    packages = {package["id"]: package for package in data["packages"]}
    root = data["resolve"]["root"]
    least = packages[root]["rust_version"]
    seen, waiting = {root}, [root]
    while waiting:
        for dep in nodes[waiting.pop()]["deps"]:
            if dep["pkg"] not in seen and any(kind["kind"] != "dev" for kind in dep["dep_kinds"]):
                seen.add(dep["pkg"])
                waiting.append(dep["pkg"])
    late = [f"{packages[i]['name']} {packages[i]['version']} needs Rust {packages[i]['rust_version']}"
            for i in seen if packages[i]["rust_version"] and number(packages[i]["rust_version"]) > number(least)]
    for line in late:
        print(f"rust_version: {line}, and Cargo.toml says {least}", file=sys.stderr)
    if not re.search(rf"\bRust {re.escape(least)}\b", (ROOT / "README.md").read_text(encoding="utf-8")):
        late.append("README.md")
        print(f"rust_version: README.md does not name Rust {least}", file=sys.stderr)
    said = sum(1 for i in seen if packages[i]["rust_version"])
    print(f"rust_version: {said} of {len(seen)} crates name a least Rust, none later than {least}" if not late else
          f"rust_version: {len(late)} wrong")
    return 1 if late or len(seen) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
