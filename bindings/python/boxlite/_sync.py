"""How boxes work for programs without asyncio, and SyncBox and SyncExecution.

Every call runs the coroutine of the asynchronous class in an event loop that one thread of the package keeps, and waits
for it. So the calls work in any thread and in several at once, also in a thread whose own event loop is running (which
they hold up meanwhile, as anything that blocks does); and no code of the caller's runs on that thread: progress is told
on the caller's. An exception that arrives while a call waits, as KeyboardInterrupt does, cancels it.
"""

from __future__ import annotations

import asyncio
import builtins
import os
import signal
import threading
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from boxlite._box import Box, Path
from boxlite._execution import MAX_OUTPUT, ExecResult, ExecStdin, Execution, OutputStream
from boxlite._files import FileInfo, Files, ProcessInfo
from boxlite._info import BoxInfo
from boxlite._metrics import BoxMetrics
from boxlite._options import Env
from boxlite._simplebox import SimpleBox
from boxlite.errors import WouldDeadlockError

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")


class Worker:
    """The thread with the event loop; made at the first call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begins the coroutine."""
        if threading.current_thread() is self._thread:
            work.close()
            raise WouldDeadlockError(
                "a synchronous call of boxlite was made on the thread that carries these calls out",
                hint="make it in another thread; finalizers of objects may run on any",
            )
        return asyncio.run_coroutine_threadsafe(work, self._started())

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_carry, args=(self._loop,), name="boxlite-sync", daemon=True)
                self._thread.start()
            return self._loop


def _carry(loop: asyncio.AbstractEventLoop) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for the program's own threads
    loop.run_forever()


_worker = Worker()


def _after_fork_in_child() -> None:
    global _worker
    _worker = Worker()  # the thread is the parent's


os.register_at_fork(after_in_child=_after_fork_in_child)


def worker() -> Worker:
    """The one of this process."""
    return _worker


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Runs the coroutine to its end."""
    future = _worker.submit(work)
    try:
        return future.result()
    finally:
        future.cancel()


async def _next(stream: OutputStream) -> str | None:
    return await anext(stream, None)


async def _next_chunk(chunks: Any) -> bytes | None:
    chunk: bytes | None = await anext(chunks, None)
    return chunk


class SyncOutputStream:
    """stdout or stderr of an execution: an iterator of lines without their end."""

    def __init__(self, stream: OutputStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = finish(_next(self._stream))
        if line is None:
            raise StopIteration
        return line

    def chunks(self) -> Iterator[bytes]:
        """The raw bytes as they come, without limit."""
        chunks = self._stream.chunks()
        while (chunk := finish(_next_chunk(chunks))) is not None:
            yield chunk


class SyncExecStdin:
    """Writes to the standard input of an execution."""

    def __init__(self, stdin: ExecStdin) -> None:
        self._stdin = stdin

    def send_input(self, data: bytes | str) -> None:
        """As `ExecStdin.send_input`."""
        finish(self._stdin.send_input(data))

    def close(self) -> None:
        """As `ExecStdin.close`."""
        finish(self._stdin.close())


class SyncExecution:
    """A command that runs in a box; `SyncBox.exec` makes it. As `Execution`."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    @property
    def id(self) -> str:
        """Unique among the executions of this process."""
        return self._execution.id

    def stdout(self) -> SyncOutputStream:
        """An iterator of the lines of stdout."""
        return SyncOutputStream(self._execution.stdout())

    def stderr(self) -> SyncOutputStream:
        """An iterator of the lines of stderr."""
        return SyncOutputStream(self._execution.stderr())

    def stdin(self) -> SyncExecStdin:
        """Writes to stdin."""
        return SyncExecStdin(self._execution.stdin())

    def wait(self) -> ExecResult:
        """As `Execution.wait`."""
        return finish(self._execution.wait())

    def kill(self, signal: int = 9) -> None:
        """Sends a signal to the whole process tree. After the end: no effect."""
        finish(self._execution.kill(signal))

    def signal(self, number: int) -> None:
        """Sends a signal to the main process. After the end: no effect."""
        finish(self._execution.signal(number))

    def resize_tty(self, rows: int, cols: int) -> None:
        """Sets the size of the terminal. InvalidStateError without `tty=True`."""
        finish(self._execution.resize_tty(rows, cols))


