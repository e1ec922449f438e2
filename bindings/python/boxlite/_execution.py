"""Execution: a command that runs in a box, its streams and its result."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import AsyncIterator

from boxlite._core import Call, Handler
from boxlite._process import Process, StreamState
from boxlite.errors import BoxliteError, ResourceExhaustedError

MAX_OUTPUT = 64 * 1024 * 1024
"""Bytes of each stream that `Execution.wait` keeps, unless told otherwise."""

_CHUNK = 256 * 1024
_PIECE = 1024 * 1024


@dataclasses.dataclass(frozen=True)
class ExecResult:
    """How a command ended, and of its output what nobody streamed."""

    exit_code: int
    """Minus the signal's number where a signal ended it."""
    stdout_bytes: bytes = b""
    stderr_bytes: bytes = b""
    timed_out: bool = False
    duration_ms: int = 0
    """From start to end in the box."""
    truncated: bool = False
    """More came than `max_output`: the first and the last half of that are there."""
    error_message: str | None = None
    """Why it did not end by itself, where boxlite knows."""

    @property
    def returncode(self) -> int:
        """`exit_code`."""
        return self.exit_code

    @property
    def stdout(self) -> str:
        """`stdout_bytes` as text; what is not UTF-8 becomes U+FFFD."""
        return self.stdout_bytes.decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        """`stderr_bytes` as text."""
        return self.stderr_bytes.decode("utf-8", "replace")


class _Reader:
    """What the iterators of a stream share. It keeps the execution alive, which else lets its output go."""

    def __init__(self, execution: Execution, process: Process, state: StreamState) -> None:
        self._execution = execution
        self._process = process
        self._state = state
        self._begun = False

    def _begin(self) -> None:
        with self._process.lock:
            if not self._begun:
                self._begun = True
                self._state.readers.add(self)
            if self._state.output.cut:
                dropped = self._state.output.skip_gap()
                raise ResourceExhaustedError(
                    f"{dropped} bytes of {self._state.stream.name.lower()} were dropped while wait() collected it",
                    hint="iterate while it runs, or give exec a larger max_output; iterating again goes on behind them",
                )


class OutputStream(_Reader):
    """stdout or stderr of an execution: an async iterator of lines without their end.

    Each line comes once, whoever iterates. A line longer than `max_output` comes in pieces.
    """

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        self._begin()
        line = await self._process.read(self._state, lambda output: output.line())
        if line is None:
            self._state.readers.discard(self)
            raise StopAsyncIteration
        if line.endswith(b"\n"):
            line = line[:-2] if line.endswith(b"\r\n") else line[:-1]
        return line.decode("utf-8", "replace")

    def chunks(self) -> AsyncIterator[bytes]:
        """The raw bytes as they come, without limit."""
        return _Chunks(self._execution, self._process, self._state)


class _Chunks(_Reader):
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        self._begin()
        chunk = await self._process.read(self._state, lambda output: output.chunk(_CHUNK))
        if chunk is None:
            self._state.readers.discard(self)
            raise StopAsyncIteration
        return chunk


ExecStdout = OutputStream
ExecStderr = OutputStream


class ExecStdin:
    """Writes to the standard input of an execution."""

    def __init__(self, execution: Execution, process: Process) -> None:
        self._execution = execution
        self._process = process

    async def send_input(self, data: bytes | str) -> None:
        """Writes, and waits until the box has taken it; up to 1 MiB may wait there for the process. Text goes as UTF-8.

        StoppedError where the execution has ended, InvalidStateError after `close`.
        """
        encoded = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(memoryview(data))
        for start in range(0, len(encoded), _PIECE):
            await self._send(encoded[start : start + _PIECE])

    async def _send(self, piece: bytes) -> None:
        call = Call(self._process.core)
        self._process.write_stdin(piece, call)
        await call.completion()

    async def close(self) -> None:
        """End of file after what was written; at a terminal its end-of-file character. Again: no effect."""
        self._process.close_stdin()


