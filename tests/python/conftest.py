"""Fixtures: a home directory, a runtime, a small image, and a box that runs.

The tests run against the real library with real boxes. Where it is: BOXLITE_LIBRARY or BOXLITE_RUNTIME_DIR, else what
the installed package was told. A home directory is short-lived; the image of busybox is made once by
tests/images/make-busybox.
"""

import asyncio
import subprocess
from pathlib import Path

import boxlite
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def image():
    """An OCI layout directory of busybox: sh and its commands, root and the user guest (1000), IMAGE=busybox."""
    made = subprocess.run([ROOT / "tests/images/make-busybox"], check=True, capture_output=True, text=True)
    return made.stdout.strip()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A home directory for all tests that need no fresh one, so that the image is converted once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def runtime(home):
    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as opened:
        yield opened
        assert opened.closed or not [box for box in opened.list() if box.status == "running" and not box.detach]


@pytest.fixture(scope="session")
def shared_runtime(home):
    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as opened:
        yield opened


@pytest.fixture(scope="module")
def box(shared_runtime, image):
    """A running box for the tests of a module that do not care what others did in it."""
    made = shared_runtime.create(boxlite.BoxOptions(rootfs_path=image, env={"FROM": "box"}))
    asyncio.run(made.start())
    yield made
    asyncio.run(made.stop())


@pytest.fixture
def simple(shared_runtime, image):
    """Makes a SimpleBox of the small image."""

    def make(**options):
        return boxlite.SimpleBox(runtime=shared_runtime, rootfs_path=image, **options)

    return make
