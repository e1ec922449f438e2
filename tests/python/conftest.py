"""Fixtures: a home directory, a runtime, a small image, and boxes of it.

The tests run against the real library with real boxes; which library is what the package finds by itself. The image of
busybox is made once by tests/images/make-busybox and given as `rootfs_path`.
"""

import asyncio
import os
import subprocess
import time
from pathlib import Path

import boxlite
import engines
import pytest

ROOT = Path(__file__).resolve().parents[2]
# What an engine isolates by.
ISOLATION = {"kvm": "hardware", "qemu": "software"}


def wait_until(condition, what, seconds=60):
    """Until the condition holds; the test fails where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


async def until(condition, what, seconds=60):
    """As `wait_until`, for a condition that is awaited."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)


@pytest.fixture(scope="session")
def engine():
    """Which one boxes get on this host."""
    return engines.default_engine()


def descriptors():
    """How many descriptors this process has open."""
    return len(os.listdir("/proc/self/fd"))


def children_of(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(scope="session")
def image():
    """An OCI layout directory of busybox: sh and its commands, root and the user guest (1000), IMAGE=busybox."""
    made = subprocess.run([ROOT / "tests/images/make-busybox"], check=True, capture_output=True, text=True)
    return made.stdout.strip()


@pytest.fixture(scope="session")
def python_image():
    """An OCI layout directory of Debian with Python and pip."""
    made = subprocess.run([ROOT / "scripts/make-image"], check=True, capture_output=True, text=True)
    return made.stdout.strip()


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """One home directory for all tests, so that the image is converted once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def runtime(home):
    """A runtime of the test's own; it ends with the test, and its boxes with it."""
    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_runtime(home):
    """The runtime of the shared boxes."""
    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as opened:
        yield opened


@pytest.fixture(scope="module")
def box(shared_runtime, image):
    """A running box for the tests of a module. Every test uses it in an event loop of its own."""
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
