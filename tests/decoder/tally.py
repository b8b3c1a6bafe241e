"""Counts tests."""

import traceback

from layout import FAULTS


class Wrong(Exception):
    """What was built, read or refused is not what it has to be."""


class Tally:
    passed = failed = 0

    def check(self, name, run, *arguments):
        """Runs one test; returns what it returns, or None when it failed."""
        try:
            result = run(*arguments)
        except (Wrong, *FAULTS) as error:
            self.fail(name, f"{error}")
        except Exception:
            self.fail(name, traceback.format_exc())
        else:
            self.passed += 1
            return result

    def fail(self, name, why):
        self.failed += 1
        print(f"FAILED: {name}\n    {why}", flush=True)

    def end(self, title):
        """Says how it went; returns the exit status."""
        print(f"{title}: {self.passed} passed, {self.failed} failed")
        return 1 if self.failed or not self.passed else 0
