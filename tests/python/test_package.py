"""The package as a package: its names, what importing it loads, `python -m boxlite`."""

import ast
import importlib.util
import os
import pathlib
import subprocess
import sys

import boxlite
import pytest


def python(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=120, **options)


def test_every_public_name_is_there_and_no_other():
    for name in boxlite.__all__:
        assert getattr(boxlite, name) is not None
    assert set(boxlite.__all__) <= set(dir(boxlite))
    with pytest.raises(AttributeError, match="no_such_name"):
        boxlite.no_such_name  # noqa: B018


def test_type_checkers_see_the_names_where_they_are():
    """Names are imported at first use; what type checkers read is written beside it, and must be the same."""
    tree = ast.parse(pathlib.Path(boxlite.__file__).read_text(encoding="utf-8"))
    written = {
        alias.name: node.module.removeprefix("boxlite.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.startswith("boxlite.")
        for alias in node.names
    }
    assert written.pop("__version__") == "_version"
    assert written == boxlite._HOMES
    assert sorted([*written, "__version__"]) == sorted(boxlite.__all__)


def test_importing_it_loads_no_more_than_it_must():
    loaded = python("-c", "import sys, boxlite; print(*sys.modules)")
    heavy = {"asyncio", "ctypes", "dataclasses", "ssl", "subprocess", "boxlite._box"}
    assert loaded.returncode == 0 and not heavy & set(loaded.stdout.split())


def test_the_package_runs_the_command_line(tmp_path):
    version = python("-m", "boxlite", "version")
    assert version.returncode == 0 and boxlite.__version__ in version.stdout
    wrong = python("-m", "boxlite", "no-such-command")
    assert wrong.returncode not in (0, 127) and "no-such-command" in wrong.stderr
    prefix = tmp_path / "lib/libboxlite.so.0"
    environment = os.environ | {"BOXLITE_LIBRARY": str(prefix), "PATH": str(tmp_path)}
    missing = python("-m", "boxlite", "version", env=environment)
    assert missing.returncode == 127 and "command" in missing.stderr


def test_the_program_for_the_type_checkers_runs(home, image):
    user = pathlib.Path(__file__).with_name("user.py")
    done = python(user, image, env=os.environ | {"BOXLITE_HOME": str(home)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["typed", "line", "execution_failed 10", "synchronous"]


def test_it_says_that_it_is_typed():
    assert importlib.util.find_spec("boxlite").submodule_search_locations
    assert pathlib.Path(boxlite.__file__).with_name("py.typed").exists()
