"""Box classes that this version does not have yet: making one raises UnsupportedError."""

from __future__ import annotations

from typing import Any, NoReturn

from boxlite._options import unsupported_call


class BrowserBox:
    """A box with a browser in it. UnsupportedError."""

    def __init__(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise unsupported_call("BrowserBox")


class ComputerBox:
    """A box with a desktop in it. UnsupportedError."""

    def __init__(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise unsupported_call("ComputerBox")
