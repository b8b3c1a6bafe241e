"""The crate imago as another reader of the images: tests/qcow2_imago.rs, running beside."""

import os
import subprocess
import threading
from pathlib import Path


class Reader:
    """The Rust test, which is told folders while their images are there, so that images are made
    once and never all at a time. Begins with the first image; for any thread."""

    def __init__(self, whole):
        """`whole` if it is told of the whole table."""
        self._whole = {"HEXZ_IMAGO_WHOLE": "1"} if whole else {}
        self._lock = threading.Lock()
        self._process = None

    def _begin(self):
        command = [os.environ.get("CARGO", "cargo"), "test", "--quiet", "--locked",
                   "--test", "qcow2_imago", "--", "--ignored", "--nocapture"]
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with
            command, cwd=Path(__file__).parents[2], text=True, env=os.environ | self._whole,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def compare(self, folder):
        """Fails unless imago reads top.qcow2 as qemu.raw, or refuses what it is known to."""
        with self._lock:
            if self._process is None:
                self._begin()
            print(folder, file=self._process.stdin, flush=True)
            for line in self._process.stdout:
                if line.startswith("imago "):
                    break
            else:
                raise AssertionError("the Rust test of imago ended")
        assert not line.startswith("imago fault"), line

    def end(self):
        """The lines that the test says of all images together, and whether it passed."""
        if self._process is None:
            return [], True
        rest, _ = self._process.communicate()
        told = [line for line in rest.splitlines() if line.startswith("imago: ")]
        return told, self._process.returncode == 0
