"""What the benchmarks share: where things lie, and running programs."""

import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
STAGE = ROOT / "build/stage"
WORK = ROOT / "build/bench"


def output(*command, **options):
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def timed(*command):
    """Seconds that the program takes."""
    start = time.monotonic()
    output(*command, stderr=subprocess.DEVNULL)
    return time.monotonic() - start
