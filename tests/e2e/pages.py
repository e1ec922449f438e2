"""The samples of a page of docs/, and what the page says they print.

A comment before each block of a page says what it is:

    <!-- sample: examples/x.py -->   the file, whole; examples/… is what the page shows
    <!-- sample: shell -->           commands that are run as they stand, in an empty folder
    <!-- part of: examples/x.py -->  lines of a file
    <!-- output -->                  what the sample before it prints; … stands for anything within a line
    <!-- output with kvm -->         the same, where KVM is of use and that makes it another; after the plain one
    <!-- form -->                    the form of something, to be read and not to be run
"""

import dataclasses
import os
import pathlib
import re
import subprocess
import textwrap

import engines
from conftest import SOURCE, run

BLOCK = re.compile(r"^(?:<!-- (?P<mark>.*?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"sample: shell|(?:sample|part of): examples/\S+|output(?: with kvm)?|form")


@dataclasses.dataclass
class Block:
    mark: str
    text: str
    output: str | None = None
    output_with_kvm: str | None = None

    def __str__(self):
        return self.mark

    @property
    def file(self):
        return self.mark.partition(": ")[2]


def blocks(page):
    """The blocks of a page in its order; an output is with the sample that it belongs to."""
    found = []
    for match in BLOCK.finditer((SOURCE / page).read_text(encoding="utf-8")):
        mark = match["mark"] or ""
        assert MARK.fullmatch(mark), f"{page}: a block is not marked: {match['text'][:60]!r}"
        if mark == "output":
            assert found and found[-1].output is None, f"{page}: an output without a sample"
            found[-1].output = match["text"]
        elif mark == "output with kvm":
            assert found and found[-1].output and found[-1].output_with_kvm is None, f"{page}: it follows a plain one"
            found[-1].output_with_kvm = match["text"]
        else:
            found.append(Block(mark, match["text"]))
    fences = re.findall(r"^```", (SOURCE / page).read_text(encoding="utf-8"), re.MULTILINE)
    outputs = sum((block.output is not None) + (block.output_with_kvm is not None) for block in found)
    assert len(fences) == 2 * (len(found) + outputs), f"{page}: a block that is not closed"
    return found


def samples(page):
    """What of a page is run: its commands, and the Python programs that stand in it whole."""
    return [block for block in blocks(page) if block.mark == "sample: shell" or is_program(block)]


def is_program(block):
    return block.mark.startswith("sample: ") and block.file.endswith(".py")


def check_texts(page):
    """What the page shows of a file is what stands in it."""
    for block in blocks(page):
        if block.mark.startswith("sample: examples/"):
            assert block.text == (SOURCE / block.file).read_text(encoding="utf-8"), f"{page}: {block}"
        elif block.mark.startswith("part of: "):
            whole = textwrap.dedent(block.text)
            assert contains((SOURCE / block.file).read_text(encoding="utf-8"), whole), f"{page}: {block}"


def contains(text, part):
    """Whole lines of `text` are `part`, whatever their indentation."""
    lines, wanted = text.splitlines(), part.splitlines()
    windows = (lines[at : at + len(wanted)] for at in range(len(lines) - len(wanted) + 1))
    return any(textwrap.dedent("\n".join(window)) == "\n".join(wanted) for window in windows)


def files(page):
    """The files that a page shows whole."""
    return {block.file for block in blocks(page) if block.mark.startswith("sample: examples/")}


def expect(output, wanted):
    pattern = r"[^\n]*".join(re.escape(piece) for piece in wanted.split("…"))
    assert re.fullmatch(pattern, output), f"printed:\n{output}\nthe page says:\n{wanted}"


def environment(prefix, **more):
    path = f"{prefix}/bin:{SOURCE}/build/venv/bin:{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"} | more


def run_sample(block, folder, prefix, change=lambda text: text, **more):
    """Runs it in a folder where examples/ and build/ are the project's, and compares what it prints."""
    for name in ("examples", "build"):
        pathlib.Path(folder, name).symlink_to(SOURCE / name)
    options = {"cwd": folder, "env": environment(prefix, **more)}
    try:
        if is_program(block):
            output = run("python", block.file, **options)
        else:
            output = run("bash", "-euo", "pipefail", "-c", change(block.text), **options)
    except AssertionError:
        remove_boxes(block, options)
        raise
    kvm = block.output_with_kvm is not None and engines.default_engine() == "kvm"
    expect(output, (block.output_with_kvm if kvm else block.output) or "")


def remove_boxes(block, options):
    """Those that a sample names; left behind, they would let the next run fail as well."""
    names = [name for pair in re.findall(r"--name (\S+)|\bname=\"([\w-]+)\"", block.text) for name in pair if name]
    subprocess.run(["boxlite", "rm", "-f", *names], check=False, capture_output=True, **options)
