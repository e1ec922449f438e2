"""README's samples: each is what stands in examples/, and does what README says."""

import os
import re
import sys
import textwrap

import pytest
from conftest import SOURCE, run

README = (SOURCE / "README.md").read_text()
PYTHON_README = (SOURCE / "bindings/python/README.md").read_text()
SAMPLES = re.findall(r"<!-- sample: (\S+) -->\n```\w+\n(.*?)```\n", README, re.DOTALL)
SHELL = [text for name, text in SAMPLES if name == "shell"]
FILES = {name: text for name, text in SAMPLES if name != "shell"}
LANGUAGES = re.findall(r"^```(\w+)$", README, re.MULTILINE)


def shell(text):
    return run("bash", "-euc", text, cwd=SOURCE)


def test_every_sample_is_marked():
    assert len(SAMPLES) == len(LANGUAGES)
    assert sorted(FILES) == ["examples/c/hello.c", "examples/python/hello.py"]
    assert len(SHELL) == 2


@pytest.mark.parametrize("name", sorted(FILES))
def test_sample_is_the_example(name):
    assert FILES[name] == (SOURCE / name).read_text()


def test_shell_sample(home):
    output = shell(SHELL[0])
    assert output.startswith("42\n")
    assert "on Linux as root\n" in output
    assert re.search(r"\bworker\b.*\brunning\b|\brunning\b.*\bworker\b", output)
    assert "worker" not in shell("build/stage/bin/boxlite ps --all")


def test_c_sample(home):
    assert shell(SHELL[1]) == "Hello from Linux version\n"


def test_python_sample(home):
    assert run(SOURCE / "build/venv/bin/python", SOURCE / "examples/python/hello.py") == "Hello\n\n"


PYTHON_SAMPLES = re.findall(r"^```python\n(.*?)```\n", PYTHON_README, re.DOTALL | re.MULTILINE)
PYTHON_OUTPUT = ["0 42\n\n", "0\n1\n2\n0\n"]


@pytest.mark.parametrize(("sample", "expected"), zip(PYTHON_SAMPLES, PYTHON_OUTPUT, strict=True))
def test_samples_of_the_package(home, sample, expected):
    if "asyncio.run(" not in sample:  # It stands for lines of a coroutine.
        body = textwrap.indent(sample, "    ")
        sample = f"import asyncio, boxlite\n\nasync def main():\n{body}\nasyncio.run(main())\n"
    assert run(SOURCE / "build/venv/bin/python", "-c", sample) == expected


def test_the_package_needs_no_other(home):
    """What the tests' own Python brings along is not what makes the sample work."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    code = "import boxlite, sys; print(boxlite.__file__)"
    path = run(SOURCE / "build/venv/bin/python", "-c", code, env=environment).strip()
    assert path.startswith(str(SOURCE / "build/venv"))
    assert sys.version_info >= (3, 10)
