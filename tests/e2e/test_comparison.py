"""docs/comparison.md: what it says of boxlite is so, and what it says is missing is refused by name."""

import asyncio
import re

import boxlite
import pytest
from conftest import SOURCE

PAGE = (SOURCE / "docs/comparison.md").read_text(encoding="utf-8")
OURS = re.findall(r"^\| boxlite 0\.1 \| (.+) \|$", PAGE, re.MULTILINE)


def test_the_boot_time_is_the_specifications():
    row = re.search(r"^\| boot \|.*\| (.+) \| (.+) \|$", (SOURCE / "SPECIFICATION.md").read_text(), re.MULTILINE)
    assert [line for line in OURS if line.startswith(row[1]) and line.endswith(row[2])]


@pytest.mark.parametrize(
    ("said", "option"),
    [
        ("none in a box", {"network": boxlite.NetworkSpec("enabled")}),
        ("none in a box", {"ports": [(8080, 80)]}),
        ("none; files are copied", {"volumes": [("/tmp", "/tmp")]}),
    ],
)
def test_what_is_said_to_be_missing_is_refused(tmp_path, said, option):
    assert any(said in line for line in OURS)
    with boxlite.Boxlite(boxlite.Options(home_dir=tmp_path)) as runtime, pytest.raises(boxlite.UnsupportedError):
        runtime.create(boxlite.BoxOptions(image="python:slim", **option))


def test_snapshots_are_refused(tmp_path):
    assert any("none; a stopped box keeps its disk" in line for line in OURS)
    with boxlite.Boxlite(boxlite.Options(home_dir=tmp_path)) as runtime:
        box = runtime.create(boxlite.BoxOptions(image="python:slim"))
        with pytest.raises(boxlite.UnsupportedError):
            asyncio.run(box.snapshot("one"))


def test_the_version_is_the_one_of_the_page():
    assert boxlite.__version__.startswith("0.1.") and "0.1, not released" in PAGE
    assert "not released yet" in (SOURCE / "CHANGELOG.md").read_text()
