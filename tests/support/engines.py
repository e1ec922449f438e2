"""The host's engines, for the tests of several folders: those who run them put this one on Python's path."""

import json
import os
import pathlib
import subprocess


def default_engine() -> str:
    """Which one boxes get on this host: "kvm" where its KVM is of use, else "qemu"."""
    command = pathlib.Path(os.environ["BOXLITE_PREFIX"]) / "bin" / "boxlite"
    asked = subprocess.run([command, "doctor", "--json"], capture_output=True, text=True, check=True)
    (line,) = (entry["detail"] for entry in json.loads(asked.stdout) if entry["name"] == "engine")
    name = line.partition(" ")[0]
    assert name in ("kvm", "qemu"), line
    return name
