"""The errors of boxlite: one class for each status of the library, and three that Python adds.

Every error is a `BoxliteError` with `.code` (a text that programs compare), `.status` (the library's
number), `.message` (one sentence that names the object), `.hint` (what to do about it, or "") and
`.os_errno` (the errno behind it, or 0).
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boxlite._execution import ExecResult

__all__ = [
    "AlreadyExistsError",
    "BoxliteError",
    "BusyError",
    "CancelledError",
    "ConfigError",
    "DatabaseError",
    "EngineError",
    "ExecError",
    "ExecutionError",
    "ImageError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidStateError",
    "NetworkError",
    "NotFoundError",
    "ParseError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "StoppedError",
    "StorageError",
    "TimeoutError",
    "UnsupportedError",
    "WouldDeadlockError",
]


class BoxliteError(Exception):
    """The base of every error of boxlite.

    `.code` is Python's own name for the status, fixed by what programs compare already: "config_error",
    "storage_error", "database_error", "image_pull_failed", "network_unavailable", "execution_failed",
    "engine_unavailable" and "permission_denied" where the C library's boxlite_status_name says "config", "storage",
    "database", "image", "network", "execution", "engine" and "permission"; the others are the same.
    """

    code: str = "internal"
    status: int = 1

    def __init__(self, message: str = "", *, hint: str = "", os_errno: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.os_errno = os_errno

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class ExecError(BoxliteError):
    """Code that ran in a box ended with another exit code than 0."""

    code = "execution_failed"
    status = 10

    def __init__(self, command: str, exit_code: int, stderr: str = "") -> None:
        super().__init__(f"{command!r} ended with exit code {exit_code}: {stderr.strip()}")
        self.args = (command, exit_code, stderr)  # what a copy in another process is made from
        self.command = command
        self.exit_code = exit_code
        self.stderr = stderr


class ParseError(BoxliteError):
    """Output of a program in the box could not be understood."""


class TimeoutError(BoxliteError, RuntimeError, builtins.TimeoutError):  # noqa: A001
    """A time limit passed. `.result` has the partial output where a command was stopped by it."""

    code = "timeout"
    status = 23

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        os_errno: int = 0,
        result: ExecResult | None = None,
    ) -> None:
        super().__init__(message, hint=hint, os_errno=os_errno)
        self.result = result


class InternalError(BoxliteError, RuntimeError):
    """Something that must not happen, or a status that this version does not know."""

    code = "internal"
    status = 1


class NotFoundError(BoxliteError, RuntimeError):
    """No box, image or file of this name."""

    code = "not_found"
    status = 2


class AlreadyExistsError(BoxliteError, RuntimeError):
    """The name is taken."""

    code = "already_exists"
    status = 3


class InvalidStateError(BoxliteError, RuntimeError):
    """The object is not in a state that allows this."""

    code = "invalid_state"
    status = 4


class InvalidArgumentError(BoxliteError, RuntimeError, ValueError):
    """An argument has a value that cannot be; the message names it."""

    code = "invalid_argument"
    status = 5


class ConfigError(BoxliteError, RuntimeError):
    """The home directory or the installation cannot be used."""

    code = "config_error"
    status = 6


class StorageError(BoxliteError, RuntimeError):
    """Reading or writing a disk or a file of boxlite failed."""

    code = "storage_error"
    status = 7


class ImageError(BoxliteError, RuntimeError):
    """An image could not be pulled, or is damaged."""

    code = "image_pull_failed"
    status = 8


class NetworkError(BoxliteError, RuntimeError):
    """A registry or another host could not be reached."""

    code = "network_unavailable"
    status = 9


class ExecutionError(BoxliteError, RuntimeError):
    """A command could not be started; `.os_errno` is ENOENT where it was not found."""

    code = "execution_failed"
    status = 10


class StoppedError(BoxliteError, RuntimeError):
    """The runtime, the box or the execution has ended."""

    code = "stopped"
    status = 11


class EngineError(BoxliteError, RuntimeError):
    """No engine that satisfies the options, or the engine failed."""

    code = "engine_unavailable"
    status = 12


class UnsupportedError(BoxliteError, RuntimeError):
    """This version cannot do that; the message names the option or the call."""

    code = "unsupported"
    status = 13


class DatabaseError(BoxliteError, RuntimeError):
    """The records of the home directory could not be read or written."""

    code = "database_error"
    status = 14


class ResourceExhaustedError(BoxliteError, RuntimeError):
    """A limit was reached: memory, disk, descriptors, output."""

    code = "resource_exhausted"
    status = 20


class CancelledError(BoxliteError, RuntimeError):
    """The operation was cancelled in the library, for example because the runtime was closed."""

    code = "cancelled"
    status = 22


class WouldDeadlockError(BoxliteError, RuntimeError):
    """The call would wait for something that only its caller can bring about."""

    code = "would_deadlock"
    status = 24


class PermissionDeniedError(BoxliteError, RuntimeError):
    """This user may not do that."""

    code = "permission_denied"
    status = 25


class BusyError(BoxliteError, RuntimeError):
    """Something else uses the object now."""

    code = "busy"
    status = 26


_BY_STATUS: dict[int, type[BoxliteError]] = {
    error.status: error
    for error in (
        InternalError,
        NotFoundError,
        AlreadyExistsError,
        InvalidStateError,
        InvalidArgumentError,
        ConfigError,
        StorageError,
        ImageError,
        NetworkError,
        ExecutionError,
        StoppedError,
        EngineError,
        UnsupportedError,
        DatabaseError,
        ResourceExhaustedError,
        CancelledError,
        TimeoutError,
        WouldDeadlockError,
        PermissionDeniedError,
        BusyError,
    )
}


def error_of_status(status: int, message: str, *, hint: str = "", os_errno: int = 0) -> BoxliteError:
    """The error for a status of the library; `InternalError` for one that is not known."""
    error = _BY_STATUS.get(status, InternalError)(message, hint=hint, os_errno=os_errno)
    error.status = status
    return error
