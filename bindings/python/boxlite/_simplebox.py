"""SimpleBox: a box for as long as a block of code, and commands that are waited for."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from boxlite._box import Box, Path, flatten
from boxlite._execution import MAX_OUTPUT, ExecResult
from boxlite._files import Files, ProcessInfo
from boxlite._info import BoxInfo
from boxlite._library import text
from boxlite._metrics import BoxMetrics
from boxlite._options import BoxOptions, Env, refuse_unsupported
from boxlite._runtime import Boxlite
from boxlite.errors import BoxliteError, InvalidStateError, TimeoutError  # noqa: A004

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from boxlite._options import BoxArguments


class SimpleBox:
    """A box that is made, started, stopped and removed by an `async with` block.

    It takes every option of `BoxOptions` as a keyword argument, and `runtime`, the runtime that it belongs to (the
    default one unless told otherwise). `start` and `stop` do without the block.
    """

    def __init__(
        self,
        image: str | None = None,
        *,
        runtime: Boxlite | None = None,
        **options: Unpack[BoxArguments],
    ) -> None:
        self._options = BoxOptions(image, **options)
        self._runtime = runtime
        self._box: Box | None = None

    def __repr__(self) -> str:
        return f"<boxlite.SimpleBox {self._box.id if self._box else 'not made yet'}>"

    @property
    def box(self) -> Box:
        """The box below. InvalidStateError before it is made."""
        if self._box is None:
            raise InvalidStateError(
                "this SimpleBox was not started yet",
                hint="use it in an `async with` block, or await start()",
            )
        return self._box

    @property
    def id(self) -> str:
        """26 characters (ULID). InvalidStateError before it is made."""
        return self.box.id

    @property
    def name(self) -> str | None:
        """As it was given."""
        return self._options.name

    async def start(self) -> Self:
        """Makes the box where it was not made, and starts it. Where that fails, or is cancelled, nothing is left."""
        made = self._box is None
        box = self._made()
        try:
            await box.start()
        except BaseException:
            if made:
                self._box = None
                await self._discard(box)
            raise
        return self

    def _made(self) -> Box:
        if self._box is None:
            refuse_unsupported(self._options)
            self._box = (self._runtime or Boxlite.default()).create(self._options)
        return self._box

    @staticmethod
    async def _discard(box: Box) -> None:
        try:
            await box.remove(force=True)
        except BoxliteError:
            pass  # the first error says more

    async def stop(self) -> None:
        """Stops the box, which also removes it unless `auto_remove` is False. Before it is made: no effect."""
        if self._box is not None:
            await self._box.stop()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def exec(
        self,
        cmd: str | bytes | Sequence[str | bytes],
        *args: Any,
        env: Env | None = None,
        cwd: str | None = None,
        user: str | None = None,
        timeout: float | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> ExecResult:
        """Runs a command to its end. Its exit code is in the result and raises nothing; its stdin is empty.

        `env`: a dict or pairs, over the box's. `timeout`: seconds, then the whole process tree is killed and
        TimeoutError raised, whose `.result` has the partial output. `max_output`: bytes of each stream that are kept,
        the first and the last half of that; `.truncated` says so. ExecutionError where the command cannot be started.
        Cancelled (also by `asyncio.wait_for`), it kills the process tree.
        """
        return await self._finish(
            flatten(cmd, args), env=env, cwd=cwd, user=user, timeout=timeout, stdin=False, max_output=max_output
        )

    async def _finish(self, argv: list[bytes], *, timeout: float | None, **options: Any) -> ExecResult:
        """Runs a command to its end; nothing of it is left, whatever happens."""
        execution = await self._made().exec(argv, timeout=timeout, **options)
        try:
            result = await execution.wait()
        except BaseException:
            execution.kill_quietly()
            raise
        if result.timed_out:
            raise TimeoutError(f"{text(argv[0])!r} was ended after {timeout} seconds", result=result)
        return result

    async def write_file(self, path: Path, data: str | bytes, mode: int = 0o644) -> None:
        """As `Box.write_file`."""
        await self._made().write_file(path, data, mode)

    async def read_file(self, path: Path, *, max_size: int = MAX_OUTPUT) -> bytes:
        """As `Box.read_file`."""
        return await self._made().read_file(path, max_size=max_size)

    def info(self) -> BoxInfo:
        """What the records say now; it can be awaited. NotFoundError where the box was removed."""
        return self.box.info()

    def metrics(self) -> BoxMetrics:
        """As `Box.metrics`; it can be awaited."""
        return self.box.metrics()

    async def copy_in(self, host: Path, guest: Path, **options: bool) -> None:
        """As `Box.copy_in`."""
        await self._made().copy_in(host, guest, **options)

    async def copy_out(self, guest: Path, host: Path, **options: bool) -> None:
        """As `Box.copy_out`."""
        await self._made().copy_out(guest, host, **options)

    async def processes(self) -> list[ProcessInfo]:
        """As `Box.processes`."""
        return await self._made().processes()

    @property
    def files(self) -> Files:
        """As `Box.files`."""
        return self._made().files
