"""Several processes that pull one image at once, from a registry that waits until all of them are there."""

import os
import subprocess
import threading

import pytest

BOXLITE = os.path.join(os.environ["BOXLITE_PREFIX"], "bin/boxlite")


@pytest.fixture
def start(faulty, tmp_path):
    """Starts a pull; it ends with the test."""
    started = []

    def start():
        command = [BOXLITE, "--home", tmp_path / "home", "--registry", faulty.url, "pull", "image"]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def read_until(process, phase):
    """The phases that the process shows, up to that one."""
    shown = []
    for line in process.stderr:
        shown.append(line.split()[-1])
        if shown[-1] == phase:
            return shown
    pytest.fail(f"it ended before {phase}: {shown}")


@pytest.fixture
def held(faulty):
    """Its layers are held back until the event."""
    event = threading.Event()
    faulty.fault = lambda handler, _: faulty.is_layer(handler) and not event.wait(60)
    yield event
    event.set()


def test_all_pullers_see_progress_and_the_work_is_done_once(start, faulty, held, tmp_path):
    pullers = [start() for _ in range(3)]
    for puller in pullers:
        read_until(puller, "fetching")
    held.set()
    for puller in pullers:
        read_until(puller, "done")
    pulled = {puller.communicate(timeout=60)[0] for puller in pullers}
    assert [puller.returncode for puller in pullers] == [0, 0, 0]
    assert len(pulled) == 1 and faulty.entry["digest"] in pulled.pop()
    layers = [path for path in faulty.requests if path.endswith(faulty.layers[0]["digest"])]
    assert len(layers) == 1
    assert len(list((tmp_path / "home/rootfs").iterdir())) == 1


def test_puller_that_is_killed_leaves_the_other_ones_pull(start, faulty, held):
    first, second = start(), start()
    for puller in (first, second):
        read_until(puller, "fetching")
    first.kill()
    first.communicate(timeout=60)
    held.set()
    read_until(second, "done")
    second.communicate(timeout=60)
    assert second.returncode == 0
    layers = [path for path in faulty.requests if path.endswith(faulty.layers[0]["digest"])]
    assert len(layers) == 1


def test_error_reaches_all_pullers(start, faulty, held, tmp_path):
    pullers = [start() for _ in range(2)]
    for puller in pullers:
        read_until(puller, "fetching")
    layer = faulty.find

    def damaged(path):
        body, media_type = layer(path)
        return (body[:-1] + bytes([body[-1] ^ 1]) if body else body), media_type

    faulty.find = damaged
    held.set()
    for puller in pullers:
        shown = puller.communicate(timeout=60)[1]
        assert puller.returncode != 0 and faulty.layers[0]["digest"] in shown
    assert not list((tmp_path / "home/rootfs").iterdir())
