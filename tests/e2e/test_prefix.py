"""The installed prefix works wherever it is moved to, also for an ordinary user."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest
from conftest import SOURCE, compile_sample, run

NOBODY = 65534


@pytest.fixture
def moved(prefix):
    """A copy of the prefix under a path with a space, readable by everybody."""
    with tempfile.TemporaryDirectory(prefix="box lite ") as folder:
        os.chmod(folder, 0o755)
        target = pathlib.Path(folder, "some prefix")
        shutil.copytree(prefix, target, symlinks=True)
        yield target


@pytest.fixture
def as_user():
    """What starts a command as a user without rights, and a home for it. Without root, we are such a user."""
    with tempfile.TemporaryDirectory(prefix="boxlite-user-") as folder:
        if os.geteuid() != 0:
            yield [], pathlib.Path(folder)
            return
        os.chown(folder, NOBODY, NOBODY)
        yield ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"], pathlib.Path(folder)


@pytest.fixture
def registry(tmp_path):
    """host:port of a registry that has library/busybox:latest."""
    script = SOURCE / "scripts/local-registry"
    run(script, "start", "--dir", tmp_path)
    try:
        address = run(script, "address", "--dir", tmp_path).strip()
        layout = run(SOURCE / "tests/images/make-busybox").strip()
        run(SOURCE / "scripts/push-image", layout, f"{address}/library/busybox:latest")
        yield address
    finally:
        run(script, "stop", "--dir", tmp_path)


def environment_without_boxlite(**more):
    return {name: value for name, value in os.environ.items() if not name.startswith("BOXLITE_")} | more


def test_moved_prefix_runs_a_box(moved, home):
    environment = environment_without_boxlite(BOXLITE_HOME=str(home))
    command = moved / "bin/boxlite"
    version = run(command, "version", env=environment)
    assert version == run(pathlib.Path(os.environ["BOXLITE_PREFIX"], "bin/boxlite"), "version")
    assert run(command, "run", "--rm", "python:slim", "python3", "-c", "print(6*7)", env=environment) == "42\n"


def test_moved_prefix_builds_a_program(moved, home, tmp_path):
    program = compile_sample(SOURCE / "examples/c/hello.c", moved, tmp_path / "hello")
    loaded = run("ldd", program)
    assert str(moved) in loaded.replace("lib/pkgconfig/../../", "")
    environment = environment_without_boxlite(BOXLITE_HOME=str(home))
    assert run(program, env=environment) == "Hello from Linux version\n"


def test_runtime_dir_overrides(moved, home, tmp_path):
    environment = environment_without_boxlite(BOXLITE_HOME=str(home), BOXLITE_RUNTIME_DIR=str(tmp_path))
    done = subprocess.run(
        [moved / "bin/boxlite", "run", "--rm", "python:slim", "true"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 125
    assert str(tmp_path) in done.stderr


def test_ordinary_user_from_the_command_line(moved, as_user, registry):
    prefix, folder = as_user
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [*prefix, moved / "bin/boxlite", "--registry", f"http://{registry}"]
    run(*command, "pull", "busybox", env=environment, cwd=folder)
    output = run(*command, "run", "--rm", "busybox", "sh", "-c", "id -u; uname -s", env=environment, cwd=folder)
    assert output == "0\nLinux\n"
    assert not list((folder / ".boxlite/boxes").iterdir())


def test_ordinary_user_from_python(moved, as_user, registry):
    prefix, folder = as_user
    package = folder / "packages"
    shutil.copytree(SOURCE / "bindings/python/boxlite", package / "boxlite")
    for path in [package, *package.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    program = (
        "import asyncio, boxlite\n"
        "async def main():\n"
        f"    runtime = boxlite.Boxlite(boxlite.Options(image_registries=['http://{registry}']))\n"
        "    box = await runtime.create(boxlite.BoxOptions(image='busybox'))\n"
        "    async with box:\n"
        "        execution = await box.exec('id', '-u')\n"
        "        print((await execution.wait()).stdout, end='')\n"
        "asyncio.run(main())\n"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(package),
        "PYTHONDONTWRITEBYTECODE": "1",
        "BOXLITE_RUNTIME_DIR": str(moved),
    }
    # The system's Python: one below another user's home need not be readable.
    assert run(*prefix, "/usr/bin/python3", "-c", program, env=environment, cwd=folder) == "0\n"
