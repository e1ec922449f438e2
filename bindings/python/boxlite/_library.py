"""Finding and loading libboxlite, and turning its errors into ours.

The library is loaded at first use, so that `import boxlite` works where it is missing. The first of these that names a
file is taken, and none of the others is tried then:

1. `$BOXLITE_LIBRARY`, the file itself;
2. `$BOXLITE_RUNTIME_DIR/lib`, the prefix that the library's own parts come from;
3. `boxlite/_prefix/lib/` beside this file, in a wheel, which carries the library and its parts;
4. the file that `boxlite/_location` names (`python -m boxlite.locate PREFIX` writes it);
5. what the dynamic loader finds by the soname.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from boxlite import _constants, _ffi
from boxlite.errors import BoxliteError, ConfigError, error_of_status

SONAME = f"libboxlite.so.{_constants.VERSION_MAJOR}"
LOCATION = Path(__file__).with_name("_location")

_loaded: ctypes.CDLL | None = None
_loading = threading.Lock()


def library() -> ctypes.CDLL:
    """The loaded library, every function declared. ConfigError where it cannot be loaded."""
    global _loaded
    if _loaded is None:
        with _loading:
            if _loaded is None:
                _loaded = load(find())
    return _loaded


def find() -> str:
    """The path of the library, or its soname where only the loader can know."""
    if named := os.environ.get("BOXLITE_LIBRARY"):
        return named
    return next(_candidates(), SONAME)


def in_prefix(prefix: Path) -> Path | None:
    """The library of an installation prefix, None where there is none."""
    found = sorted([*prefix.glob(f"lib/{SONAME}"), *prefix.glob(f"lib/*/{SONAME}")])
    return found[0] if found else None


def _candidates() -> Iterator[str]:
    if prefix := os.environ.get("BOXLITE_RUNTIME_DIR"):
        if path := in_prefix(Path(prefix)):
            yield str(path)
    carried = LOCATION.with_name("_prefix") / "lib" / SONAME
    if carried.exists():
        yield str(carried)
    if LOCATION.exists():
        yield str(LOCATION.parent / LOCATION.read_text(encoding="utf-8").strip())


def load(path: str) -> ctypes.CDLL:
    """Loads the library and declares its functions. ConfigError where that fails or where it is too old."""
    try:
        loaded = ctypes.CDLL(path)
        for name, (result, arguments) in _ffi.FUNCTIONS.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise ConfigError(
            f"the library of boxlite cannot be loaded from {path}: {error}",
            hint="install libboxlite, name its file in BOXLITE_LIBRARY, or run python -m boxlite.locate PREFIX",
        ) from error
    version = loaded.boxlite_version()
    if version >> 16 != _constants.VERSION_MAJOR or version >> 8 & 0xFF < _constants.VERSION_MINOR:
        raise ConfigError(
            f"{path} is version {version >> 16}.{version >> 8 & 0xFF}; this package needs "
            f"{_constants.VERSION_MAJOR}.{_constants.VERSION_MINOR}",
            hint="install the package and the library of one version",
        )
    return loaded


def text(value: bytes | None) -> str:
    """A text of the library; what is not UTF-8 is kept as surrogates."""
    return (value or b"").decode("utf-8", "surrogateescape")


def error_of(status: int, error: int | None) -> BoxliteError:
    """The error of a completion; `error` is borrowed."""
    lib = library()
    if not error:
        return error_of_status(status, f"the library answered {text(lib.boxlite_status_name(status))}")
    return error_of_status(
        status,
        text(lib.boxlite_error_message(error)),
        hint=text(lib.boxlite_error_hint(error)),
        os_errno=lib.boxlite_error_os_errno(error),
    )


def check(function: Any, *arguments: Any) -> None:
    """Calls a function whose last parameter is the error; raises what it answers."""
    error = ctypes.c_void_p()
    status = function(*arguments, ctypes.byref(error))
    if status != _constants.Status.OK:
        raised = error_of(status, error.value)
        library().boxlite_error_destroy(error)
        raise raised
