"""The wheel of scripts/build-wheel: from an index into an empty environment, with nothing else in reach."""

import functools
import http.server
import os
import pathlib
import subprocess
import sys
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A mount namespace of its own, in which the checkout and the home directory are empty; a user namespace where one is
# needed for that.
HIDDEN = """
set -e
for hidden in "$CHECKOUT" "$HOME"; do mount -t tmpfs none "$hidden"; done
exec "$@"
"""


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    return pathlib.Path(run(ROOT / "scripts/build-wheel", "--output", folder).strip())


@pytest.fixture(scope="module")
def index(wheel, tmp_path_factory):
    """The address of a package index on loopback that has the wheel alone."""
    folder = tmp_path_factory.mktemp("index")
    (folder / "boxlite").mkdir()
    (folder / "boxlite" / wheel.name).write_bytes(wheel.read_bytes())
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def installed(index, tmp_path_factory):
    """The bin directory of an environment in which `pip install boxlite` was said."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder)
    environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PIP_INDEX_URL": index, "HOME": str(folder)}
    run("sh", "-ec", "pip install boxlite", env=environment)
    return folder / "bin"


def alone(*command, tmp_path):
    """Runs a command with the checkout and the caller's home directory out of reach."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    keep = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"], "CHECKOUT": str(ROOT), "BOXLITE_HOME": str(home)}
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    return run("unshare", *user, "--mount", "sh", "-c", HIDDEN, "sh", *command, env=keep, cwd="/")


def test_its_name_says_what_it_runs_on(wheel):
    assert wheel.name.endswith("-py3-none-manylinux_2_36_x86_64.whl")


def test_two_builds_are_the_same(wheel, tmp_path):
    again = pathlib.Path(run(ROOT / "scripts/build-wheel", "--output", tmp_path).strip())
    assert again.name == wheel.name and again.read_bytes() == wheel.read_bytes()


def test_a_box_runs_with_nothing_of_the_project_but_the_wheel(installed, tmp_path):
    layout = run(ROOT / "tests/images/make-busybox", "--output", tmp_path / "layout").strip()
    program = """
import pathlib, sys
import boxlite
from boxlite import _library
assert not list(pathlib.Path(sys.argv[1]).iterdir()), "the checkout is in reach"
assert _library.find().startswith(sys.prefix), _library.find()
with boxlite.SyncSimpleBox(rootfs_path=sys.argv[2], memory=256) as box:
    print(box.exec("echo", "from the wheel").stdout, end="")
mapped = {line.split()[-1] for line in open("/proc/self/maps") if "boxlite" in line and ".so" in line}
assert mapped and all(name.startswith(sys.prefix) for name in mapped), mapped
"""
    shown = alone(installed / "python", "-c", program, ROOT, layout, tmp_path=tmp_path)
    assert shown == "from the wheel\n"


def test_its_command_line_runs(installed, tmp_path):
    assert "0." in alone(installed / "python", "-m", "boxlite", "version", tmp_path=tmp_path)
    assert "qemu" in alone(installed / "python", "-m", "boxlite", "doctor", tmp_path=tmp_path)
