"""Programs that keep a machine's disk night after night, each night thin on those before: hexz and its peers.

A keeper has a folder, keeps day 1 by first(), each later day by night(), and knows what its commands
are, what it has stored, and how a day comes back. What it starts with can be put aside and taken
back, so that a night can be repeated.
"""

import os
import shutil
import subprocess

from contest import ROOT, TOOL

PASSWORD = "a password for the bench"


def stored_bytes(path):
    """Bytes of a file, or of all files of a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(entry.stat().st_size for entry in path.rglob("*") if entry.is_file() and not entry.is_symlink())


class Keeper:
    """One with a file for each day, which leans on the file of the day before."""

    suffix = ".hxz"
    environment = {}
    version = [TOOL, "--version"]
    ours = False
    # Whether a day leans on the one before.
    chains = True

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def file(self, day):
        return self.folder / f"day{day:02}{self.suffix}"

    def first(self, image):
        """The command that keeps day 1."""
        raise NotImplementedError

    def night(self, image, day):
        """The command that keeps a later day."""
        raise NotImplementedError

    def restore(self, day, output):
        """The command that brings a day back."""
        raise NotImplementedError

    def put_aside(self):
        """What is kept so far, to be taken back: nothing but new files comes of a night."""

    def take_back(self, day):
        """Forgets that day."""
        self.file(day).unlink()

    def stored(self):
        return stored_bytes(self.folder)


class Hexz(Keeper):
    name = "hexz"
    ours = True
    options = ["--compression", "zstd", "--level", "3", "--block-size", "64K", "--threads", "2", "--no-sync", "--quiet"]

    def first(self, image):
        return [TOOL, "build", image, self.file(1), *self.options]

    def night(self, image, day):
        return [TOOL, "build", image, self.file(day), "--parent", self.file(day - 1), *self.options]

    def restore(self, day, output):
        return [TOOL, "extract", self.file(day), output, "--no-sync", "--quiet"]


class SealedHexz(Hexz):
    name = "hexz encrypted"

    def __init__(self, folder):
        super().__init__(folder)
        password = folder.parent / "password"
        password.write_text(PASSWORD)
        self.password = ["--password-file", password]

    def first(self, image):
        return [*super().first(image), "--encrypt", *self.password]

    def night(self, image, day):
        return [*super().night(image, day), "--encrypt", *self.password]

    def restore(self, day, output):
        return [*super().restore(day, output), *self.password]


class QemuImg(Keeper):
    name = "qemu-img rebase"
    version = ["qemu-img", "--version"]
    suffix = ".qcow2"
    packed = ["-c", "-W", "-m", "16", "-O", "qcow2", "-o", "compression_type=zstd"]

    def first(self, image):
        return ["qemu-img", "convert", "-f", "raw", *self.packed, image, self.file(1)]

    def night(self, image, day):
        # An overlay of the image that leads to the day before: clusters that differ are copied into it. Then
        # they are compressed, since qemu-img 7 has no `rebase -c`.
        overlay, parent = self.folder / "overlay", self.file(day - 1)
        script = (
            'qemu-img create -q -f qcow2 -b "$1" -F raw "$2" && '
            'qemu-img rebase -t unsafe -f qcow2 -b "$3" -F qcow2 "$2" && '
            'qemu-img convert -f qcow2 "${@:5}" -B "$3" -F qcow2 "$2" "$4"; status=$?; rm -f "$2"; exit $status'
        )
        return ["bash", "-c", script, "qemu-img", image, overlay, parent, self.file(day), *self.packed]

    def restore(self, day, output):
        return ["qemu-img", "convert", "-m", "16", "-W", "-f", "qcow2", "-O", "raw", self.file(day), output]


class HexzCli(Keeper):
    """Each day on day 1: of a snapshot on a thin one it gives zeros back for what the first one has."""

    name = "hexz-cli --base day 1"
    chains = False
    program = ROOT / "target/peers/bin/hexz"
    version = [program, "--version"]
    options = ["--compression", "zstd", "--workers", "2", "--silent"]

    def first(self, image):
        return [self.program, "pack", image, self.file(1), *self.options]

    def night(self, image, day):
        return [self.program, "pack", image, self.file(day), "--base", self.file(1), *self.options]

    def restore(self, day, output):
        return [self.program, "extract", self.file(day), output]


class Repository(Keeper):
    """One with a repository, which holds all days, and a cache."""

    def __init__(self, folder):
        super().__init__(folder)
        self.repository, self.aside = folder / "repository", folder.with_suffix(".aside")
        self.environment = self.settings()
        subprocess.run(
            self.init(), env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True
        )

    def settings(self):
        raise NotImplementedError

    def init(self):
        raise NotImplementedError

    def put_aside(self):
        self.copy(self.folder, self.aside)

    def take_back(self, day):
        self.copy(self.aside, self.folder)

    def copy(self, source, target):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(self.repository.name))
        # By links: what a repository has is never written again, only removed or replaced.
        shutil.copytree(source / self.repository.name, target / self.repository.name, copy_function=os.link)

    def stored(self):
        return stored_bytes(self.repository)


class Restic(Repository):
    name = "restic"
    version = ["restic", "version"]

    def settings(self):
        return {
            "RESTIC_PASSWORD": PASSWORD,
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_CACHE_DIR": str(self.folder / "cache"),
            "GOMAXPROCS": "2",
        }

    def init(self):
        return ["restic", "init", "--quiet", "--repository-version", "2"]

    def first(self, image):
        return self.night(image, 1)

    def night(self, image, day):
        return ["restic", "backup", "--quiet", "--host", "bench", "--tag", f"day{day:02}", image]

    def restore(self, day, output):
        script = 'restic dump --tag "$1" latest "$2" >"$3"'
        return ["bash", "-c", script, "restic", f"day{day:02}", self.folder.parent / "today.raw", output]


class Borg(Repository):
    name = "borg"
    version = ["borg", "--version"]

    def settings(self):
        return {"BORG_BASE_DIR": str(self.folder / "base"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}

    def init(self):
        return ["borg", "init", "--encryption", "none", self.repository]

    def first(self, image):
        return self.night(image, 1)

    def night(self, image, day):
        return ["borg", "create", "--compression", "zstd,3", f"{self.repository}::day{day:02}", image]

    def restore(self, day, output):
        script = 'borg extract --sparse --stdout "$1" >"$2"'
        return ["bash", "-c", script, "borg", f"{self.repository}::day{day:02}", output]


def available():
    """Kinds of keepers that this machine has, and why it lacks the others."""
    kinds, lacking = [Hexz, SealedHexz, QemuImg], []
    for kind, program, reason in (
        (Restic, "restic", "the package restic is not installed"),
        (Borg, "borg", "the package borgbackup is not installed"),
        (HexzCli, HexzCli.program, "not built from crates.io; tools/peers.sh does it, for the whole bench only"),
    ):
        if shutil.which(program):
            kinds.append(kind)
        else:
            lacking.append(f"{kind.name}: skipped: {reason}")
    return kinds, lacking
