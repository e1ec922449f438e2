"""The five documents and the ledger of their samples.

The documents' text is not part of this project. It is read from $BOXLITE_SPEC, or from ../shared/spec beside the
checkout.
"""

import dataclasses
import hashlib
import os
import pathlib
import re

import tomllib

LEDGER = pathlib.Path(__file__).with_name("ledger.toml")
FOLDER = pathlib.Path(os.environ.get("BOXLITE_SPEC") or LEDGER.parents[3] / "shared/spec")
DOCUMENTS = (
    "ai-agent-guide.md",
    "integration-patterns.md",
    "local-sandbox-skill.md",
    "python-sdk.md",
    "sandbox-sessions-v2.md",
)
ABSENT = f"the documents are not in {FOLDER}: name their directory in BOXLITE_SPEC; their samples are not checked"


def present():
    """The documents are beside the checkout."""
    return FOLDER.is_dir()


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def blocks(document):
    """The fenced blocks of a document: line of the opening fence, text."""
    lines = (FOLDER / document).read_text(encoding="utf-8").splitlines()
    found, opened, fence = {}, 0, ""
    for number, line in enumerate(lines, 1):
        if opened and line.strip().startswith(fence) and not line.strip().strip("`"):
            found[opened] = "".join(f"{each}\n" for each in lines[opened : number - 1])
            opened = 0
        elif not opened and (begin := re.match(r"\s*(`{3,})\s*\w*\s*$", line)):
            opened, fence = number, begin[1]
    assert not opened, f"{document}:{opened}: a fence that is not closed"
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """An entry of the ledger; ledger.toml says what the fields mean."""

    document: str
    line: int
    digest: str
    runs: str
    reason: str = ""
    by: str = ""
    waits_for: tuple = ()
    refused: str = ""
    before: str = ""
    after: str = ""
    replace: tuple = ()
    output: tuple = ()
    typed: str = ""

    def __str__(self):
        return f"{self.document}:{self.line}"

    @property
    def is_run(self):
        return self.runs in ("as_is", "until_stopped") or bool(self.refused)

    def program(self, ledger, work):
        """The sample with what it needs around it."""
        text = blocks(self.document)[self.line]
        for name in self.replace:
            for old, new in ledger["replace"][name].items():
                assert old in text, f"{self}: {old!r} is not in the sample"
                text = text.replace(old, new)
        before = ledger["before"][self.before] if self.before else ""
        after = ledger["after"][self.after] if self.after else ""
        return (before + text + after).replace("{work}", str(work))


def ledger():
    return tomllib.loads(LEDGER.read_text(encoding="utf-8"))


def samples():
    lists = ("waits_for", "replace", "output")
    entries = ledger()["sample"]
    return [Sample(**{key: tuple(value) if key in lists else value for key, value in e.items()}) for e in entries]