class SyncFiles:
    """The files of a box, `box.files`. As `Files`."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def list(self, path: Path) -> builtins.list[FileInfo]:
        """As `Files.list`."""
        return finish(self._files.list(path))

    def stat(self, path: Path, *, follow_symlinks: bool = False) -> FileInfo:
        """As `Files.stat`."""
        return finish(self._files.stat(path, follow_symlinks=follow_symlinks))

    def exists(self, path: Path) -> bool:
        """As `Files.exists`."""
        return finish(self._files.exists(path))

    def mkdir(self, path: Path, mode: int = 0o755, *, parents: bool = False) -> None:
        """As `Files.mkdir`."""
        finish(self._files.mkdir(path, mode, parents=parents))

    def rename(self, old: Path, new: Path, *, overwrite: bool = True) -> None:
        """As `Files.rename`."""
        finish(self._files.rename(old, new, overwrite=overwrite))

    def remove(self, path: Path, *, recursive: bool = False) -> None:
        """As `Files.remove`."""
        finish(self._files.remove(path, recursive=recursive))


class SyncParts:
    """What `SyncBox` and `SyncSimpleBox` have in common."""

    def __init__(self, below: Box | SimpleBox) -> None:
        self._below = below

    @property
    def id(self) -> str:
        """26 characters (ULID). InvalidStateError before it is made."""
        return self._below.id

    @property
    def name(self) -> str | None:
        """Unique in the home directory; None where it has none."""
        return self._below.name

    def info(self) -> BoxInfo:
        """As `Box.info`."""
        return self._below.info()

    def metrics(self) -> BoxMetrics:
        """As `Box.metrics`."""
        return self._below.metrics()

    @property
    def files(self) -> SyncFiles:
        """As `Box.files`."""
        return SyncFiles(self._below.files)

    def processes(self) -> list[ProcessInfo]:
        """As `Box.processes`."""
        return finish(self._below.processes())

    def write_file(self, path: Path, data: str | bytes, mode: int = 0o644) -> None:
        """As `Box.write_file`."""
        finish(self._below.write_file(path, data, mode))

    def read_file(self, path: Path, *, max_size: int = MAX_OUTPUT) -> bytes:
        """As `Box.read_file`."""
        return finish(self._below.read_file(path, max_size=max_size))

    def copy_in(
        self,
        host: Path,
        guest: Path,
        *,
        overwrite: bool = True,
        follow_symlinks: bool = False,
        include_parent: bool = True,
    ) -> None:
        """As `Box.copy_in`."""
        finish(
            self._below.copy_in(
                host,
                guest,
                overwrite=overwrite,
                follow_symlinks=follow_symlinks,
                include_parent=include_parent,
            )
        )

    def copy_out(
        self,
        guest: Path,
        host: Path,
        *,
        overwrite: bool = True,
        follow_symlinks: bool = False,
        include_parent: bool = True,
    ) -> None:
        """As `Box.copy_out`."""
        finish(
            self._below.copy_out(
                guest,
                host,
                overwrite=overwrite,
                follow_symlinks=follow_symlinks,
                include_parent=include_parent,
            )
        )


class SyncBox(SyncParts):
    """A box of a `SyncBoxlite`. As `Box`; a `with` block starts it and stops it."""

    def __init__(self, box: Box) -> None:
        super().__init__(box)
        self._box = box

    def __repr__(self) -> str:
        return f"<boxlite.SyncBox {self.id}>"

    def exec(
        self,
        command: str | bytes | Sequence[str | bytes],
        *args: Any,
        env: Env | None = None,
        tty: bool = False,
        user: str | None = None,
        cwd: str | None = None,
        timeout: float | None = None,
        stdin: bool | bytes | str | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> SyncExecution:
        """As `Box.exec`: returns when the command runs."""
        begun = self._box.exec(
            command,
            *args,
            env=env,
            tty=tty,
            user=user,
            cwd=cwd,
            timeout=timeout,
            stdin=stdin,
            max_output=max_output,
        )
        return SyncExecution(finish(begun))

    def start(self) -> None:
        """As `Box.start`."""
        finish(self._box.start())

    def stop(self, timeout: float | None = None) -> None:
        """As `Box.stop`."""
        finish(self._box.stop(timeout))

    def remove(self, force: bool = False) -> None:
        """As `Box.remove`."""
        finish(self._box.remove(force))

    def wait(self) -> BoxInfo:
        """As `Box.wait`."""
        return finish(self._box.wait())

    def pause(self) -> None:
        """As `Box.pause`."""
        finish(self._box.pause())

    def resume(self) -> None:
        """As `Box.resume`."""
        finish(self._box.resume())

    def snapshot(self, name: str) -> Any:
        """As `Box.snapshot`."""
        return finish(self._box.snapshot(name))

    def fork(self, n: int = 1) -> Any:
        """As `Box.fork`."""
        return finish(self._box.fork(n))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
