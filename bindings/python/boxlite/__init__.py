"""Micro-VM sandboxes inside your process: run code that you did not write.

    async with boxlite.SimpleBox(image="python:slim") as box:
        result = await box.exec("python3", "-c", "print(6*7)")
        print(result.stdout)

`SimpleBox` is a box for a block of code. `Boxlite` is a runtime, whose boxes (`Box`) can live longer and whose
commands (`Execution`) stream. The library behind it, libboxlite, is loaded at first use.
"""

from boxlite._box import Box
from boxlite._execution import ExecResult, ExecStderr, ExecStdin, ExecStdout, Execution
from boxlite._info import BoxInfo, BoxState, ImageInfo, PullProgress
from boxlite._options import (
    AdvancedBoxOptions,
    BoxOptions,
    InboundNetworkSpec,
    NetworkSpec,
    Options,
    OutboundNetworkSpec,
    SecurityOptions,
)
from boxlite._runtime import Boxlite, Images
from boxlite._simplebox import SimpleBox
from boxlite._version import __version__
from boxlite.errors import (
    AlreadyExistsError,
    BoxliteError,
    BusyError,
    CancelledError,
    ConfigError,
    DatabaseError,
    EngineError,
    ExecError,
    ExecutionError,
    ImageError,
    InternalError,
    InvalidArgumentError,
    InvalidStateError,
    NetworkError,
    NotFoundError,
    ParseError,
    PermissionDeniedError,
    ResourceExhaustedError,
    StoppedError,
    StorageError,
    TimeoutError,  # noqa: A004
    UnsupportedError,
    WouldDeadlockError,
)

__all__ = [
    "AdvancedBoxOptions",
    "AlreadyExistsError",
    "Box",
    "BoxInfo",
    "BoxOptions",
    "BoxState",
    "Boxlite",
    "BoxliteError",
    "BusyError",
    "CancelledError",
    "ConfigError",
    "DatabaseError",
    "EngineError",
    "ExecError",
    "ExecResult",
    "ExecStderr",
    "ExecStdin",
    "ExecStdout",
    "Execution",
    "ExecutionError",
    "ImageError",
    "ImageInfo",
    "Images",
    "InboundNetworkSpec",
    "InternalError",
    "InvalidArgumentError",
    "InvalidStateError",
    "NetworkError",
    "NetworkSpec",
    "NotFoundError",
    "Options",
    "OutboundNetworkSpec",
    "ParseError",
    "PermissionDeniedError",
    "PullProgress",
    "ResourceExhaustedError",
    "SecurityOptions",
    "SimpleBox",
    "StoppedError",
    "StorageError",
    "TimeoutError",
    "UnsupportedError",
    "WouldDeadlockError",
    "__version__",
]
