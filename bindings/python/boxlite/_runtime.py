"""Boxlite: an open home directory, its boxes and its images."""

from __future__ import annotations

import ctypes
import opcode
import os
import sys
import threading
import time
import weakref
from collections.abc import Generator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from boxlite import _marshal
from boxlite._box import Box
from boxlite._core import DONE, Call, Core, Handle
from boxlite._images import Images
from boxlite._info import AwaitableList, BoxInfo, DiskUsage, box_info, disk_usage
from boxlite._library import check
from boxlite._metrics import RuntimeMetrics
from boxlite._options import BoxOptions, Options, either, refuse_unsupported
from boxlite.errors import AlreadyExistsError, BoxliteError, InvalidStateError, NotFoundError

if TYPE_CHECKING:
    from typing_extensions import Self


class _Created(tuple[Box, bool]):
    """What `get_or_create` answers; it can also be awaited."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, tuple[Box, bool]]:
        return self
        yield


class _Nothing:
    """None, for who awaits it."""

    def __await__(self) -> Generator[Any, None, None]:
        return None
        yield


def _nothing(caller: FrameType) -> Any:
    """None; where the caller's next step is to await what it is given, something that awaits to None.

    `get` works at once and can be awaited, and None cannot be, so that the caller's code has to say which it wants.
    """
    code, place = caller.f_code.co_code, caller.f_lasti + 2
    while place < len(code) and code[place] == 0:  # the inline caches of the call
        place += 2
    awaited = place < len(code) and code[place] == opcode.opmap["GET_AWAITABLE"]
    return _Nothing() if awaited else None


_default_lock = threading.Lock()


class Boxlite:
    """A runtime: it opens a home directory; any number of them, also of other processes, may have it open.

    Boxes that it started and that are not detached stop when it is closed, at the latest when the program ends. What
    is awaited may be awaited in any event loop; what answers from the records answers at once, with or without await.
    """

    _default: Boxlite | None = None

    def __init__(self, options: Options | None = None) -> None:
        self._core = Core(_marshal.runtime_options(options or Options()))
        self._boxes: weakref.WeakValueDictionary[str, Box] = weakref.WeakValueDictionary()
        self._images = Images(self._core)

    @classmethod
    def default(cls) -> Boxlite:
        """The runtime of this process: `$BOXLITE_HOME`, else ~/.boxlite, unless `init_default` said otherwise."""
        with _default_lock:
            if cls._default is None or cls._default.closed:
                cls._default = cls()
            return cls._default

    @classmethod
    def init_default(cls, options: Options) -> Boxlite:
        """Makes the runtime of this process, before its first use. InvalidStateError where there is one already."""
        with _default_lock:
            if cls._default is not None and not cls._default.closed:
                raise InvalidStateError(
                    "the default runtime is open already", hint="call init_default before anything else, or close it"
                )
            cls._default = cls(options)
            return cls._default

    @property
    def closed(self) -> bool:
        """It was closed, and every call answers StoppedError."""
        return self._core.closed

    @property
    def images(self) -> Images:
        """The images of the home directory."""
        return self._images

    # ---- boxes

    def create(self, options: BoxOptions | None = None, name: str | None = None) -> Box:
        """Validates and records a box; nothing is pulled or started yet. It works at once and can be awaited.

        `name` is the same as `options.name`. InvalidArgumentError names the option; UnsupportedError;
        AlreadyExistsError where the name is taken.
        """
        began = time.monotonic()
        try:
            box = self._create(options or BoxOptions(), name)
        except BoxliteError:
            self._core.counts.box_failed()
            raise
        self._core.counts.box_created(box.id, max(1, round((time.monotonic() - began) * 1000)))
        return box

    def _create(self, options: BoxOptions, name: str | None) -> Box:
        name = either("name", name, "options.name", options.name)
        refuse_unsupported(options)
        struct = _marshal.box_options(options, name)
        box = ctypes.c_void_p()
        with self._core.use() as runtime:
            check(self._core.lib.boxlite_box_create, ctypes.byref(box), runtime, ctypes.byref(struct))
        return self._box(box)

    def get_or_create(self, options: BoxOptions | None = None, name: str | None = None) -> tuple[Box, bool]:
        """The box of that name, whatever its options, and False; or a new one and True. It can be awaited.

        Without a name it always creates one.
        """
        options = options or BoxOptions()
        name = either("name", name, "options.name", options.name)
        while True:
            found = self._find(name) if name is not None else None
            if found is not None:
                return _Created((found, False))
            try:
                return _Created((self.create(options, name), True))
            except AlreadyExistsError:
                pass  # another process was quicker: take that one

    def get(self, id_or_name: str) -> Box | None:
        """The box with this name, id, or unique beginning of an id, whichever process made it; else None.

        It works at once and can be awaited. InvalidArgumentError where more than one id begins so.
        """
        box = self._find(id_or_name)
        return box if box is not None else _nothing(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]

    def get_info(self, id_or_name: str) -> BoxInfo | None:
        """What the records say of a box, None where there is none. It can be awaited."""
        try:
            box = self._find(id_or_name)
            info = box.info() if box is not None else None
        except NotFoundError:
            info = None
        return info if info is not None else _nothing(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]

    def list(self) -> AwaitableList[BoxInfo]:
        """Every box of the home directory, oldest first. It is there at once and can be awaited."""
        lib, boxes = self._core.lib, ctypes.c_void_p()
        with self._core.use() as runtime:
            check(lib.boxlite_box_list_create, ctypes.byref(boxes), runtime)
        try:
            count = lib.boxlite_box_list_size(boxes)
            return AwaitableList(box_info(lib.boxlite_box_list_get(boxes, n)) for n in range(count))
        finally:
            lib.boxlite_box_list_destroy(boxes)

    def list_info(self) -> AwaitableList[BoxInfo]:
        """`list`."""
        return self.list()

    async def remove(self, id_or_name: str, force: bool = False) -> None:
        """Removes a box and its disk. InvalidStateError where it runs, unless `force`, which stops it at once.

        NotFoundError where there is no such box; no effect for a box of this program that its stop has removed.
        """
        box = self._find(id_or_name) or self._boxes.get(id_or_name)
        if box is None:
            raise NotFoundError(f"there is no box {id_or_name!r}", hint="Boxlite.list shows the boxes that there are")
        await box.remove(force)

    def metrics(self) -> RuntimeMetrics:
        """What this runtime counted since it was opened. It can be awaited."""
        return self._core.counts.read(self.list())

    def _find(self, id_or_name: str) -> Box | None:
        box = ctypes.c_void_p()
        key = _marshal.raw("id_or_name", id_or_name)
        try:
            with self._core.use() as runtime:
                check(self._core.lib.boxlite_box_get, ctypes.byref(box), runtime, key)
        except NotFoundError:
            return None
        return self._box(box)

    def _box(self, pointer: ctypes.c_void_p) -> Box:
        box = Box(self._core, Handle(pointer.value, self._core.lib.boxlite_box_destroy))
        return self._boxes.setdefault(box.id, box)

    # ---- the end

    async def shutdown(self, timeout: float | None = None) -> None:
        """Stops the boxes that this runtime started and that are not detached, and ends it.

        What is not done after `timeout` seconds (10 unless told otherwise) is cancelled. Every later call answers
        StoppedError; again: no effect.
        """
        if self.closed:
            return
        milliseconds = _marshal.milliseconds32("timeout", timeout)
        await Call(self._core).run_plain(
            self._core.lib.boxlite_runtime_shutdown, self._core.runtime, milliseconds, DONE
        )
        self._core.close()

    def disk_usage(self) -> DiskUsage:
        """What the home directory takes on the disk now."""
        lib, usage = self._core.lib, ctypes.c_void_p()
        with self._core.use() as runtime:
            check(lib.boxlite_disk_usage_create, ctypes.byref(usage), runtime)
        try:
            return disk_usage(usage)
        finally:
            lib.boxlite_disk_usage_destroy(usage)

    def close(self) -> None:
        """Ends the runtime now: boxes that are not detached stop, who waits gets CancelledError. Again: no effect.

        It waits for the boxes' end; in a program with an event loop prefer `await shutdown()`.
        """
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.shutdown()


def _renew_lock() -> None:
    global _default_lock
    # Another thread of the parent may have held it.
    _default_lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
