"""InteractiveBox: a shell in a box, at the caller's terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from boxlite import _terminal
from boxlite._execution import ExecResult, Execution, OutputStream
from boxlite._runtime import Boxlite
from boxlite._simplebox import SimpleBox
from boxlite.errors import BoxliteError, InvalidStateError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from boxlite._options import BoxArguments


class InteractiveBox(SimpleBox):
    """A box whose shell has the caller's stdin, stdout and stderr, as long as `wait` is awaited.

    It takes every option of `BoxOptions`; `shell`, the program (default "/bin/sh"); and `tty`: whether that gets a
    terminal, by default where stdin is one. stdin is then raw and its size passed on; afterwards it is as it was,
    whatever happened. `TERM` is passed to the shell.
    """

    def __init__(
        self,
        image: str | None = None,
        shell: str = "/bin/sh",
        tty: bool | None = None,
        *,
        runtime: Boxlite | None = None,
        **options: Unpack[BoxArguments],
    ) -> None:
        super().__init__(image, runtime=runtime, **options)
        self._shell = shell
        self._tty = tty

    async def wait(self) -> ExecResult:
        """Runs the shell until it ends and returns how, without its output. Cancelled, it kills the shell.

        ExecutionError where the shell cannot be started, InvalidStateError where this program has no stdout.
        """
        source, out, err = map(_terminal.descriptor_of, (sys.stdin, sys.stdout, sys.stderr))
        if out is None:
            raise InvalidStateError("sys.stdout is no terminal, pipe or file", hint="run it from a program of its own")
        tty = _terminal.is_terminal(source) if self._tty is None else self._tty
        execution = await self._made().exec(
            self._shell, tty=tty, stdin=True, env={"TERM": os.environ.get("TERM", "dumb")} if tty else None
        )
        try:
            with self._at_terminal(execution, source if tty else None):
                return await _relay(execution, source, out, out if err is None else err)
        finally:
            execution.kill_quietly()

    @staticmethod
    def _at_terminal(execution: Execution, source: int | None) -> contextlib.AbstractContextManager[None]:
        if source is None or not _terminal.is_terminal(source):
            return contextlib.nullcontext()

        return _terminal.raw(source, execution.resize_quietly)


async def _relay(execution: Execution, source: int | None, out: int, err: int) -> ExecResult:
    feeding = asyncio.create_task(_feed(execution, source))
    printing = asyncio.gather(_print(execution.stdout(), out), _print(execution.stderr(), err))
    try:
        await printing
        return await execution.wait()
    finally:
        for task in (feeding, printing):
            task.cancel()
        await asyncio.gather(feeding, printing, return_exceptions=True)


async def _feed(execution: Execution, source: int | None) -> None:
    stdin = execution.stdin()
    with contextlib.suppress(BoxliteError):  # the shell ended
        while source is not None and (data := await _terminal.read(source)):
            await stdin.send_input(data)
        await stdin.close()


async def _print(stream: OutputStream, descriptor: int) -> None:
    async for chunk in stream.chunks():
        await asyncio.to_thread(_terminal.write, descriptor, chunk)
