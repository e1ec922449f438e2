"""The rows of bench/run that are about everyday use: the command line, many small commands, many small files."""

import os
import pathlib
import sys
import tempfile

from common import ROOT, STAGE, WORK, output, timed

FILES = 10_000
FILE_BYTES = 1000
SPAWNS = 100

SPAWN = f"""
import os, time
for _ in range(%d):
    began = time.perf_counter()
    for _ in range({SPAWNS}):
        os.waitpid(os.posix_spawn("/usr/bin/true", ["true"], {{}}), 0)
    print((time.perf_counter() - began) * 1000 / {SPAWNS})
"""


def command(runs, *arguments):
    """Milliseconds of the command line, from its start to its end."""
    return [timed(STAGE / "bin/boxlite", *arguments) * 1000 for _ in range(runs)]


def probe(runs):
    """Milliseconds in which boxlite-vm says what this host's KVM is good for."""
    return [timed(STAGE / "libexec/boxlite/boxlite-vm", "--probe") * 1000 for _ in range(runs)]


def in_a_box(program, runs):
    """What a Python program on this host prints; there `box` is a running box, `runs` how many samples are wanted."""
    frame = "import sys, time, boxlite\nruns = int(sys.argv[1])\nwith boxlite.SyncSimpleBox() as box:\n"
    text = frame + "".join(f"    {line}\n" for line in program.strip().splitlines())
    samples = [float(line) for line in output(ROOT / "build/venv/bin/python", "-c", text, runs).split()]
    if len(samples) != runs:
        sys.exit(f"bench/run: {len(samples)} samples of {runs}")
    return samples


def guest_spawn(runs):
    """Milliseconds that the guest alone takes for posix_spawn of `true` and waiting for it."""
    return in_a_box(f'print(box.exec("python3", "-c", {SPAWN!r} % runs).stdout, end="")', runs)


def small_files(folder):
    for number in range(FILES):
        pathlib.Path(folder, f"{number:05}").write_bytes(os.urandom(FILE_BYTES))


COPY = """
for run in range(runs):
    began = time.perf_counter()
    box.copy_in({folder!r}, f"/root/copy-{{run}}")
    print({files} / (time.perf_counter() - began))
    box.exec("rm", "-rf", f"/root/copy-{{run}}")
"""
TAR = """
box.copy_in({folder!r}, "/root/files")
assert box.exec("tar", "-cf", "/root/files.tar", "-C", "/root", "files").exit_code == 0
for run in range(runs):
    box.exec("mkdir", f"/root/tar-{{run}}")
    began = time.perf_counter()
    assert box.exec("tar", "-xf", "/root/files.tar", "-C", f"/root/tar-{{run}}").exit_code == 0
    print({files} / (time.perf_counter() - began))
    box.exec("rm", "-rf", f"/root/tar-{{run}}")
"""


def files_a_second(runs, program):
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        small_files(folder)
        return in_a_box(program.format(folder=folder, files=FILES), runs)


def copy_in(runs):
    """Files a second of copy_in, 10 000 of 1 kB."""
    return files_a_second(runs, COPY)


def guest_tar(runs):
    """The same where GNU tar unpacks them in the guest from its own file system."""
    return files_a_second(runs, TAR)
