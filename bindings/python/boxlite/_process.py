"""The state of one execution, which the library's callbacks change and coroutines of any loop wait for.

The library holds it back after one window of output that nobody read (BOXLITE_EXEC_MANUAL_CREDIT). Credit is given when
output is read, at once while somebody waits for the end, and at once for an execution that nobody refers to any more.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from boxlite import _constants, _ffi
from boxlite._core import (
    DONE,
    EXIT,
    FINALIZE,
    START,
    STDERR,
    STDOUT,
    Core,
    Handle,
    Handler,
    Signal,
    register,
    unregister,
    wake,
)
from boxlite._library import check, error_of, text
from boxlite._output import Output
from boxlite.errors import BoxliteError

T = TypeVar("T")


class StreamState:
    """One output stream: what came, who reads, who waits for more."""

    def __init__(self, stream: _constants.Stream, limit: int) -> None:
        self.stream = stream
        self.output = Output(limit)
        self.arrived = Signal()
        self.readers: weakref.WeakSet[Any] = weakref.WeakSet()


class Process(Handler):
    """One execution of the library."""

    def __init__(self, core: Core, limit: int, box_id: str) -> None:
        self.core = core
        self._box_id = box_id
        self.lock = threading.RLock()
        self.stdout = StreamState(_constants.Stream.STDOUT, limit)
        self.stderr = StreamState(_constants.Stream.STDERR, limit)
        self.changed = Signal()  # it started or ended
        self.started = False
        self.ended = False
        self.failure: BoxliteError | None = None
        self.exit_code = 0
        self.timed_out = False
        self.duration_ms = 0
        self._collectors = 0
        self._abandoned = False
        self._handle: Handle | None = None

    def begin(self, box: Handle, options: _ffi.ExecOptions) -> None:
        """Starts it. Whatever the library answers is raised."""
        options.on_start, options.on_stdout, options.on_stderr, options.on_exit = START, STDOUT, STDERR, EXIT
        options.finalize = FINALIZE
        options.user_data = key = register(self)
        execution = ctypes.c_void_p()
        try:
            with self.core.use():
                self._begin(ctypes.byref(execution), box.pointer, ctypes.byref(options))
        except BaseException:
            unregister(key)
            raise
        self._handle = Handle(execution.value, self.core.lib.boxlite_execution_destroy)

    def _begin(self, *arguments: Any) -> None:
        self.core.counts.exec_begins(self._box_id)
        try:
            check(self.core.lib.boxlite_box_exec, *arguments)
        except BoxliteError:
            self.core.counts.exec_failed(self._box_id)
            raise

    @property
    def id(self) -> str:
        return text(self.core.lib.boxlite_execution_id(self._pointer))

    @property
    def _pointer(self) -> int | None:
        return self._handle.pointer if self._handle else None

    # ---- what the library tells

    def on_start(self, _pid: int) -> None:
        with self.lock:
            self.started = True
            waiters = self.changed.take()
        wake(waiters)

    def on_stdout(self, address: int, size: int) -> None:
        self._on_output(self.stdout, ctypes.string_at(address, size))

    def on_stderr(self, address: int, size: int) -> None:
        self._on_output(self.stderr, ctypes.string_at(address, size))

    def _on_output(self, state: StreamState, data: bytes) -> None:
        with self.lock:
            state.output.feed(data)
            self._settle(state)
            waiters = state.arrived.take()
        self._give_credit(state)
        wake(waiters)

    def on_exit(self, status: int, error: int | None, result: int | None) -> None:
        lib = self.core.lib
        with self.lock:
            self.ended = self.stdout.output.ended = self.stderr.output.ended = True
            if status == _constants.Status.OK:
                self.exit_code = lib.boxlite_exec_result_exit_code(result)
                self.timed_out = bool(lib.boxlite_exec_result_timed_out(result))
                self.duration_ms = lib.boxlite_exec_result_duration_ms(result)
            else:
                self.failure = error_of(status, error)
                self.core.counts.exec_failed(self._box_id)
            waiters = self.changed.take() + self.stdout.arrived.take() + self.stderr.arrived.take()
        wake(waiters)

    # ---- reading and waiting

    async def wait_started(self) -> None:
        """Until the command runs. Raises why it could not be started."""
        while (waiter := self._waiter(self.changed, lambda: self.started or self.ended)) is not None:
            await self.core.wait(waiter)
        if not self.started and self.failure is not None:
            raise self.failure

    async def wait_ended(self) -> None:
        """Until it ended; meanwhile its output is collected. Raises why the library lost it."""
        self._collect(1)
        try:
            while (waiter := self._waiter(self.changed, lambda: self.ended)) is not None:
                await self.core.wait(waiter)
        finally:
            self._collect(-1)
        if self.failure is not None:
            raise self.failure

    async def read(self, state: StreamState, take: Callable[[Output], T | None]) -> T | None:
        """What `take` finds in the stream, as soon as it finds something; None at the end."""
        while True:
            with self.lock:
                found = take(state.output)
                ended = state.output.ended
                waiter = None if found is not None or ended else state.arrived.add()
            self._give_credit(state)
            if waiter is None:
                return found
            await self.core.wait(waiter)

    def _waiter(self, signal: Signal, reached: Callable[[], bool]) -> asyncio.Future[None] | None:
        with self.lock:
            return None if reached() else signal.add()

    def _collect(self, change: int) -> None:
        with self.lock:
            self._collectors += change
        self._resettle()

    def _resettle(self) -> None:
        for state in (self.stdout, self.stderr):
            with self.lock:
                self._settle(state)
            self._give_credit(state)

    def _settle(self, state: StreamState) -> None:
        if self._abandoned:
            state.output.discard()
        elif self._collectors:
            state.output.collect(may_drop=not state.readers)

    def _give_credit(self, state: StreamState) -> None:
        with self.lock:
            size = 0 if self.ended else state.output.credit()
        if size:
            try:
                check(self.core.lib.boxlite_execution_consume, self._pointer, state.stream, size)
            except BoxliteError:
                pass  # it ended meanwhile

    def abandon(self) -> None:
        """Nobody refers to the execution any more: its output must not hold it back, its input can never come."""
        self._abandoned = True
        if not self.ended and not self.core.closed:
            self._resettle()
            self.close_stdin_quietly()

    # ---- what it is told

    def kill(self, number: int) -> None:
        """A signal to the whole tree."""
        check(self.core.lib.boxlite_execution_kill, self._pointer, number)

    def kill_quietly(self) -> None:
        """SIGKILL to the whole tree; for a caller that is on its way out with another error."""
        try:
            self.kill(9)
        except BoxliteError:
            pass

    def signal(self, number: int) -> None:
        """A signal to the main process."""
        check(self.core.lib.boxlite_execution_signal, self._pointer, number)

    def resize(self, rows: int, columns: int) -> None:
        """The size of the terminal."""
        check(self.core.lib.boxlite_execution_resize, self._pointer, rows, columns)

    def resize_quietly(self, rows: int, columns: int) -> None:
        """As `resize`, where it may have ended."""
        try:
            self.resize(rows, columns)
        except BoxliteError:
            pass

    def write_stdin(self, data: bytes, handler: Handler) -> None:
        """Queues bytes; `handler.on_done` when the guest has taken them."""
        key = register(handler)
        try:
            with self.core.use():
                check(self.core.lib.boxlite_execution_write_stdin, self._pointer, data, len(data), DONE, key, FINALIZE)
        except BaseException:
            unregister(key)
            raise

    def close_stdin(self) -> None:
        """End of file after what is queued."""
        check(self.core.lib.boxlite_execution_close_stdin, self._pointer)

    def close_stdin_quietly(self) -> None:
        """As `close_stdin`, where it may have ended or have no stdin."""
        try:
            self.close_stdin()
        except BoxliteError:
            pass
