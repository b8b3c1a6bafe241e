"""Passwords typed on a terminal: never shown, asked for twice when new, and the terminal as it was
afterwards, whatever ended the question."""

import os
import shutil
import signal
import subprocess
import sys
import time

from session import Run, Terminal, memory_of

COST = ["--kdf-memory", "1M", "--kdf-passes", "1", "--kdf-lanes", "1"]
OLD = "correct horse"  # the password of old.hxz
NEW, AGAIN, OPEN = "New password for '", "The same again: ", "Password for '"


def say(good, name, detail=""):
    print(f"ok {name}" if good else f"not ok {name}: {detail}", flush=True)


class Prompts:
    def __init__(self, hexz, source, folder):
        self.terminal = Terminal()
        self.hexz = hexz
        self.source = source
        self.folder = os.path.join(folder, "prompt")
        self.output = os.path.join(self.folder, "new.hxz")
        os.mkdir(self.folder)
        self.snapshot = os.path.join(self.folder, "old.hxz")
        self.plain = os.path.join(self.folder, "plain.hxz")
        subprocess.run([hexz, "build", source, self.plain, "--quiet"], check=True)
        subprocess.run(
            self.build(self.snapshot, "--password-fd", "0"), input=OLD.encode(), check=True
        )

    def build(self, output, *options):
        return [self.hexz, "build", self.source, output, "--quiet", "--encrypt", *COST, *options]

    def run(self, *arguments, **options):
        return Run(self.terminal, [self.hexz, *arguments], **options)

    def start_build(self, **options):
        if os.path.exists(self.output):
            os.unlink(self.output)
        return Run(self.terminal, self.build(self.output), **options)

    def opens(self, path, password):
        run = [self.hexz, "info", path, "--password-fd", "0"]
        return subprocess.run(run, input=password, capture_output=True, check=False).returncode == 0

    def outcome(self, name, run, status, text):
        """The run ended so, said so, and left the terminal as it was."""
        got, _, errors = run.result()
        good = text in errors.decode() if text else errors == b""
        say(got == status and good, name, (got, errors, run.seen))
        say(self.terminal.restored(), f"{name}: the terminal is as it was", self.terminal.echoes())

    def refused(self, name, run, status, text):
        self.outcome(name, run, status, text)
        names = sorted(os.listdir(self.folder))
        say(names == ["old.hxz", "plain.hxz"], f"{name}: nothing is made", names)

    # Building ---------------------------------------------------------------------------------

    def test_build(self):
        run = self.start_build()
        for question in (NEW, AGAIN):
            run.expect(question)
            say(not self.terminal.echoes(), f"{question}: echo is off")
            names = sorted(os.listdir(self.folder))
            say(names == ["old.hxz", "plain.hxz"], f"{question}: nothing is made yet", names)
            self.check_untouched(run, question)
            run.type("type it\n")
        self.outcome("build", run, 0, "")
        say(b"type it" not in run.seen, "what was typed is not seen", run.seen)
        say(self.opens(self.output, b"type it"), "it opens with what was typed")
        say(not self.opens(self.output, b"type it "), "and with nothing else")

    def check_untouched(self, run, question):
        """The source is larger than all that was read, and no descriptor is in the folder."""
        place = f"/proc/{run.child.pid}"
        names = [os.readlink(f"{place}/fd/{fd}") for fd in os.listdir(f"{place}/fd")]
        inside = [name for name in names if name.startswith(os.path.realpath(self.folder) + "/")]
        say(not inside, f"{question}: no output is open", inside)
        try:
            with open(f"{place}/io", encoding="ascii") as file:
                fields = dict(line.split(": ") for line in file)
        except OSError as error:
            print(f"skip {question}: what was read: {error}")
            return
        size = os.path.getsize(self.source)
        say(int(fields["rchar"]) < size // 4, f"{question}: the source is not read", (fields, size))

    def test_mismatch(self):
        run = self.start_build()
        run.answer(NEW, "one")
        run.answer(AGAIN, "two")
        run.expect("The two differ.")
        run.answer(NEW, "three")
        run.answer(AGAIN, "three")
        self.outcome("a mismatch, then the same", run, 0, "")
        say(self.opens(self.output, b"three"), "the last one counts")
        run = self.start_build()
        for i in range(3):
            run.answer(NEW, "same")
            run.answer(AGAIN, ("sam", "same ", "sane")[i])
        self.refused("never the same", run, 1, "differed 3 times")

    def test_lengths(self):
        for name, password, status in (("1024", "x" * 1024, 0), ("1", "y", 0)):
            run = self.start_build()
            run.answer(NEW, password)
            run.answer(AGAIN, password)
            self.outcome(f"{name} bytes typed", run, status, "")
            say(self.opens(self.output, password.encode()), f"{name} bytes typed: opens")
        for name, password in (("none", ""), ("1025", "x" * 1025), ("5000", "x" * 5000)):
            run = self.start_build()
            run.answer(NEW, password)
            self.refused(f"{name} bytes typed", run, 1, "1 to 1024 bytes")

    # Opening ----------------------------------------------------------------------------------

    def test_open(self):
        commands = {
            "info": ["info"],
            "verify": ["verify", "-q"],
            "extents": ["extents"],
            "cat": ["cat"],
            "extract": ["extract", "-q"],
        }
        for name, command in commands.items():
            target = os.path.join(self.folder, "extracted")
            operands = [self.snapshot, target] if name == "extract" else [self.snapshot]
            run = self.run(*command, *operands)
            run.expect(OPEN)
            say(not self.terminal.echoes(), f"{name}: echo is off")
            run.type(OLD + "\n")
            self.outcome(f"{name}: right at once", run, 0, "")
            say(OLD.encode() not in run.seen, f"{name}: what was typed is not seen", run.seen)
            if name == "extract":
                with open(target, "rb") as got, open(self.source, "rb") as wanted:
                    say(got.read() == wanted.read(), "extract: the bytes of the source")
                os.unlink(target)
            run = self.run(*command, self.plain, *operands[1:])
            self.outcome(f"{name}: a plain file is not asked about", run, 0, "")
            say(run.seen == b"", f"{name}: no question", run.seen)
            if name == "extract":
                os.unlink(target)

    def test_wrong(self):
        run = self.run("info", self.snapshot)
        run.answer(OPEN, "wrong one")
        run.expect("Wrong password, try again.")
        run.answer(OPEN, OLD)
        self.outcome("wrong, then right", run, 0, "")
        run = self.run("info", self.snapshot)
        for _ in range(3):
            run.answer(OPEN, "wrong one")
        self.outcome("three times wrong", run, 1, "wrong password")
        say(run.seen.count(b"Wrong password") == 2, "it is not asked a fourth time", run.seen)
        run = self.run("info", self.snapshot)
        run.answer(OPEN, "")
        self.outcome("an empty one", run, 1, "1 to 1024 bytes")
        run = self.run("info", self.snapshot)
        run.expect(OPEN)
        run.type(b"\x04")
        self.outcome("Ctrl-D", run, 1, "none was typed")
        run = self.run("info", self.snapshot)
        run.answer(OPEN, "wrong one")
        run.expect("try again.")
        run.expect(OPEN)
        run.type(b"\x04")
        self.outcome("wrong, then Ctrl-D", run, 1, "wrong password")

    def test_typed_ahead(self):
        os.write(self.terminal.ours, b"seen\n")
        run = self.run("info", self.snapshot)
        run.answer(OPEN, OLD)
        self.outcome("typed ahead", run, 0, "")
        say(b"Wrong" not in run.seen, "what was typed ahead is no answer", run.seen)

    def test_edited(self):
        run = self.run("info", self.snapshot)
        run.expect(OPEN)
        run.type(b"nothing\x15" + OLD[:4].encode() + b"?\x7f" + OLD[4:].encode() + b"\n")
        self.outcome("Ctrl-U and Backspace work unseen", run, 0, "")

    def test_name(self):
        name = os.path.join(self.folder, "a\x1b[31m\n.hxz")
        shutil.copy(self.snapshot, name)
        run = self.run("info", name)
        run.answer(OPEN, OLD)
        self.outcome("a name that is no text", run, 0, "")
        say(b"\\x1b[31m\\x0a" in run.seen and b"\x1b" not in run.seen, "it is escaped", run.seen)
        os.unlink(name)

    # Signals ----------------------------------------------------------------------------------

    def test_interrupted(self):
        for key, number in (
            (b"\x03", signal.SIGINT),
            (None, signal.SIGTERM),
            (None, signal.SIGHUP),
        ):
            name = "Ctrl-C" if key else signal.Signals(number).name
            for question in (NEW, AGAIN):
                run = self.start_build()
                run.expect(NEW)
                run.type("half")
                if question == AGAIN:
                    run.type("\n")
                    run.expect(AGAIN)
                run.type(key) if key else run.child.send_signal(number)
                self.refused(
                    f"build: {name} at {question}", run, 128 + number, "interrupted"
                )
            run = self.run("verify", self.snapshot)
            run.expect(OPEN)
            run.type(key) if key else run.child.send_signal(number)
            self.outcome(f"verify: {name}", run, 128 + number, "interrupted")
            run = self.run("info", self.snapshot)
            run.expect(OPEN)
            run.type(key) if key else run.child.send_signal(number)
            self.outcome(f"info: {name}", run, -number, "")
        run = self.run("info", self.snapshot)
        run.expect(OPEN)
        run.type(b"\x1c")
        self.outcome("info: Ctrl-\\", run, -signal.SIGQUIT, "")

    def test_ignored(self):
        run = self.run("verify", "-q", self.snapshot, ignored=(signal.SIGINT,))
        run.expect(OPEN)
        run.type(b"\x03")
        # An answer that is there already comes before a signal.
        time.sleep(0.2)
        run.type(OLD + "\n")
        self.outcome("an ignored Ctrl-C does nothing", run, 0, "")

    def test_stopped(self):
        for keys in (b"\x1a", b"half\x1a"):
            run = self.run("info", self.snapshot)
            for _ in range(3):
                run.expect(OPEN)
                say(not self.terminal.echoes(), "asked: echo is off")
                run.type(keys)
                status = run.changed()
                stopped = os.WIFSTOPPED(status) and os.WSTOPSIG(status) == signal.SIGTSTP
                say(stopped, "Ctrl-Z stops it", status)
                say(self.terminal.restored(), "stopped: the terminal is as it was")
                self.terminal.front(os.getpgrp())
                self.terminal.front(run.child.pid)
                run.child.send_signal(signal.SIGCONT)
            run.answer(OPEN, OLD)
            self.outcome("Ctrl-Z and back", run, 0, "")
        run = self.start_build()
        run.expect(NEW)
        run.type(b"\x1a")
        run.changed()
        self.terminal.front(os.getpgrp())
        run.child.send_signal(signal.SIGCONT)
        status = run.changed()
        say(os.WIFSTOPPED(status), "continued in the background it stops again", status)
        say(self.terminal.restored(), "and leaves the terminal alone")
        self.terminal.front(run.child.pid)
        run.child.send_signal(signal.SIGCONT)
        run.answer(NEW, "back")
        run.answer(AGAIN, "back")
        self.outcome("build: through the background", run, 0, "")

    def test_background(self):
        run = self.run("info", self.snapshot, behind=True)
        status = run.changed()
        say(os.WIFSTOPPED(status), "started in the background it stops", status)
        say(self.terminal.restored(), "before it touches the terminal")
        self.terminal.front(run.child.pid)
        run.child.send_signal(signal.SIGCONT)
        run.answer(OPEN, OLD)
        self.outcome("in the foreground it asks", run, 0, "")

    # Changing ---------------------------------------------------------------------------------

    def test_rekey(self):
        shutil.copy(self.snapshot, self.output)
        run = self.run("rekey", self.output, "add", *COST)
        run.answer("Current password for '", OLD)
        run.answer(NEW, "second")
        run.answer(AGAIN, "second")
        self.outcome("rekey add", run, 0, "")
        say(
            b"second" not in run.seen and OLD.encode() not in run.seen,
            "rekey: nothing seen",
            run.seen,
        )
        say(
            self.opens(self.output, OLD.encode()) and self.opens(self.output, b"second"),
            "both open it",
        )
        run = self.run("rekey", self.output, "replace", *COST)
        run.answer("Password to replace for '", "wrong")
        run.expect("Wrong password, try again.")
        run.answer("Password to replace for '", "second")
        run.answer(NEW, "third")
        run.answer(AGAIN, "3rd")
        run.answer(NEW, "third")
        run.answer(AGAIN, "third")
        self.outcome("rekey replace", run, 0, "")
        say(
            self.opens(self.output, b"third") and not self.opens(self.output, b"second"), "replaced"
        )
        run = self.run("rekey", self.output, "remove")
        run.answer("Password to remove from '", OLD)
        self.outcome("rekey remove", run, 0, "")
        say(
            self.opens(self.output, b"third") and not self.opens(self.output, OLD.encode()),
            "removed",
        )
        with open(self.output, "rb") as file:
            before = file.read()
        run = self.run("rekey", self.output, "replace", *COST)
        run.answer("Password to replace for '", "third")
        run.expect(NEW)
        run.type(b"\x03")
        self.outcome("rekey: Ctrl-C", run, 130, "interrupted")
        with open(self.output, "rb") as file:
            say(file.read() == before, "rekey: Ctrl-C changes nothing")

    # Memory -----------------------------------------------------------------------------------

    def test_wiped(self):
        """No copy of the password is in the program once the snapshot is open."""
        given = os.path.join(self.folder, "given")
        with open(given, "w", encoding="ascii") as file:
            file.write(OLD)
        with open(given, "rb") as file:
            for name, options, stdin in (
                ("typed", [], subprocess.DEVNULL),
                ("from a file", ["--password-file", given], subprocess.DEVNULL),
                ("from a descriptor", ["--password-fd", "0"], file),
            ):
                run = self.run("cat", self.snapshot, *options, stdin=stdin)
                if name == "typed":
                    run.expect(OPEN)
                    run.type(OLD + "\n")
                # Its pipe is full before all of the stream is in there, so it waits.
                say(run.child.stdout.peek(1) != b"", f"{name}: the snapshot is open")
                try:
                    memory = memory_of(run.child.pid)
                except OSError as error:
                    print(f"skip {name}: the password in memory: {error}", flush=True)
                else:
                    say(self.snapshot.encode() in memory, f"{name}: the memory is read")
                    say(OLD.encode() not in memory, f"{name}: the password is not in memory")
                self.outcome(f"{name}: cat", run, 0, "")
        os.unlink(given)

    def test_parent(self):
        """Parents are asked for by name, one password for all that it opens, then the new one."""
        again = os.path.join(self.folder, "again.hxz")
        shutil.copy(self.snapshot, again)
        other = os.path.join(self.folder, "other.hxz")
        subprocess.run(self.build(other, "--password-fd", "0"), input=b"another", check=True)
        run = self.run(*self.build(self.output, "--parent", self.snapshot, "--base", again)[1:])
        run.answer(OPEN + again, "wrong")
        run.expect("Wrong password, try again.")
        run.answer(OPEN + again, OLD)
        run.answer(NEW + self.output, "new one")
        run.answer(AGAIN, "new one")
        self.outcome("a parent, and a base of the same password", run, 0, "")
        say(run.seen.count(OPEN.encode()) == 2, "what was typed is tried on the next", run.seen)
        say(self.opens(self.output, b"new one"), "the new password opens it")
        os.unlink(self.output)
        # Each of its own password; what was typed for the other is no mistake, and asked for anew for its keys.
        run = self.run(*self.build(self.output, "--base", self.snapshot, "--base", other)[1:])
        run.answer(OPEN + self.snapshot, OLD)
        run.answer(OPEN + other, "another")
        run.answer(OPEN + self.snapshot, OLD)
        for question in (NEW, AGAIN):
            run.answer(question, "new one")
        self.outcome("two bases of two passwords", run, 0, "")
        say(b"Wrong" not in run.seen, "nobody is blamed", run.seen)
        os.unlink(self.output)
        # The new password is tried first; it need not be the right one.
        given = os.path.join(self.folder, "given")
        with open(given, "w", encoding="ascii") as file:
            file.write("a new one")
        run = self.run(*self.build(self.output, "--parent", self.snapshot, "--password-file", given)[1:])
        run.answer(OPEN + self.snapshot, OLD)
        self.outcome("a parent of another password than the new one", run, 0, "")
        say(b"Wrong" not in run.seen, "nobody is blamed", run.seen)
        for path in (self.output, again, other, given):
            os.unlink(path)

    def test_line_end_of_dos(self):
        """A password that has a carriage return is opened by the file whose CR LF would hide it."""
        run = self.start_build()
        for question in (NEW, AGAIN):
            run.expect(question)
            run.type(b"dos\x16\r\n")  # Ctrl-V takes the next as it is
        self.outcome("a carriage return typed", run, 0, "")
        say(self.opens(self.output, b"dos\r\n"), "it opens with CR LF behind it")
        say(self.opens(self.output, b"dos\r\r\n"), "and with one more")
        say(not self.opens(self.output, b"dos\n"), "not without it")
        say(not self.opens(self.output, b"dos"), "nor alone")

    # No prompt --------------------------------------------------------------------------------

    def test_given(self):
        for option in ("--password-fd", "--password-file"):
            value = "0" if option == "--password-fd" else "/dev/stdin"
            run = self.run("info", self.snapshot, option, value, stdin=self.terminal.theirs)
            self.outcome(f"{option} from a terminal", run, 2, "is a terminal")
        run = self.run("info", self.snapshot, "--password-fd", "0")
        self.outcome("a wrong choice is no reason to ask", run, 1, "1 to 1024 bytes")
        say(run.seen == b"", "no question", run.seen)
        given = os.path.join(self.folder, "wrong")
        with open(given, "w", encoding="ascii") as file:
            file.write("wrong one\n")
        run = self.run("info", self.snapshot, "--password-file", given)
        self.outcome(
            "a wrong one from a file is not asked for again", run, 1, "wrong password"
        )
        say(run.seen == b"", "no question", run.seen)
        os.unlink(given)

    def test_no_terminal(self):
        for arguments, options in (
            (self.build(self.output), "--password-file or --password-fd"),
            ([self.hexz, "info", self.snapshot], "--password-file or --password-fd"),
            (
                [self.hexz, "rekey", self.snapshot, "add", "--password-fd", "0"],
                "--new-password-file or --new-password-fd",
            ),
        ):
            run = subprocess.run(
                arguments,
                input=OLD.encode() + b"\n",
                capture_output=True,
                start_new_session=True,
                check=False,
            )
            errors = run.stderr.decode()
            good = (
                run.returncode == 1
                and options in errors
                and "needs a password" in errors
            )
            say(good, f"no terminal: {arguments[1]}", (run.returncode, errors))


def main(hexz, source, folder):
    # The leader of a group cannot begin a session.
    child = os.fork()
    if child != 0:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0)
    prompts = Prompts(hexz, source, folder)
    for name in dir(Prompts):
        if name.startswith("test_"):
            if os.path.exists(prompts.output):
                os.unlink(prompts.output)
            getattr(prompts, name)()


if __name__ == "__main__":
    main(*sys.argv[1:])
