"""Every sample that the ledger says can run is run: a real box, a process of its own."""

import os
import pathlib
import signal
import subprocess
import sys
import time
import warnings

import boxlite
import documents
import pytest

RUNNER = pathlib.Path(__file__).with_name("run_sample.py")
SECONDS = 300
RUNNABLE = [sample for sample in documents.samples() if sample.is_run] if documents.present() else []


class Program:
    """A sample that runs, at a terminal where something is typed; its output is one text."""

    def __init__(self, program, home, work, terminal):
        file = work / "sample.py"
        file.write_text(program, encoding="utf-8")
        self.output = work / "output"
        environment = os.environ | {"BOXLITE_HOME": str(home), "PYTHONUNBUFFERED": "1", "TERM": "dumb"}
        with self.output.open("wb") as out:
            streams = {"stdin": terminal, "stdout": terminal} if terminal else {"stdin": subprocess.DEVNULL}
            self.process = subprocess.Popen(
                [sys.executable, RUNNER, file], cwd=work, env=environment, **({"stdout": out, "stderr": out} | streams)
            )

    def text(self):
        return self.output.read_text(encoding="utf-8", errors="replace")

    def says(self, wanted):
        return all(each.replace("{version}", boxlite.__version__) in self.text() for each in wanted)

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(SECONDS)


def talk(program, master, typed):
    """Types, and adds what the terminal shows to the program's output, until that ends."""
    os.write(master, typed.encode())
    with program.output.open("ab") as shown:
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # nobody has the terminal any more
                return
            shown.write(piece)


@pytest.mark.parametrize("sample", RUNNABLE, ids=str)
def test_sample(sample, home, tmp_path):
    text = sample.program(documents.ledger(), tmp_path)
    if sample.typed:
        master, terminal = os.openpty()
        program = Program(text, home, tmp_path, terminal)
        os.close(terminal)
        talk(program, master, sample.typed)
        os.close(master)
    else:
        program = Program(text, home, tmp_path, None)
    try:
        if sample.runs == "until_stopped":
            end = time.monotonic() + SECONDS
            while not program.says(sample.output) and program.process.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
            assert program.process.poll() is None, program.text()
            program.end(signal.SIGTERM)
            assert program.says(sample.output), program.text()
            return
        status = program.process.wait(SECONDS)
    finally:
        if program.process.poll() is None:
            program.end(signal.SIGKILL)
    if sample.refused:
        assert "UnsupportedError" in program.text() and sample.refused in program.text(), program.text()
    else:
        assert status == 0 and program.says(sample.output), program.text()


def test_the_samples_are_there():
    if not documents.present():
        warnings.warn(documents.ABSENT, stacklevel=1)
