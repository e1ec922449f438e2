"""The process around the package: its end, its forks, where the library is, what importing costs."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import boxlite
import pytest
from boxlite import _library
from conftest import ROOT, wait_until


def python(script, *arguments, **environment):
    """A Python program of its own, that has the same package."""
    program = [sys.executable, "-X", "faulthandler", "-c", textwrap.dedent(script), *map(str, arguments)]
    everything = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.run(program, capture_output=True, text=True, env=everything, timeout=120)


START = """
    import asyncio, os, sys
    import boxlite
    home, image = sys.argv[1:3]
    runtime = boxlite.Boxlite(boxlite.Options(home_dir=home))
    box = runtime.create(boxlite.BoxOptions(rootfs_path=image, auto_remove=False))
    asyncio.run(box.start())
    print(box.id, flush=True)
"""


def stopped(runtime, box_id):
    return lambda: runtime.get_info(box_id).status == "stopped"


ENDS = {
    "falls off the end": ("", 0),
    "exits": ("sys.exit(3)", 3),
    "raises": ("raise KeyError", 1),
    "an execution runs": ("execution = asyncio.run(box.exec('sleep', '1000'))", 0),
    "a task waits": (
        "loop = asyncio.new_event_loop()\n"
        "    task = loop.create_task(box.exec('true'))\n"
        "    loop.run_until_complete(asyncio.sleep(0))",
        0,
    ),
}


@pytest.mark.parametrize(("end", "status"), ENDS.values(), ids=ENDS)
def test_a_program_that_ends_stops_its_boxes_and_does_not_crash(runtime, home, image, end, status):
    done = python(START + "    " + end, home, image)
    assert done.returncode == status, done.stderr
    assert "Fatal" not in done.stderr
    assert "Exception ignored" not in done.stderr
    box_id = done.stdout.strip()
    wait_until(stopped(runtime, box_id), "the box stopped")
    asyncio.run(runtime.remove(box_id))


def test_a_program_that_is_killed_stops_its_boxes(runtime, home, image):
    done = python(START + "    os.kill(os.getpid(), 9)", home, image)
    assert done.returncode == -signal.SIGKILL
    box_id = done.stdout.strip()
    wait_until(stopped(runtime, box_id), "the box stopped")
    asyncio.run(runtime.remove(box_id))


def test_an_interrupted_program_stops_its_box(runtime, home, image):
    script = """
        import asyncio, signal, sys
        import boxlite
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs us in the background
        async def main():
            runtime = boxlite.Boxlite(boxlite.Options(home_dir=sys.argv[1]))
            async with boxlite.SimpleBox(runtime=runtime, rootfs_path=sys.argv[2]) as box:
                print(box.id, flush=True)
                await box.exec("sleep", "1000")
        asyncio.run(main())
    """
    everything = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    program = [sys.executable, "-c", textwrap.dedent(script), str(home), image]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=everything) as child:
        box_id = child.stdout.readline().strip()
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=120)
    assert "KeyboardInterrupt" in errors
    assert runtime.get(box_id) is None


def test_a_forked_child_is_told_so_and_harms_nothing(runtime, home, image):
    script = (
        START
        + """
    child = os.fork()
    if child == 0:
        answers = []
        for call in (runtime.list, box.info, lambda: asyncio.run(box.exec("true"))):
            try:
                call()
                answers.append("went through")
            except boxlite.InvalidStateError as error:
                answers.append(error.code)
        runtime.close()
        print(*answers, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
    print(asyncio.run(asyncio.run(box.exec("echo", "still there")).wait()).stdout, end="")
"""
    )
    done = python(script, home, image)
    assert done.returncode == 0, done.stderr
    box_id, *lines = done.stdout.splitlines()
    assert lines == ["invalid_state invalid_state invalid_state", "still there"]
    wait_until(stopped(runtime, box_id), "the box stopped")
    asyncio.run(runtime.remove(box_id))


def test_a_forked_child_opens_a_runtime_only_where_its_parent_had_none_open(home):
    """The library's threads may hold a lock while the parent forks, which a child would wait for without end."""
    script = """
        import os, sys
        import boxlite

        def child():
            try:
                with boxlite.Boxlite() as own:
                    print(isinstance(own.list(), list), flush=True)
            except boxlite.InvalidStateError as error:
                print(error.hint, flush=True)

        def forked():
            pid = os.fork()
            if pid == 0:
                child()
                sys.exit(0)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

        print(forked(), flush=True)
        with boxlite.Boxlite() as parent:
            print(forked(), flush=True)
            parent.list()
        print(forked(), flush=True)
    """
    done = python(script, BOXLITE_HOME=str(home))
    before, _, hint, while_open, after, _ = done.stdout.splitlines()
    assert (before, while_open, after) == ("True", "0", "True"), done.stderr
    assert "spawn" in hint


def test_the_default_runtime_is_one_and_is_made_again_after_its_end(home):
    script = """
        import sys
        import boxlite
        first = boxlite.Boxlite.init_default(boxlite.Options(home_dir=sys.argv[1]))
        assert boxlite.Boxlite.default() is first
        try:
            boxlite.Boxlite.init_default(boxlite.Options())
        except boxlite.InvalidStateError:
            print("open already")
        first.close()
        second = boxlite.Boxlite.default()
        assert second is not first and not second.closed
    """
    done = python(script, home, BOXLITE_HOME=str(home))
    assert (done.returncode, done.stdout) == (0, "open already\n"), done.stderr


def test_importing_needs_no_library_and_using_says_what_is_missing(tmp_path):
    script = """
        import boxlite
        try:
            boxlite.Boxlite.default()
        except boxlite.ConfigError as error:
            print(error.code, error)
    """
    done = python(script, BOXLITE_LIBRARY=str(tmp_path / "nowhere.so"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("config_error")
    assert "nowhere.so" in done.stdout
    assert "boxlite.locate" in done.stdout


def test_a_file_that_is_another_library_is_refused():
    done = python("import boxlite; boxlite.Boxlite.default()", BOXLITE_LIBRARY="libc.so.6")
    assert "ConfigError" in done.stderr
    assert "libc.so.6" in done.stderr


def test_a_package_is_told_where_the_library_is(tmp_path, home):
    """In a copy of the package, with a prefix that has nothing but the library."""
    package = tmp_path / "site" / "boxlite"
    shutil.copytree(Path(boxlite.__file__).parent, package, ignore=shutil.ignore_patterns("_location", "__pycache__"))
    library = Path(loaded_path())
    (tmp_path / "prefix/lib").mkdir(parents=True)
    shutil.copy(library, tmp_path / "prefix/lib" / _library.SONAME)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("BOXLITE_")}

    def locate(*arguments):
        command = [sys.executable, "-m", "boxlite.locate", *map(str, arguments)]
        environment = {**clean, "PYTHONPATH": str(package.parent)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)

    assert locate(tmp_path).returncode == 1
    assert locate("--what").returncode == 2
    told = locate(tmp_path / "prefix")
    assert told.returncode == 0, told.stderr
    assert locate().stdout == told.stdout
    assert str(tmp_path / "prefix") in told.stdout


def loaded_path():
    _library.library()
    maps = Path("/proc/self/maps").read_text()
    return re.search(r"/\S.*/libboxlite\.so\S*", maps).group()


def test_the_versions_agree():
    project = re.search(r"project\(boxlite VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
    library = _library.text(_library.library().boxlite_version_string())
    assert boxlite.__version__ == library == project


def test_the_codes_of_the_errors_name_the_statuses_of_the_library():
    """`.code` is what programs compare in Python; the library's own name is the same or its short form."""
    from boxlite.errors import _BY_STATUS

    for status, error in _BY_STATUS.items():
        name = _library.text(_library.library().boxlite_status_name(status))
        assert error.code.startswith(name), (status, error.code, name)


def test_everything_public_has_type_hints_and_a_docstring():
    import inspect

    for name in boxlite.__all__:
        thing = getattr(boxlite, name)
        if not inspect.isclass(thing):
            continue
        assert thing.__doc__, name
        for method, function in vars(thing).items():
            if inspect.isfunction(function) and not method.startswith("_"):
                assert function.__doc__, f"{name}.{method}"
                assert "return" in function.__annotations__, f"{name}.{method}"
