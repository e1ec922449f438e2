"""Micro-VM sandboxes inside your process: run code that you did not write.

    async with boxlite.SimpleBox(image="python:slim") as box:
        result = await box.exec("python3", "-c", "print(6*7)")
        print(result.stdout)

`SimpleBox` is a box for a block of code. `Boxlite` is a runtime, whose boxes (`Box`) can live longer and whose
commands (`Execution`) stream. The library behind it, libboxlite, is loaded at first use.
"""

import importlib
from typing import TYPE_CHECKING, Any

from boxlite._version import __version__

if TYPE_CHECKING:
    from boxlite._box import Box
    from boxlite._codebox import CodeBox
    from boxlite._execution import ExecResult, ExecStderr, ExecStdin, ExecStdout, Execution
    from boxlite._files import FileInfo, Files, ProcessInfo
    from boxlite._images import Images
    from boxlite._info import (
        BoxInfo,
        BoxState,
        DiskUsage,
        HistoryStep,
        ImageDetails,
        ImageInfo,
        ImageLayer,
        PruneResult,
        PullProgress,
        SpaceUse,
    )
    from boxlite._interactive import InteractiveBox
    from boxlite._later import BrowserBox, ComputerBox
    from boxlite._metrics import BoxMetrics, RuntimeMetrics
    from boxlite._options import (
        AdvancedBoxOptions,
        BoxOptions,
        InboundNetworkSpec,
        NetworkSpec,
        Options,
        OutboundNetworkSpec,
        SecurityOptions,
    )
    from boxlite._runtime import Boxlite
    from boxlite._simplebox import SimpleBox
    from boxlite._sync import SyncBox, SyncExecStdin, SyncExecution, SyncFiles, SyncOutputStream
    from boxlite._syncbox import SyncBoxlite, SyncCodeBox, SyncImages, SyncSimpleBox
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
    "BoxMetrics",
    "BoxOptions",
    "BoxState",
    "Boxlite",
    "BoxliteError",
    "BrowserBox",
    "BusyError",
    "CancelledError",
    "CodeBox",
    "ComputerBox",
    "ConfigError",
    "DatabaseError",
    "DiskUsage",
    "EngineError",
    "ExecError",
    "ExecResult",
    "ExecStderr",
    "ExecStdin",
    "ExecStdout",
    "Execution",
    "ExecutionError",
    "FileInfo",
    "Files",
    "HistoryStep",
    "ImageDetails",
    "ImageError",
    "ImageInfo",
    "ImageLayer",
    "Images",
    "InboundNetworkSpec",
    "InteractiveBox",
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
    "ProcessInfo",
    "PruneResult",
    "PullProgress",
    "ResourceExhaustedError",
    "RuntimeMetrics",
    "SecurityOptions",
    "SimpleBox",
    "SpaceUse",
    "StoppedError",
    "StorageError",
    "SyncBox",
    "SyncBoxlite",
    "SyncCodeBox",
    "SyncExecStdin",
    "SyncExecution",
    "SyncFiles",
    "SyncImages",
    "SyncOutputStream",
    "SyncSimpleBox",
    "TimeoutError",
    "UnsupportedError",
    "WouldDeadlockError",
    "__version__",
]

# Where each name is. It is imported at first use, so that `import boxlite` costs no more than it must.
_MODULES = {
    "_box": "Box",
    "_codebox": "CodeBox",
    "_execution": "ExecResult ExecStderr ExecStdin ExecStdout Execution",
    "_files": "FileInfo Files ProcessInfo",
    "_images": "Images",
    "_info": "BoxInfo BoxState DiskUsage HistoryStep ImageDetails ImageInfo ImageLayer PruneResult PullProgress "
    "SpaceUse",
    "_interactive": "InteractiveBox",
    "_later": "BrowserBox ComputerBox",
    "_metrics": "BoxMetrics RuntimeMetrics",
    "_options": "AdvancedBoxOptions BoxOptions InboundNetworkSpec NetworkSpec Options OutboundNetworkSpec "
    "SecurityOptions",
    "_runtime": "Boxlite",
    "_simplebox": "SimpleBox",
    "_sync": "SyncBox SyncExecStdin SyncExecution SyncFiles SyncOutputStream",
    "_syncbox": "SyncBoxlite SyncCodeBox SyncImages SyncSimpleBox",
    "errors": " ".join(name for name in __all__ if name.endswith("Error")),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}


if not TYPE_CHECKING:  # else every name would be one

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
