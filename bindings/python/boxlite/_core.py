"""One open runtime of the library, and how its callbacks reach the coroutines that wait for them.

The library calls back only inside boxlite_runtime_drain. While a coroutine waits here, the loop it runs in watches a
duplicate of the runtime's descriptor and drains when that is readable; when no coroutine waits, nothing drains. Any
loop of any thread may drain: a callback finds its handler by an integer key, changes the handler's state and wakes the
futures that wait for it, each in its own loop. So an object may be made in one loop and used in the next, and no code
of the user's runs on a foreign thread or inside a callback.

Threads: everything here may be called from any thread.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import itertools
import os
import threading
import weakref
from collections.abc import Callable, Generator
from typing import Any

from boxlite import _constants, _ffi
from boxlite._library import check, error_of, library
from boxlite._metrics import Counts
from boxlite.errors import BoxliteError, InvalidStateError, StoppedError

# A drain runs a bounded number of callbacks; after so many drains the loop's other work has its turn.
_DRAINS_PER_WAKE = 4
_FORK_HINT = "start the child as a new program (multiprocessing: spawn or forkserver), or fork before a runtime is open"


class Handler:
    """What one call of the library tells about itself; kept alive by its key until `finalize`."""

    def on_done(self, status: int, error: int | None) -> None:
        """The call completed."""

    def on_finalize(self) -> None:
        """Nothing comes after this."""


_handlers: dict[int, Handler] = {}
_keys = itertools.count(1)
# What a handler raised: an exception must not cross into C.
_escaped: list[BaseException] = []


def register(handler: Handler) -> int:
    """A key that stands for the handler as user_data, until finalize or `unregister`."""
    key = next(_keys)
    _handlers[key] = handler
    return key


def unregister(key: int) -> None:
    """For a call that returned an error: its finalize never runs."""
    _handlers.pop(key, None)


def _calls(kind: Any, method: str) -> Any:
    """A C callback of this kind that calls the method of the handler which user_data stands for."""

    def callback(key: int, *arguments: Any) -> None:
        try:
            handler = _handlers.pop(key) if method == "on_finalize" else _handlers[key]
            getattr(handler, method)(*arguments)
        except BaseException as error:
            _escaped.append(error)

    return kind(callback)


# Made once and never freed, so that C cannot hold one that is gone.
DONE = _calls(_ffi.done_cb, "on_done")
FINALIZE = _calls(_ffi.finalize_cb, "on_finalize")
DATA = _calls(_ffi.data_cb, "on_data")
PROGRESS = _calls(_ffi.progress_cb, "on_progress")
IMAGE = _calls(_ffi.image_cb, "on_image")
IMAGES = _calls(_ffi.image_list_cb, "on_images")
PRUNED = _calls(_ffi.prune_cb, "on_pruned")
START = _calls(_ffi.start_cb, "on_start")
STDOUT = _calls(_ffi.data_cb, "on_stdout")
STDERR = _calls(_ffi.data_cb, "on_stderr")
EXIT = _calls(_ffi.exit_cb, "on_exit")
BOX_INFO = _calls(_ffi.box_info_cb, "on_box_info")
FILE_INFO = _calls(_ffi.file_info_cb, "on_file_info")
FILE_LIST = _calls(_ffi.file_list_cb, "on_file_list")
PROCESS_LIST = _calls(_ffi.process_list_cb, "on_process_list")
NO_DONE = _ffi.done_cb()
NO_FINALIZE = _ffi.finalize_cb()
NO_PROGRESS = _ffi.progress_cb()
NO_COPY_PROGRESS = _ffi.copy_progress_cb()


class Signal:
    """Wakes coroutines of any loop. `add` and `take` are called with the lock held that guards what they wait for."""

    def __init__(self) -> None:
        self._waiters: list[asyncio.Future[None]] = []

    def add(self) -> asyncio.Future[None]:
        """A future of the running loop that the next `wake` completes."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters = [waiter for waiter in self._waiters if not waiter.done()]
        self._waiters.append(future)
        return future

    def take(self) -> list[asyncio.Future[None]]:
        """Everybody who waits; give it to `wake` without the lock."""
        waiters, self._waiters = self._waiters, []
        return waiters


