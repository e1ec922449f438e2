"""Where the package runs: event loops, the debug mode of asyncio, a notebook's kernel, versions of Python."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

PROGRAM = """
import asyncio, sys
import boxlite


async def main():
    async with boxlite.Boxlite(boxlite.Options(home_dir=sys.argv[1])) as runtime:
        async with boxlite.SimpleBox(rootfs_path=sys.argv[2], runtime=runtime, memory=256) as box:
            assert (await box.exec("echo", "hi")).stdout == "hi\\n"
            assert await runtime.get("nothing") is None and runtime.get("nothing") is None
            assert await runtime.get_info("nothing") is None and (await runtime.get(box.id)).id == box.id
            execution = await box.box.exec("sh", "-c", "read line; echo $line; echo end", stdin=True)
            await execution.stdin().send_input(b"line\\n")
            assert [line async for line in execution.stdout()] == ["line", "end"]
            try:
                await asyncio.wait_for(box.exec("sleep", "1000"), 1)
            except asyncio.TimeoutError:
                pass
            results = await asyncio.gather(*(box.exec("echo", str(n)) for n in range(20)))
            assert [result.stdout for result in results] == [f"{n}\\n" for n in range(20)]
            await box.write_file("/tmp/x", b"x" * 100_000)
            assert len(await box.read_file("/tmp/x")) == 100_000
    print(type(asyncio.get_running_loop()).__module__, sys.version_info[:2])
"""
RUN = "asyncio.run(main())\n"
UVLOOP = "import uvloop\nuvloop.run(main())\n"
THREAD = """
import threading
thread = threading.Thread(target=lambda: asyncio.run(main()))
thread.start()
thread.join()
"""


def run(program, home, image, *, interpreter=sys.executable, options=(), **environment):
    return subprocess.run(
        [interpreter, *options, "-c", program, home, image],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environment,
    )


@pytest.mark.parametrize(
    "ending,loop", [(RUN, "asyncio."), (UVLOOP, "uvloop"), (THREAD, "asyncio.")], ids=["asyncio", "uvloop", "thread"]
)
def test_it_runs_in_this_loop(ending, loop, home, image):
    done = run(PROGRAM + ending, home, image)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(loop)


def test_the_debug_mode_of_asyncio_has_nothing_to_say(home, image):
    done = run(PROGRAM + RUN, home, image, options=["-X", "dev", "-W", "error"], PYTHONASYNCIODEBUG="1")
    # What it says of slow callbacks is about this machine's load.
    said = [line for line in done.stderr.splitlines() if "took" not in line]
    assert (done.returncode, said) == (0, [])


def interpreters():
    """Python 3.10 and later: of the machine, and what pyenv keeps."""
    kept = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv") / "versions"
    found = {}
    for version in (f"3.{minor}" for minor in range(10, 15)):
        places = [shutil.which(f"python{version}", path="/usr/bin"), *kept.glob(f"{version}.*/bin/python{version}")]
        found[version] = next((str(place) for place in places if place), "")
    return {version: place for version, place in found.items() if place}


@pytest.mark.parametrize("version,interpreter", interpreters().items())
def test_it_runs_in_this_python(version, interpreter, home, image):
    done = run(PROGRAM + RUN, home, image, interpreter=interpreter, options=["-W", "error"])
    assert (done.returncode, done.stderr) == (0, "")
    assert version == ".".join(done.stdout.strip().rstrip(")").split("(")[1].split(", "))


CELL = """
import boxlite
runtime = boxlite.Boxlite(boxlite.Options(home_dir={home!r}))
async with boxlite.SimpleBox(rootfs_path={image!r}, runtime=runtime, memory=256) as box:
    print((await box.exec("echo", "from a cell")).stdout)
    execution = await box.box.exec("echo", "streamed")
"""
CELL_SYNC = """
sync = boxlite.SyncBoxlite(boxlite.Options(home_dir={home!r}))
with boxlite.SyncSimpleBox(rootfs_path={image!r}, runtime=sync, memory=256) as box:
    print(box.exec("echo", "from a call").stdout)
"""


def test_it_runs_in_a_notebook_s_kernel(home, image):
    """A kernel's loop runs all the time; cells await in it, and one kernel runs several."""
    from jupyter_client.manager import KernelManager

    manager = KernelManager()
    manager.kernel_spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.start_kernel()
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=120)
        shown = ""

        def hear(message):
            nonlocal shown
            content = message["content"]
            shown += content.get("text", "") + "\n".join(content.get("traceback", []))

        for cell in (CELL, CELL, CELL_SYNC):
            reply = client.execute_interactive(cell.format(home=str(home), image=image), timeout=120, output_hook=hear)
            assert reply["content"]["status"] == "ok", shown
        assert shown.count("from a cell") == 2 and "from a call" in shown
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


FORK = """
import asyncio, os, sys
import boxlite
runtime = boxlite.SyncBoxlite(boxlite.Options(home_dir=sys.argv[1]))
box = boxlite.SyncSimpleBox(rootfs_path=sys.argv[2], runtime=runtime, memory=256).start()
child = os.fork()
if child == 0:
    for call in (lambda: box.exec("true"), lambda: runtime.list(), lambda: boxlite.SyncBoxlite(), box.stop):
        try:
            call()
        except boxlite.InvalidStateError as error:
            assert "fork" in str(error), error
        else:
            os._exit(1)
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(box.exec("echo", "the parent's box").stdout, end="")
box.stop()
"""


def test_a_forked_child_is_told_so_and_its_parent_goes_on(home, image):
    done = run(FORK, home, image)
    assert (done.returncode, done.stdout) == (0, "the parent's box\n"), done.stderr