class Feeder(Handler):
    """Writes given bytes to stdin, piece by piece as the guest takes them, and closes it; needs no coroutine."""

    def __init__(self, process: Process, data: bytes) -> None:
        self._process = process
        self._rest = memoryview(data)

    def feed(self) -> None:
        """Queues the next piece, or the end."""
        try:
            if self._rest:
                piece, self._rest = self._rest[:_PIECE], self._rest[_PIECE:]
                self._process.write_stdin(bytes(piece), self)
            else:
                self._process.close_stdin()
        except BoxliteError:
            self._rest = self._rest[:0]  # the process ended, or closed its stdin

    def on_done(self, status: int, error: int | None) -> None:
        if status == 0:
            self.feed()


class Execution:
    """A command that runs in a box; `Box.exec` makes it.

    Output that nobody reads waits in one window and then holds the process back, until it is iterated or `wait` is
    called. Ending a wait early leaves the process alone; `kill` ends it. The objects may be used in several event
    loops, one after the other or at once.
    """

    def __init__(self, process: Process, timeout: float | None) -> None:
        self._process = process
        self._timeout = timeout
        self._keep_stdin = False
        self._result: ExecResult | None = None
        weakref.finalize(self, process.abandon).atexit = False

    def __repr__(self) -> str:
        return f"<boxlite.Execution {self.id}>"

    @property
    def id(self) -> str:
        """Unique among the executions of this process."""
        return self._process.id

    def stdout(self) -> OutputStream:
        """An async iterator of the lines of stdout."""
        return OutputStream(self, self._process, self._process.stdout)

    def stderr(self) -> OutputStream:
        """An async iterator of the lines of stderr."""
        return OutputStream(self, self._process, self._process.stderr)

    def stdin(self) -> ExecStdin:
        """Writes to stdin. InvalidStateError from its methods where `exec` was told not to open it."""
        self._keep_stdin = True
        return ExecStdin(self, self._process)

    def keep_stdin(self) -> None:
        """Lets `wait` leave stdin open, as after `stdin()`."""
        self._keep_stdin = True

    async def wait(self) -> ExecResult:
        """Waits for the end and returns the result, the same one however often it is called.

        The result's texts hold what nobody streamed, at most `max_output` of each stream. A stdin that nobody asked
        for is closed, so that a command which reads it ends. A time limit shows as `.timed_out`. Raises where the
        end is not known: StoppedError where the box stopped meanwhile, EngineError where its machine failed.
        """
        if not self._keep_stdin:
            self._process.close_stdin_quietly()
        await self._process.wait_ended()
        if self._result is None:
            self._result = self._make_result()
        return self._result

    def _make_result(self) -> ExecResult:
        process = self._process
        with process.lock:
            stdout, stderr = process.stdout.output, process.stderr.output
            return ExecResult(
                exit_code=process.exit_code,
                stdout_bytes=stdout.everything(),
                stderr_bytes=stderr.everything(),
                timed_out=process.timed_out,
                duration_ms=process.duration_ms,
                truncated=stdout.dropped > 0 or stderr.dropped > 0,
                error_message=f"it was ended after {self._timeout} seconds" if process.timed_out else None,
            )

    async def kill(self, signal: int = 9) -> None:
        """Sends a signal to the whole process tree. After the end: no effect."""
        self._process.kill(signal)

    def kill_quietly(self) -> None:
        """SIGKILL to the whole tree; for a caller that is on its way out with another error."""
        self._process.kill_quietly()

    async def signal(self, number: int) -> None:
        """Sends a signal to the main process. After the end: no effect."""
        self._process.signal(number)

    async def resize_tty(self, rows: int, cols: int) -> None:
        """Sets the size of the terminal. InvalidStateError without `tty=True`."""
        self._process.resize(rows, cols)

    def resize_quietly(self, rows: int, cols: int) -> None:
        """As `resize_tty`; after the end: no effect."""
        self._process.resize_quietly(rows, cols)