def wake(waiters: list[asyncio.Future[None]]) -> None:
    """Completes futures, each in its own loop."""
    try:
        running = asyncio.get_running_loop()
    except RuntimeError:
        running = None
    for future in waiters:
        loop = future.get_loop()
        if loop is running:
            _complete(future)
        else:
            with contextlib.suppress(RuntimeError):  # its loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_complete, future)


def _complete(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Handle:
    """One handle of the library, destroyed when nothing refers to it any more."""

    def __init__(self, pointer: int | None, destroy: Callable[[int | None], None]) -> None:
        self.pointer = pointer
        weakref.finalize(self, _destroy, pointer, destroy, os.getpid()).atexit = False


def _destroy(pointer: int | None, destroy: Callable[[int | None], None], owner: int) -> None:
    if os.getpid() == owner:  # a forked child has only a copy of the number
        destroy(pointer)


class _Watch:
    """A loop that drains because `waiting` of its coroutines wait."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.waiting = 0


class Core:
    """One boxlite_runtime; what Boxlite, Box and Execution share."""

    def __init__(self, options: _ffi.RuntimeOptions) -> None:
        if _forked_from is not None:
            raise InvalidStateError(
                f"this process was forked from process {_forked_from} while that had a runtime open; it can open none",
                hint=_FORK_HINT,
            )
        self.lib = library()
        self.counts = Counts()
        self._lock = threading.Condition(threading.RLock())
        self._watches: dict[asyncio.AbstractEventLoop, _Watch] = {}
        self._users = 0
        self._closing = False
        self._owner = os.getpid()
        self._runtime: int | None = None
        runtime = ctypes.c_void_p()
        _open_cores.add(self)
        try:
            check(self.lib.boxlite_runtime_create, ctypes.byref(runtime), ctypes.byref(options))
        except BaseException:
            _open_cores.discard(self)
            raise
        self._runtime = runtime.value

    @property
    def closed(self) -> bool:
        return self._closing

    @property
    def runtime(self) -> int | None:
        """The handle, for a `Call`, which makes sure that it is not used after `close`."""
        return self._runtime

    @contextlib.contextmanager
    def use(self) -> Generator[int | None]:
        """The runtime's handle, which `close` does not destroy meanwhile. InvalidStateError, StoppedError."""
        self._enter()
        try:
            yield self._runtime
        finally:
            self._leave()

    def _enter(self) -> None:
        if os.getpid() != self._owner:
            raise InvalidStateError(
                f"this runtime was opened by process {self._owner}; a forked child cannot use it",
                hint=_FORK_HINT,
            )
        with self._lock:
            if self._closing:
                raise StoppedError("this runtime was closed", hint="open another one")
            self._users += 1

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            self._lock.notify_all()

    def close(self) -> None:
        """Destroys the runtime: its boxes stop, and whoever waits gets CancelledError. Again: no effect."""
        if os.getpid() != self._owner:
            return
        with self._lock:
            if self._closing:
                return
            self._closing = True
            # Users are calls that do not wait, and drains that do not wait.
            self._lock.wait_for(lambda: self._users == 0)
            self._forget_loops()
        self.lib.boxlite_runtime_destroy(self._runtime)
        _open_cores.discard(self)
        _rethrow(None)

    def _forget_loops(self) -> None:
        for loop, watch in self._watches.items():
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_unwatch, loop, watch.descriptor)
        self._watches.clear()

    # ---- waiting

    async def wait(self, future: asyncio.Future[None]) -> None:
        """Waits for a future that a callback completes; the running loop drains meanwhile."""
        loop = asyncio.get_running_loop()
        self._watch(loop)
        try:
            await future
        finally:
            self._end_watch(loop)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            watch = self._watches.get(loop)
            if watch is None and not self._closing:
                self._drop_closed_loops()
                watch = _Watch(os.dup(self.lib.boxlite_runtime_fd(self._runtime)))
                loop.add_reader(watch.descriptor, self._on_readable, loop, watch.descriptor)
                self._watches[loop] = watch
            if watch is not None:
                watch.waiting += 1

    def _end_watch(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._lock:
            watch = self._watches.get(loop)
            if watch is not None:
                watch.waiting -= 1
                if watch.waiting == 0:
                    del self._watches[loop]
                    _unwatch(loop, watch.descriptor)

    def _drop_closed_loops(self) -> None:
        for loop in [loop for loop in self._watches if loop.is_closed()]:
            _unwatch(loop, self._watches.pop(loop).descriptor)

    def _on_readable(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        try:
            with self.use() as runtime:
                for _ in range(_DRAINS_PER_WAKE):
                    ran = self.lib.boxlite_runtime_drain(runtime, 0)
                    _rethrow(loop)
                    if ran <= 0:
                        break
                else:
                    loop.call_soon(self._on_readable, loop, descriptor)
        except InvalidStateError:  # a forked child goes on with its parent's loop
            loop.remove_reader(descriptor)
        except StoppedError:  # `close` has sent an _unwatch after us
            pass


def _unwatch(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    if not loop.is_closed():
        loop.remove_reader(descriptor)
    os.close(descriptor)


def _rethrow(loop: asyncio.AbstractEventLoop | None) -> None:
    """Gives what handlers raised to the loop: a KeyboardInterrupt as it is, anything else is a mistake of ours."""
    while _escaped:
        error = _escaped.pop()
        if not isinstance(error, Exception):
            raise error
        if loop is not None:
            loop.call_exception_handler({"message": "boxlite: a callback failed", "exception": error})


class Call(Handler):
    """One asynchronous call of the library that completes by `done`; awaited once, in the loop that made it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lock = threading.RLock()
        self._signal = Signal()
        self.completed = False
        self.failure: BoxliteError | None = None

    def on_done(self, status: int, error: int | None) -> None:
        failure = error_of(status, error) if status != _constants.Status.OK else None
        with self._lock:
            self.completed, self.failure = True, failure
            waiters = self._signal.take()
        wake(waiters)

    async def run(self, begin: Callable[..., int], *arguments: Any, cancel: bool = True) -> None:
        """Calls `begin(*arguments, key, FINALIZE, operation, error)` and waits for its completion.

        A cancelled coroutine cancels the operation as well, unless `cancel` is False: then it goes on by itself.
        """
        operation = ctypes.c_void_p()
        self.begin(begin, *arguments, more=(ctypes.byref(operation),))
        try:
            await self.completion()
        finally:
            if cancel and not self.completed:
                self._core.lib.boxlite_operation_cancel(operation)
            self._core.lib.boxlite_operation_destroy(operation)

    async def run_plain(self, begin: Callable[..., int], *arguments: Any) -> None:
        """As `run`, for a call without an operation."""
        self.begin(begin, *arguments)
        await self.completion()

    def begin(self, begin: Callable[..., int], *arguments: Any, more: tuple[Any, ...] = ()) -> None:
        """Makes the call. Whatever it answers is raised, and then nothing calls back."""
        key = register(self)
        try:
            with self._core.use():
                check(begin, *arguments, key, FINALIZE, *more)
        except BaseException:
            unregister(key)
            raise

    async def completion(self) -> None:
        """Waits for the completion and raises its error."""
        completed = False
        while not completed:
            with self._lock:
                completed = self.completed
                waiter = None if completed else self._signal.add()
            if waiter is not None:
                await self._core.wait(waiter)
            self.tell()
        if self.failure is not None:
            raise self.failure

    def tell(self) -> None:
        """Runs in the coroutine that waits, after news and at the end."""


_open_cores: set[Core] = set()
# The process that this one was forked from, where the library's threads ran there.
_forked_from: int | None = None


def _close_all() -> None:
    for core in list(_open_cores):
        core.close()


def _after_fork_in_child() -> None:
    # The parent's handles stay the parent's: their calls answer InvalidStateError, nothing here ends them. Nor can the
    # library be used afresh: its threads may have held a lock at that moment, of SQLite for one; here nobody frees it.
    global _forked_from
    if _open_cores:
        _forked_from = os.getppid()
    for core in _open_cores:
        core.counts = Counts()  # another thread of the parent may have held its lock
    _open_cores.clear()
    _handlers.clear()
    _escaped.clear()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_after_fork_in_child)
