"""docs/cli.md names the commands that there are."""

import re

from conftest import SOURCE


def test_the_page_names_every_command(boxlite):
    page = (SOURCE / "docs/cli.md").read_text(encoding="utf-8")
    table = page.partition("## Commands\n")[2].partition("\n\n")[0]
    named = [word for commands in re.findall(r"`([a-z ]+)` \|$", table, re.MULTILINE) for word in commands.split()]
    there = re.findall(r"^  ([a-z]+)  +[A-Z]", boxlite("--help").stdout, re.MULTILINE)
    assert sorted(named) == sorted(there)
    missing = re.search(r"does not need them: `([^`]+)`", page)[1].split()
    assert missing and not set(missing) & set(there)
