"""InteractiveBox at a real terminal: a program of its own under a pseudo-terminal."""

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios

import pytest
from conftest import wait_until

PROGRAM = """
import asyncio, sys
import boxlite
async def main():
    runtime = boxlite.Boxlite(boxlite.Options(home_dir=sys.argv[1]))
    async with boxlite.InteractiveBox(rootfs_path=sys.argv[2], runtime=runtime, memory=256, shell={shell!r}) as box:
        print("entered", flush=True)
        waiting = asyncio.ensure_future(box.wait())
        {meanwhile}
        result = await waiting
        print(f"\\nended {{result.exit_code}} {{result.stdout!r}}", flush=True)
asyncio.run(main())
"""


class Terminal:
    """A program with a terminal of its own, its controlling one, of 24 rows and 80 columns."""

    def __init__(self, home, image, meanwhile="pass", shell="/bin/sh"):
        self._master, terminal = os.openpty()
        self.size(24, 80)
        self.before = termios.tcgetattr(self._master)
        program = PROGRAM.format(meanwhile=meanwhile, shell=shell)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, home, image],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._terminal = terminal  # kept open, so that its settings can be read after the end
        os.set_blocking(self._master, False)
        self.shown = ""

    def size(self, rows, columns):
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self._master, text.encode())

    def _read(self):
        try:
            self.shown += os.read(self._master, 65536).decode(errors="replace")
        except BlockingIOError:
            pass

    def shows(self, text):
        self._read()
        return text in self.shown

    def wait_for(self, text):
        wait_until(lambda: self.shows(text), f"{text!r} at the terminal; there is {self.shown!r}")

    def is_raw(self):
        return not termios.tcgetattr(self._master)[3] & termios.ICANON

    def end(self):
        """How it ended; what it showed is read until then."""
        wait_until(lambda: self.shows("") and self.process.poll() is not None, "the program's end")
        self._read()
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)
        os.close(self._terminal)


@pytest.fixture
def terminal(home, image):
    opened = []

    def make(**options):
        opened.append(Terminal(home, image, **options))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def test_a_shell_has_the_terminal_and_gives_it_back(terminal):
    at = terminal()
    at.wait_for("# ")
    assert at.is_raw()
    at.type("echo typed $((6*7)); tty; stty size\n")
    at.wait_for("typed 42")
    at.wait_for("24 80")
    assert "/dev/" in at.shown
    at.size(40, 120)
    at.process.send_signal(signal.SIGWINCH)
    at.type("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo resi''zed\n")
    at.wait_for("resized")
    at.type("echo sleep''ing; sleep 1000\n")
    at.wait_for("sleeping")
    at.type("\x03")  # the shell in the box gets it
    at.type("exit 7\n")
    assert at.end() == 0
    assert "ended 7 ''" in at.shown
    assert termios.tcgetattr(at._master) == at.before


@pytest.mark.parametrize(
    "meanwhile",
    ["await asyncio.sleep(3); raise KeyError('mine')", "await asyncio.sleep(3); waiting.cancel()"],
    ids=["exception", "cancelled"],
)
def test_a_program_that_fails_gives_the_terminal_back(terminal, meanwhile):
    at = terminal(meanwhile=meanwhile)
    at.wait_for("# ")
    assert at.is_raw()
    assert at.end() == 1
    assert termios.tcgetattr(at._master) == at.before


def test_a_program_that_is_terminated_gives_the_terminal_back(terminal):
    at = terminal()
    at.wait_for("# ")
    at.process.send_signal(signal.SIGTERM)
    assert at.end() == -signal.SIGTERM
    assert termios.tcgetattr(at._master) == at.before


def test_a_shell_that_is_not_there_leaves_the_terminal_alone(terminal):
    at = terminal(shell="/no/such/shell")
    assert at.end() == 1
    assert "ExecutionError" in at.shown and "/no/such/shell" in at.shown
    assert termios.tcgetattr(at._master) == at.before


def test_without_a_terminal_it_is_a_pipe(home, image, tmp_path):
    script = tmp_path / "script"
    script.write_text("echo out; tty; echo err >&2; exit 3\n")
    for source in (subprocess.PIPE, script.open()):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(meanwhile="pass", shell="/bin/sh"), home, image],
            **({"input": script.read_text()} if source is subprocess.PIPE else {"stdin": source}),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "entered\nout\nnot a tty\n\nended 3 ''\n"
        assert done.stderr == "err\n"
