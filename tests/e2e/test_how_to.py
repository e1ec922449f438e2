"""docs/how-to and examples/how-to: each recipe is an example or a command, and prints what its page says."""

import re

import pages
import pytest
from conftest import SOURCE

PAGES = sorted(f"docs/how-to/{path.name}" for path in (SOURCE / "docs/how-to").glob("*.md"))
SAMPLES = [(page, block) for page in PAGES for block in pages.samples(page)]


def name(value):
    """Of a page or a block, for pytest."""
    return re.sub(r"^docs/how-to/|^sample: (examples/how-to/)?", "", str(value))


def test_the_pages_show_the_examples():
    for page in PAGES:
        pages.check_texts(page)
    shown = set().union(*(pages.files(page) for page in PAGES))
    assert shown == {f"examples/how-to/{path.name}" for path in (SOURCE / "examples/how-to").iterdir()}


def test_every_c_program_is_built_and_run():
    built = [found for _, block in SAMPLES for found in re.findall(r"cc .*examples/how-to/(\w+\.c)", block.text)]
    assert sorted(built) == sorted(path.name for path in (SOURCE / "examples/how-to").glob("*.c"))


@pytest.mark.parametrize(("page", "sample"), SAMPLES, ids=name)
def test_a_recipe_prints_what_its_page_says(home, prefix, tmp_path, page, sample):
    assert sample.output
    # The recipe about secrets says that this does not go in.
    pages.run_sample(sample, tmp_path, prefix, HOST_SECRET="of the host")
