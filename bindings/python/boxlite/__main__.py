"""`python -m boxlite …`: the command line, in this process's place.

It is the one of the prefix that the library is taken from, else the one in PATH.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from boxlite import _library


def command() -> str | None:
    """The path of the command line."""
    library = Path(_library.find())
    # lib/ or lib/x86_64-linux-gnu/: the prefix is one or two steps up.
    beside = [prefix / "bin/boxlite" for prefix in library.parents[1:3]] if library.is_absolute() else []
    return next((str(path) for path in beside if os.access(path, os.X_OK)), shutil.which("boxlite"))


def main(arguments: list[str]) -> int:
    """Does not return, but with 127 where there is no command line."""
    path = command()
    if path is None:
        print("boxlite: there is no command boxlite beside the library or in PATH", file=sys.stderr)
        return 127
    os.execv(path, ["boxlite", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
