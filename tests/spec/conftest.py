"""A home directory that holds images of ours under the names that the samples use."""

import json
import os
import pathlib
import subprocess

import documents
import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def output(*command):
    made = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    return made.stdout.strip()


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """host:port of a registry on loopback with the images of the ledger."""
    folder, script = tmp_path_factory.mktemp("registry"), SOURCE / "scripts/local-registry"
    layouts = {
        "python": output(SOURCE / "scripts/make-image"),
        "busybox": output(SOURCE / "tests/images/make-busybox"),
    }
    output(script, "start", "--dir", folder)
    try:
        address = output(script, "address", "--dir", folder)
        for name, ours in documents.ledger()["images"].items():
            output(SOURCE / "scripts/push-image", layouts[ours], f"{address}/{name}")
        yield address
    finally:
        output(script, "stop", "--dir", folder)


@pytest.fixture(scope="session")
def home(tmp_path_factory, registry):
    """The home directory; what it does not hold comes from the registry."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "config.json").write_text(json.dumps({"image_registries": [f"http://{registry}"]}))
    command = pathlib.Path(os.environ["BOXLITE_PREFIX"]) / "bin/boxlite"
    for name in documents.ledger()["images"]:
        output(command, "--home", folder, "pull", name.removeprefix("library/"))
    return folder
