"""The product as a user has it: the installed prefix, the Python package, the home directory that quickstart filled.

tests/run-pytest sets BOXLITE_PREFIX (bin/boxlite in it) and BOXLITE_HOME (python:slim in it).
"""

import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def run(*command, **options):
    """The output of a command; a failure shows what it wrote."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def compile_sample(source, prefix, output):
    """Builds a C program with nothing but pkg-config, in a shell, as README says."""
    environment = os.environ | {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
    # `eval`, because pkg-config quotes what a shell would split.
    script = 'eval cc "$1" $(pkg-config --cflags --libs boxlite) -o "$2"'
    run("sh", "-ec", script, "sh", source, output, env=environment)
    return output


@pytest.fixture
def prefix():
    return pathlib.Path(os.environ["BOXLITE_PREFIX"])


@pytest.fixture
def home():
    path = pathlib.Path(os.environ["BOXLITE_HOME"])
    assert path.exists(), f"{path} is missing; the test e2e/quickstart fills it"
    return path
