"""Converting begins while layers are still being fetched."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time

import pytest
from registry import FaultyRegistry, send

BOXLITE = os.path.join(os.environ["BOXLITE_PREFIX"], "bin/boxlite")
ALONE = {"attempts": 1}


@pytest.fixture(scope="session")
def two_layers(layout, tmp_path_factory):
    """The small image with another layer on top."""
    directory = tmp_path_factory.mktemp("two") / "busybox"
    shutil.copytree(layout, directory)
    (directory.parent / "upper").write_text("the upper layer\n")
    tar = directory.parent / "upper.tar"
    subprocess.run(["tar", "-cf", tar, "-C", directory.parent, "upper"], check=True)
    subprocess.run(["umoci", "raw", "add-layer", "--image", f"{directory}:latest", tar], check=True)
    subprocess.run(["umoci", "gc", "--layout", directory], check=True)
    return directory


class Upper:
    """Holds back the upper layer's blob of a registry until `answer` is set: what it then says, None for the blob."""

    def __init__(self, registry):
        self.registry, self.event, self.answer = registry, threading.Event(), None
        registry.fault = self.fault

    def fault(self, handler, _):
        if not handler.path.endswith(self.registry.layers[1]["digest"]):
            return False
        self.event.wait(60)
        if self.answer is not None:
            send(handler, self.answer, b"{}")
        return self.answer is not None

    def release(self, answer=None):
        self.answer = answer
        self.event.set()


@pytest.fixture
def registry(two_layers):
    with FaultyRegistry(two_layers) as server:
        yield server


@pytest.fixture
def upper(registry):
    held = Upper(registry)
    yield held
    held.release()


@contextlib.contextmanager
def pulling(home, registry):
    command = [BOXLITE, "--home", home, "--registry", registry.url, "pull", "image"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def lower_is_written(home):
    """Whether a conversion has written more than half of busybox, which the lower layer is."""
    half = os.stat("/bin/busybox").st_size // 2
    return any(out.stat().st_size > half for out in home.glob("images/jobs/convert-*/out"))


def contents(home):
    (disk,) = (home / "rootfs").iterdir()
    command = ["debugfs", "-R", "cat /upper", disk]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def test_lower_layer_is_converted_while_the_upper_one_is_fetched(registry, upper, tmp_path):
    home = tmp_path / "home"
    with pulling(home, registry) as pull:
        wait_for(lambda: lower_is_written(home))
        assert pull.poll() is None and not list((home / "rootfs").iterdir())
        upper.release()
        _, shown = pull.communicate(timeout=60)
        assert pull.returncode == 0, shown
    assert contents(home) == "the upper layer\n"


def test_fetch_that_fails_ends_the_conversion_and_the_next_one_works(registry, upper, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.json").write_text(json.dumps({"fetch": ALONE}))
    with pulling(home, registry) as pull:
        wait_for(lambda: lower_is_written(home))
        upper.release(answer=500)
        _, shown = pull.communicate(timeout=60)
        assert pull.returncode != 0 and registry.layers[1]["digest"] in shown
    assert not list((home / "rootfs").iterdir())
    registry.fault = None
    with pulling(home, registry) as pull:
        _, shown = pull.communicate(timeout=60)
        assert pull.returncode == 0, shown
    assert contents(home) == "the upper layer\n"


def test_another_source_of_the_same_image_takes_over(registry, upper, two_layers, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    with FaultyRegistry(two_layers) as origin:
        mirrored = {"registries": {origin.address: {"mirrors": [registry.url]}}, "fetch": ALONE}
        (home / "config.json").write_text(json.dumps(mirrored))
        with pulling(home, origin) as pull:
            wait_for(lambda: lower_is_written(home))
            assert not origin.requests
            upper.release(answer=500)
            _, shown = pull.communicate(timeout=60)
            assert pull.returncode == 0, shown
        assert [path for path in origin.requests if path.endswith(origin.layers[1]["digest"])]
        assert not [path for path in origin.requests if path.endswith(origin.layers[0]["digest"])]
    assert contents(home) == "the upper layer\n"
