"""The caller's terminal: raw while a program in a box has it, and itself again afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import termios
import threading
import tty
from collections.abc import Callable, Generator
from types import FrameType
from typing import TextIO

_PIECE = 64 * 1024


def descriptor_of(stream: TextIO | None) -> int | None:
    """The descriptor below a stream; None where there is none, as in a notebook."""
    try:
        return stream.fileno() if stream is not None else None
    except (OSError, ValueError):
        return None


def is_terminal(descriptor: int | None) -> bool:
    """It can be made raw."""
    return descriptor is not None and os.isatty(descriptor)


@contextlib.contextmanager
def raw(descriptor: int, on_resize: Callable[[int, int], None]) -> Generator[None]:
    """A terminal without line editing, echo and signals; `on_resize` (rows, columns) is told its size now and later.

    Afterwards it is as it was, also where SIGTERM or SIGHUP ends the program. Only the main thread hears signals: in
    another one the size is told once.
    """
    before = termios.tcgetattr(descriptor)
    loop = asyncio.get_running_loop()

    def tell_size() -> None:
        with contextlib.suppress(OSError):
            size = os.get_terminal_size(descriptor)
            on_resize(size.lines, size.columns)

    def resized(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(tell_size)

    def ended(number: int, _frame: FrameType | None) -> None:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    with _signal_handlers({signal.SIGWINCH: resized}, {signal.SIGTERM: ended, signal.SIGHUP: ended}):
        try:
            tty.setraw(descriptor, termios.TCSANOW)
            tell_size()
            yield
        finally:
            # Now and not when its output is drained: nobody may be reading that any more.
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


_Handler = Callable[[int, "FrameType | None"], None]


@contextlib.contextmanager
def _signal_handlers(
    wanted: dict[signal.Signals, _Handler], where_default: dict[signal.Signals, _Handler]
) -> Generator[None]:
    handlers = {**wanted, **{n: h for n, h in where_default.items() if signal.getsignal(n) == signal.SIG_DFL}}
    if threading.current_thread() is not threading.main_thread():
        handlers = {}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def read(descriptor: int) -> bytes:
    """What can be read, as soon as something can; b"" at the end. The descriptor stays blocking: it may be shared."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(descriptor, _set, readable)
    except PermissionError:  # a file on a disk can always be read
        return os.read(descriptor, _PIECE)
    try:
        await readable
    finally:
        loop.remove_reader(descriptor)
    try:
        return os.read(descriptor, _PIECE)
    except OSError:  # the other end of the terminal is gone
        return b""


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def write(descriptor: int, data: bytes) -> None:
    """Writes all of it; blocks while the terminal takes no more."""
    while data:
        data = data[os.write(descriptor, data) :]
