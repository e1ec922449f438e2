"""docs/python.md and examples/python: each program of the page is an example, and each example does what it says."""

import os
import re
import subprocess

import pytest
from conftest import SOURCE, run

GUIDE = (SOURCE / "docs/python.md").read_text()
SAMPLES = dict(re.findall(r"<!-- sample: (\S+) -->\n```python\n(.*?)```\n", GUIDE, re.DOTALL))
OUTPUTS = {
    "untrusted.py": "5050\n\nexit code 1 ZeroDivisionError: division by zero\nit took too long\n",
    "errors.py": "invalid_argument 5 True\n1\nexecution_failed True\ntimeout partial\n",
    "files.py": "exit code 0\n{'sum': 6}\nnot_found\n",
    "hello.py": "Hello\n\n",
    "lifecycle.py": "True created\nrunning 1 True\nTrue stopped\nb'kept\\n'\nNone 1\n",
    "parallel.py": "0 1 4 9 16 25\n",
    "streams.py": "line 0\nline 1\nline 2\nexit code 0\nINTO THE BOX\nended by signal 9\n",
    "synchronous.py": "0 1 4 9\n",
    "tool.py": "Outcome(ok=True, output='42\\n', error='')\n"
    "Outcome(ok=False, output='', error=\"FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'\")\n"
    "Outcome(ok=False, output='begun\\n', error='it ran longer than 5 seconds')\n",
}


def test_every_program_of_the_page_is_an_example():
    assert len(SAMPLES) == len(re.findall(r"^```", GUIDE, re.MULTILINE)) / 2
    for name, text in SAMPLES.items():
        assert text == (SOURCE / "examples/python" / name).read_text()
    there = {path.name for path in (SOURCE / "examples/python").glob("*.py")}
    assert there == OUTPUTS.keys() | {"interactive.py"} == SAMPLES.keys() | {"hello.py"}


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_an_example_does_what_it_says(home, name):
    assert run(SOURCE / "build/venv/bin/python", SOURCE / "examples/python" / name) == OUTPUTS[name]


def test_the_interactive_example_gives_a_shell(home):
    """At a terminal, which `script` makes."""
    command = f"{SOURCE}/build/venv/bin/python {SOURCE}/examples/python/interactive.py"
    shown = subprocess.run(
        ["script", "--quiet", "--return", "--command", command, "/dev/null"],
        input="echo typed $((6*7))\nexit 3\n",
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"TERM": "dumb"},
    )
    assert shown.returncode == 0, shown.stdout
    assert "typed 42" in shown.stdout and "exit code 3" in shown.stdout


def test_the_page_names_every_error():
    import boxlite

    errors = {name: getattr(boxlite, name) for name in boxlite.__all__ if name.endswith("Error")}
    table = dict(re.findall(r"^\| (`\w+Error`(?:, `\w+Error`)*) \| (`\w+`(?:, `\w+`)*) \|", GUIDE, re.MULTILINE))
    named = {name for names in table for name in re.findall(r"\w+", names)}
    assert named == errors.keys() - {"BoxliteError"}
    for names, codes in table.items():
        assert {errors[name].code for name in re.findall(r"\w+", names)} == set(re.findall(r"\w+", codes))
