"""docs/tutorial.md and examples/tutorial: each step is an example, and prints what the page says."""

import pages
import pytest
from conftest import SOURCE

PAGE = "docs/tutorial.md"
SAMPLES = pages.samples(PAGE)


def test_the_page_shows_the_examples():
    pages.check_texts(PAGE)
    there = {f"examples/tutorial/{path.name}" for path in (SOURCE / "examples/tutorial").iterdir()}
    assert pages.files(PAGE) | {"examples/tutorial/words.py"} == there


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_step_prints_what_the_page_says(home, prefix, tmp_path, sample):
    assert sample.output
    pages.run_sample(sample, tmp_path, prefix)
