"""Box: a micro-VM, recorded or running."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Generator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, cast

from boxlite import _constants, _ffi, _files, _marshal
from boxlite._core import DATA, DONE, NO_PROGRESS, Call, Handle, wake
from boxlite._execution import MAX_OUTPUT, Execution, Feeder
from boxlite._info import BoxInfo, box_info
from boxlite._library import check, text
from boxlite._metrics import BoxCounts, BoxMetrics
from boxlite._options import Env, unsupported_call
from boxlite._process import Process
from boxlite.errors import BoxliteError, InvalidArgumentError, NotFoundError, ResourceExhaustedError

if TYPE_CHECKING:
    from typing_extensions import Self

    from boxlite._core import Core

Path: TypeAlias = "str | bytes | os.PathLike[str]"


class _Read(Call):
    """A call that brings the bytes of a file, whose size the box decides."""

    def __init__(self, core: Core, path: Path, max_size: int) -> None:
        super().__init__(core)
        self.data = bytearray()
        self._path = path
        self._max_size = max_size
        self._too_large = False

    def on_data(self, address: int, size: int) -> None:
        with self._lock:
            self._too_large = self._too_large or len(self.data) + size > self._max_size
            if not self._too_large:
                self.data += ctypes.string_at(address, size)
                return
            self.data.clear()
            waiters = self._signal.take()
        wake(waiters)

    def tell(self) -> None:
        """Ends the wait, and with it the operation, where too much came."""
        if self._too_large:
            raise ResourceExhaustedError(
                f"file {os.fsdecode(self._path)} of the box is larger than max_size={self._max_size} bytes",
                hint="Give a larger max_size, or copy a part of the file in the box first.",
            )


def flatten(command: Any, arguments: tuple[Any, ...]) -> list[bytes]:
    """argv of `exec("echo", "hi")`, `exec("echo", ["hi"])` and `exec(["echo", "hi"])`."""
    argv: list[bytes] = []
    for argument in (command, *arguments):
        if isinstance(argument, (list, tuple)):
            group = cast(Sequence[Any], argument)
            argv += [_marshal.raw(f"argument {len(argv) + n}", word) for n, word in enumerate(group)]
        else:
            argv.append(_marshal.raw(f"argument {len(argv)}", argument))
    return argv


class Box:
    """A box of a runtime; `Boxlite.create` and `Boxlite.get` make it. It works at once and can also be awaited.

    As an async context manager it is started at the beginning and stopped at the end, which also removes it where it
    is `auto_remove`.
    """

    def __init__(self, core: Core, handle: Handle) -> None:
        self._core = core
        self._handle = handle
        self._name: str | None = None
        self._name_read = False

    def __await__(self) -> Generator[Any, None, Self]:
        return self
        yield

    def __repr__(self) -> str:
        return f"<boxlite.Box {self.id}>"

    @property
    def id(self) -> str:
        """26 characters (ULID)."""
        return text(self._core.lib.boxlite_box_id(self._handle.pointer))

    @property
    def name(self) -> str | None:
        """Unique in the home directory; None where it has none."""
        if not self._name_read:
            self._name, self._name_read = self.info().name, True
        return self._name

    async def exec(
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
    ) -> Execution:
        """Runs a command and returns when it runs; the box is started first where it does not run.

        `command` is looked up in PATH where it has no slash; `args` are words, or lists of words. `env`: a dict or
        pairs, over the box's. `tty`: a terminal; all output then comes on stdout. `user`: name or number, ":group" may
        follow. `cwd` must exist in the box. `timeout`: seconds, then the whole process tree is killed and the result
        says `timed_out`. `stdin`: None opens it and `Execution.wait` closes it where nobody asked for it; True leaves
        it open until it is closed; False is /dev/null; bytes or text are written, and then it is closed.
        `max_output`: bytes of each stream that `Execution.wait` keeps.

        ExecutionError where the command cannot be started (`.os_errno` ENOENT: not found), InvalidArgumentError for
        cwd, user and values that cannot be. Cancelled, it leaves nothing running.
        """
        if max_output < 2:
            raise InvalidArgumentError(f"max_output={max_output} must be at least 2 bytes")
        process = Process(self._core, max_output, self.id)
        self._counts.wanted()
        process.begin(self._handle, self._exec_options(flatten(command, args), env, tty, user, cwd, timeout, stdin))
        execution = Execution(process, timeout)
        if isinstance(stdin, (bytes, str)):
            Feeder(process, stdin.encode("utf-8", "surrogateescape") if isinstance(stdin, str) else stdin).feed()
        if stdin is not None:
            execution.keep_stdin()
        try:
            await process.wait_started()
        except BaseException:
            process.kill_quietly()
            raise
        return execution

    @staticmethod
    def _exec_options(
        argv: list[bytes], env: Any, tty: bool, user: Any, cwd: Any, timeout: float | None, stdin: Any
    ) -> _ffi.ExecOptions:
        environment = _marshal.assignments("env", env)
        flags = _constants.EXEC_MANUAL_CREDIT
        flags |= _constants.EXEC_TTY if tty else 0
        flags |= 0 if stdin is False else _constants.EXEC_STDIN
        options = _ffi.ExecOptions(struct_size=ctypes.sizeof(_ffi.ExecOptions), flags=flags)
        options.argv, options.argc = _marshal.array(argv), len(argv)
        options.env, options.env_count = _marshal.array(environment), len(environment)
        options.cwd = _marshal.raw_or_none("cwd", cwd)
        options.user = _marshal.raw_or_none("user", user)
        options.timeout_ms = _marshal.milliseconds("timeout", timeout)
        return options

    async def start(self) -> None:
        """Pulls the image where it is missing and boots the machine. A box that runs: no effect.

        ImageError, NetworkError, EngineError. Cancelled, it leaves the box stopped.
        """
        self._counts.wanted()
        try:
            await Call(self._core).run(self._core.lib.boxlite_box_start, self._handle.pointer, NO_PROGRESS, DONE)
        except BoxliteError:
            self._core.counts.box_failed()
            raise

    async def stop(self, timeout: float | None = None) -> None:
        """Asks the processes to end, and ends the machine after `timeout` seconds (10 unless told otherwise).

        Removes the box where it is `auto_remove`. A box that does not run: no effect. Cancelled, the stop goes on.
        """
        milliseconds = _marshal.milliseconds32("timeout", timeout)
        try:
            await Call(self._core).run(
                self._core.lib.boxlite_box_stop, self._handle.pointer, milliseconds, DONE, cancel=False
            )
        except NotFoundError:
            pass  # it is removed: what was asked for is so
        self._count_stop()

    def _count_stop(self) -> None:
        try:
            self.info()
            self._counts.stopped()
        except NotFoundError:
            self._core.counts.box_removed(self.id)
        except BoxliteError:
            pass  # the runtime ends, and its counts with it

    async def remove(self, force: bool = False) -> None:
        """Removes the box and its disk. InvalidStateError where it runs, unless `force`, which stops it at once.

        A box that is removed already: no effect. Cancelled, the removal goes on.
        """
        flags = _constants.REMOVE_FORCE if force else 0
        try:
            await Call(self._core).run(
                self._core.lib.boxlite_box_remove, self._handle.pointer, flags, DONE, cancel=False
            )
        except NotFoundError:
            pass
        self._core.counts.box_removed(self.id)

    def info(self) -> BoxInfo:
        """What the records say now. NotFoundError where it was removed."""
        lib, info = self._core.lib, ctypes.c_void_p()
        with self._core.use():
            check(lib.boxlite_box_get_info, ctypes.byref(info), self._handle.pointer)
        try:
            return box_info(info.value)
        finally:
            lib.boxlite_box_info_destroy(info)

    def metrics(self) -> BoxMetrics:
        """What the box costs now, all zero where it never ran; it can be awaited. NotFoundError once it is removed."""
        return self._counts.read(self.info())

    @property
    def _counts(self) -> BoxCounts:
        return self._core.counts.box(self.id)

    async def write_file(self, path: Path, data: str | bytes, mode: int = 0o644) -> None:
        """Writes a file in the box, whole or not at all; parents are made. Text goes as UTF-8.

        The box is started where it does not run. Cancelled, the file is as it was, or whole.
        """
        encoded = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(memoryview(data))
        self._counts.wanted()
        await Call(self._core).run(
            self._core.lib.boxlite_box_write_file,
            self._handle.pointer,
            _marshal.raw("path", path),
            encoded,
            len(encoded),
            mode,
            DONE,
        )

    async def read_file(self, path: Path, *, max_size: int = MAX_OUTPUT) -> bytes:
        """The bytes of a file in the box, at most `max_size` (64 MiB unless told otherwise).

        NotFoundError; InvalidArgumentError for a directory; ResourceExhaustedError for a larger file: programs in the
        box decide how large a file is, and its bytes are kept in this process.
        """
        call = _Read(self._core, path, max_size)
        self._counts.wanted()
        await call.run(
            self._core.lib.boxlite_box_read_file, self._handle.pointer, _marshal.raw("path", path), DATA, DONE
        )
        return bytes(call.data)

    async def copy_in(
        self,
        host: Path,
        guest: Path,
        *,
        overwrite: bool = True,
        follow_symlinks: bool = False,
        include_parent: bool = True,
    ) -> None:
        """Copies a file or a directory of the host into the box, by the rules of `cp -r`; guest parents are made.

        Into `guest` where that is a directory, else to that name. A source that ends in "/.", or
        `include_parent=False`, is what is in the directory. `follow_symlinks` is for the source itself; links in a tree
        stay links. NotFoundError; InvalidArgumentError where a directory meets a file; with `overwrite=False`
        AlreadyExistsError, and nothing changed, where a file would be replaced. Files belong to root.
        """
        self._counts.wanted()
        flags = _files.copy_flags(overwrite, follow_symlinks, include_parent) | _constants.COPY_PARENTS
        paths = (_marshal.raw("host", host), _marshal.raw("guest", guest))
        await _files.copy(self._core.lib.boxlite_box_copy_in, self._core, self._handle, paths, flags)

    async def copy_out(
        self,
        guest: Path,
        host: Path,
        *,
        overwrite: bool = True,
        follow_symlinks: bool = False,
        include_parent: bool = True,
    ) -> None:
        """Copies a file or a directory of the box to the host, by the rules of `copy_in`; host parents have to exist.

        Whatever the box sends, nothing outside the destination is touched. UnsupportedError for devices and FIFOs.
        """
        self._counts.wanted()
        flags = _files.copy_flags(overwrite, follow_symlinks, include_parent)
        paths = (_marshal.raw("guest", guest), _marshal.raw("host", host))
        await _files.copy(self._core.lib.boxlite_box_copy_out, self._core, self._handle, paths, flags)

    @property
    def files(self) -> _files.Files:
        """The files of the box by name: list, stat, exists, mkdir, rename, remove."""
        return _files.Files(self._core, self._handle)

    async def processes(self) -> list[_files.ProcessInfo]:
        """What runs in the box, without its kernel's threads and the agent."""
        self._counts.wanted()
        return await _files.processes(self._core, self._handle)

    async def wait(self) -> BoxInfo:
        """Waits for the box's end and tells what the records say then; at once for a box that does not run."""
        return await _files.wait(self._core, self._handle)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # ---- what this version does not have

    async def pause(self) -> NoReturn:
        """UnsupportedError."""
        raise unsupported_call("Box.pause")

    async def resume(self) -> NoReturn:
        """UnsupportedError."""
        raise unsupported_call("Box.resume")

    async def snapshot(self, name: str) -> NoReturn:
        """UnsupportedError."""
        raise unsupported_call("Box.snapshot")

    async def fork(self, n: int = 1) -> NoReturn:
        """UnsupportedError."""
        raise unsupported_call("Box.fork")
