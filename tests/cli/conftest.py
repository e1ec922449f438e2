"""The command line against real boxes: a busybox image in a real registry on loopback, the installed command.

BOXLITE_PREFIX names the prefix under test (bin/boxlite in it).
"""

import os
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterator

import engines
import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "busybox:latest"
Run = Callable[..., subprocess.CompletedProcess]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def command() -> str:
    path = pathlib.Path(os.environ["BOXLITE_PREFIX"]) / "bin" / "boxlite"
    assert path.exists(), f"{path} is missing; install into BOXLITE_PREFIX first"
    return str(path)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a registry that holds busybox:latest."""
    folder = str(tmp_path_factory.mktemp("registry"))
    script = str(SOURCE / "scripts" / "local-registry")
    subprocess.run([script, "start", "--dir", folder], check=True, capture_output=True)
    try:
        address = subprocess.run(
            [script, "address", "--dir", folder], check=True, capture_output=True, text=True
        ).stdout.strip()
        layout = subprocess.run(
            [str(SOURCE / "tests" / "images" / "make-busybox")],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        subprocess.run(
            [str(SOURCE / "scripts" / "push-image"), layout, f"{address}/{IMAGE}"],
            check=True,
            capture_output=True,
        )
        yield address
    finally:
        subprocess.run([script, "stop", "--dir", folder], check=True, capture_output=True)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, command: str, registry: str) -> pathlib.Path:
    """A home directory in which busybox:latest is pulled."""
    folder = tmp_path_factory.mktemp("home")
    pulled = subprocess.run(
        [command, "--home", str(folder), "--registry", f"http://{registry}", "pull", IMAGE],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert pulled.returncode == 0, pulled.stderr
    return folder


@pytest.fixture(scope="session")
def engine() -> str:
    """Which one boxes get on this host."""
    return engines.default_engine()


@pytest.fixture
def boxlite(command: str, home: pathlib.Path) -> Iterator[Run]:
    """Runs the command; afterwards no box may be left."""

    def run(*arguments: str, timeout: float = 120, **options: object) -> subprocess.CompletedProcess:
        options.setdefault("text", True)
        return subprocess.run(
            [command, "--home", str(home), *arguments],
            capture_output=True,
            timeout=timeout,
            **options,
        )

    yield run
    left = run("ps", "-a", "-q").stdout.split()
    for box in left:
        run("rm", "-f", box)
    assert left == [], "boxes were left behind"
    assert list((home / "boxes").iterdir()) == [], "files of boxes were left behind"
