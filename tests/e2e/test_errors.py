"""docs/errors.md: statuses and reasons of the header, exceptions of Python, exit codes of the command line."""

import json
import pathlib
import re

import pages
import pytest
from boxlite import _library, errors
from conftest import SOURCE

PAGE = "docs/errors.md"
TEXT = (SOURCE / PAGE).read_text(encoding="utf-8")
CONSTANTS = json.loads((SOURCE / "abi/boxlite.abi.json").read_text(encoding="utf-8"))["constants"]
STATUSES = {name: number for name, number in CONSTANTS.items() if re.match(r"BOXLITE_(OK$|STATUS_)", name)}
PARTS = re.split(r"^### (\S+)$", TEXT.partition("## Ends of a box")[0], flags=re.MULTILINE)[1:]
ENTRIES = dict(zip(PARTS[::2], PARTS[1::2], strict=True))
SAMPLES = pages.samples(PAGE)


def line(name, word):
    found = re.findall(rf"^- \*\*{word}\*\* (.+)$", ENTRIES[name], re.MULTILINE)
    assert len(found) == 1, f"{name}: {word}"
    return found[0]


def test_every_status_has_an_entry():
    assert sorted(ENTRIES) == sorted(STATUSES)


@pytest.mark.parametrize("name", sorted(STATUSES))
def test_an_entry_has_the_number_and_the_name_of_the_library(name):
    library = _library.library()
    told = library.boxlite_status_name(STATUSES[name]).decode()
    assert line(name, "Number and name") == f"{STATUSES[name]}, `{told}`"
    assert line(name, "When")


@pytest.mark.parametrize("name", sorted(set(STATUSES) - {"BOXLITE_OK"}))
def test_an_entry_names_the_exception_and_says_enough(name):
    raised = errors.error_of_status(STATUSES[name], "")
    assert type(raised).__name__ == re.match(r"`(\w+)`", line(name, "Python"))[1]
    assert f"`{raised.code}`" in line(name, "Python")
    for word in ("Message", "What to do", "Command line"):
        assert line(name, word)


def test_the_table_of_the_python_page_has_every_class_and_its_code():
    page = (SOURCE / "docs/python.md").read_text(encoding="utf-8").partition("## Errors")[2]
    told = {}
    for classes, codes in re.findall(r"^\| ((?:`\w+Error`(?:, )?)+) \| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE):
        names, values = re.findall(r"`(\w+)`", classes), re.findall(r"`(\w+)`", codes)
        told.update(zip(names, values if len(values) > 1 else values * len(names), strict=True))
    assert told == {name: getattr(errors, name).code for name in errors.__all__ if name != "BoxliteError"}


def test_every_reason_of_an_end_has_a_row():
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| .+ \|$", TEXT, re.MULTILINE)
    prefix = "BOXLITE_EXIT_REASON_"
    wanted = {name[len(prefix) :].lower(): str(n) for name, n in CONSTANTS.items() if name.startswith(prefix)}
    assert dict(rows) == wanted


def test_the_header_points_here():
    header = pathlib.Path(SOURCE, "include/boxlite.h").read_text(encoding="utf-8")
    assert "docs/errors.md" in header


@pytest.mark.parametrize("sample", SAMPLES, ids=["ends", "exit-codes"])
def test_a_sample_prints_what_the_page_says(home, prefix, tmp_path, sample):
    pages.run_sample(sample, tmp_path, prefix)
