"""`python -m boxlite.locate PREFIX`: tells this installed package where libboxlite is.

PREFIX is what `cmake --install` was given. The library is loaded once to prove that it works; its path is then written
into `boxlite/_location`. Without PREFIX it prints the library that is used now.
"""

from __future__ import annotations

import sys
from pathlib import Path

from boxlite import _library
from boxlite.errors import BoxliteError, ConfigError


def main(arguments: list[str]) -> int:
    """Ends with 0, with 1 where there is no usable library, with 2 for wrong usage."""
    if len(arguments) > 1 or any(argument.startswith("-") for argument in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        if arguments:
            _locate(Path(arguments[0]).resolve())
        else:
            loaded = _library.library()
            print(f"{_library.find()} (version {_library.text(loaded.boxlite_version_string())})")
    except BoxliteError as error:
        print(f"boxlite.locate: {error}", file=sys.stderr)
        return 1
    return 0


def _locate(prefix: Path) -> None:
    path = _library.in_prefix(prefix)
    if path is None:
        raise ConfigError(f"{prefix} has no lib/{_library.SONAME}", hint="name the prefix of cmake --install")
    loaded = _library.load(str(path))
    _library.LOCATION.write_text(f"{path}\n", encoding="utf-8")
    print(f"{path} (version {_library.text(loaded.boxlite_version_string())})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
