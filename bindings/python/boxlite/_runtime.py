"""Boxlite: an open home directory, its boxes and its images."""

from __future__ import annotations

import ctypes
import opcode
import os
import sys
import threading
import weakref
from collections.abc import Callable, Generator
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from boxlite import _marshal
from boxlite._box import Box
from boxlite._core import DONE, IMAGE, PROGRESS, Call, Core, Handle, wake
from boxlite._info import AwaitableList, BoxInfo, ImageInfo, PullProgress, box_info, image_info, pull_progress
from boxlite._library import check
from boxlite._options import BoxOptions, Options, either, refuse_unsupported, unsupported_call
from boxlite.errors import AlreadyExistsError, InternalError, InvalidStateError, NotFoundError

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


class _Pull(Call):
    """A pull: news of its progress, and in the end the image."""

    def __init__(self, core: Core, listener: Callable[[PullProgress], object] | None) -> None:
        super().__init__(core)
        self._listener = listener
        self._news: PullProgress | None = None
        self.image: ImageInfo | None = None

    def on_progress(self, progress: Any) -> None:
        with self._lock:
            self._news = pull_progress(progress.contents)
            waiters = self._signal.take()
        wake(waiters)

    def on_image(self, status: int, error: int | None, image: int | None) -> None:
        self.image = image_info(image) if image else None
        self.on_done(status, error)

    def tell(self) -> None:
        with self._lock:
            news, self._news = self._news, None
        if news is not None and self._listener is not None:
            self._listener(news)


class Images:
    """The images of a home directory; `Boxlite.images`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def pull(self, reference: str, progress: Callable[[PullProgress], object] | None = None) -> ImageInfo:
        """Fetches an image and makes its root file system; what is there already is not fetched again.

        `progress` is called in the running loop with the latest state; what it raises ends the pull and is raised.
        ImageError, NetworkError. Cancelled, what was fetched may stay for the next try.
        """
        pull = _Pull(self._core, progress)
        name = _marshal.raw("reference", reference)
        await pull.run(self._core.lib.boxlite_image_pull, self._core.runtime, name, PROGRESS, IMAGE)
        if pull.image is None:
            raise InternalError(f"the pull of {reference!r} ended without an image and without an error")
        return pull.image

    def list(self) -> AwaitableList[ImageInfo]:
        """Every image of the home directory. It is there at once and can be awaited."""
        lib, images = self._core.lib, ctypes.c_void_p()
        with self._core.use() as runtime:
            check(lib.boxlite_image_list_create, ctypes.byref(images), runtime)
        try:
            count = lib.boxlite_image_list_size(images)
            return AwaitableList(image_info(lib.boxlite_image_list_get(images, n)) for n in range(count))
        finally:
            lib.boxlite_image_list_destroy(images)

    async def remove(self, reference: str) -> None:
        """Removes an image, and what no other image and no box uses. NotFoundError; BusyError where a box uses it."""
        name = _marshal.raw("reference", reference)
        await Call(self._core).run_plain(self._core.lib.boxlite_image_remove, self._core.runtime, name, DONE)

    async def prune(self) -> NoReturn:
        """UnsupportedError."""
        raise unsupported_call("Boxlite.images.prune")


class Boxlite:
    """A runtime: it opens a home directory; any number of them, also of other processes, may have it open.

    Boxes that it started and that are not detached stop when it is closed, at the latest when the program ends. What
    is awaited may be awaited in any event loop; what answers from the records answers at once, with or without await.
    """

    _default: Boxlite | None = None
    _default_lock = threading.Lock()

    def __init__(self, options: Options | None = None) -> None:
        self._core = Core(_marshal.runtime_options(options or Options()))
        self._boxes: weakref.WeakValueDictionary[str, Box] = weakref.WeakValueDictionary()
        self._images = Images(self._core)

    @classmethod
    def default(cls) -> Boxlite:
        """The runtime of this process: `$BOXLITE_HOME`, else ~/.boxlite, unless `init_default` said otherwise."""
        with cls._default_lock:
            if cls._default is None or cls._default.closed:
                cls._default = cls()
            return cls._default

    @classmethod
    def init_default(cls, options: Options) -> Boxlite:
        """Makes the runtime of this process, before its first use. InvalidStateError where there is one already."""
        with cls._default_lock:
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
        options = options or BoxOptions()
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
        return box if box is not None else _nothing(sys._getframe(1))

    def get_info(self, id_or_name: str) -> BoxInfo | None:
        """What the records say of a box, None where there is none. It can be awaited."""
        try:
            box = self._find(id_or_name)
            info = box.info() if box is not None else None
        except NotFoundError:
            info = None
        return info if info is not None else _nothing(sys._getframe(1))

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

    def metrics(self) -> NoReturn:
        """UnsupportedError."""
        raise unsupported_call("Boxlite.metrics")

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
    # Another thread of the parent may have held it.
    Boxlite._default_lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
