"""docs/c.md and examples/c: a program of the page is an example, builds as the page says, prints what it says."""

import re

import pages
import pytest
from conftest import SOURCE

PAGE = "docs/c.md"
SAMPLES = pages.samples(PAGE)
SANITIZED = "cc -g -fsanitize=address,undefined -fno-sanitize-recover=all "


def program(block):
    return re.search(r"examples/c/(\w+)\.c", block.text)[1]


def test_the_page_shows_the_examples():
    pages.check_texts(PAGE)


def test_every_example_is_built_and_run():
    there = {path.stem for path in (SOURCE / "examples/c").glob("*.c")}
    assert sorted(map(program, SAMPLES)) == sorted(there)
    assert program(SAMPLES[0]) == "hello"
    assert pages.files(PAGE) | {"examples/c/hello.c"} == {f"examples/c/{name}.c" for name in there}
    for block in SAMPLES:
        assert "-std=c11 -Wall -Wextra -Werror" in block.text and block.output


@pytest.mark.parametrize("path", sorted((SOURCE / "examples/c").glob("*.c")), ids=lambda path: path.name)
def test_an_example_is_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 120


@pytest.mark.parametrize("sample", SAMPLES, ids=program)
def test_a_sample_prints_what_the_page_says(home, prefix, tmp_path, sample):
    pages.run_sample(sample, tmp_path, prefix)


@pytest.mark.parametrize("sample", SAMPLES[1:], ids=program)  # The first, hello, has nothing that the others lack.
def test_a_sample_is_clean_under_the_sanitizers(home, prefix, tmp_path, sample):
    """Leaks too, the library's own among them."""
    pages.run_sample(sample, tmp_path, prefix, lambda text: re.sub(r"^cc ", SANITIZED, text, flags=re.MULTILINE))
