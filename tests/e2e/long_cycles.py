"""A thousand boxes one after the other leave nothing behind. BOXLITE_CYCLES: another number."""

import os
import pathlib

from conftest import run

CYCLES = int(os.environ.get("BOXLITE_CYCLES", "1000"))


def tree(folder):
    """Every file below a folder with its size, the database's own files aside."""
    return {
        str(path.relative_to(folder)): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and "db" not in path.relative_to(folder).parts
    }


def processes_of(home):
    """Those that hold a file of the home directory open: boxlite-vm and QEMU of each box in it."""
    found = set()
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link).startswith(f"{home}/"):
                found.add(int(link.parts[2]))
        except OSError:
            continue
    return found


def test_cycles_leave_nothing(prefix, home):
    command = prefix / "bin/boxlite"
    run(command, "run", "--rm", "python:slim", "true")
    files = tree(home)
    for number in range(CYCLES):
        output = run(command, "run", "--rm", "python:slim", "sh", "-c", f"echo {number}; uname -s")
        assert output == f"{number}\nLinux\n"
        if number % 50 == 49:
            print(f"{number + 1} of {CYCLES}", flush=True)
    assert tree(home) == files
    assert processes_of(home) == set()
    assert run(command, "ps", "--all", "--quiet") == ""
