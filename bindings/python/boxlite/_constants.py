"""The enums of include/boxlite.h, and its macros that are numbers.

tests/python/test_abi.py compares them with abi/boxlite.abi.json, which scripts/abi-manifest makes from the header.
"""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """`boxlite_status`."""

    OK = 0
    INTERNAL = 1
    NOT_FOUND = 2
    ALREADY_EXISTS = 3
    INVALID_STATE = 4
    INVALID_ARGUMENT = 5
    CONFIG = 6
    STORAGE = 7
    IMAGE = 8
    NETWORK = 9
    EXECUTION = 10
    STOPPED = 11
    ENGINE = 12
    UNSUPPORTED = 13
    DATABASE = 14
    RESOURCE_EXHAUSTED = 20
    CANCELLED = 22
    TIMEOUT = 23
    WOULD_DEADLOCK = 24
    PERMISSION = 25
    BUSY = 26


class Engine(enum.IntEnum):
    """`boxlite_engine`."""

    AUTO = 0
    KVM = 1
    QEMU = 2


class Isolation(enum.IntEnum):
    """`boxlite_isolation`."""

    ANY = 0
    HARDWARE = 1
    SOFTWARE = 2


class BoxState(enum.IntEnum):
    """`boxlite_box_state`."""

    CREATED = 0
    STARTING = 1
    RUNNING = 2
    PAUSED = 3
    STOPPING = 4
    STOPPED = 5


class ExitReason(enum.IntEnum):
    """`boxlite_exit_reason`."""

    NONE = 0
    STOPPED = 1
    MAIN_EXITED = 2
    RESET = 3
    PANIC = 4
    OUT_OF_MEMORY = 5
    KILLED = 6
    ENGINE = 7
    BOOT = 8
    LIFELINE = 9


class LogLevel(enum.IntEnum):
    """`boxlite_log_level`."""

    OFF = 0
    ERROR = 1
    WARN = 2
    INFO = 3
    DEBUG = 4
    TRACE = 5


class Stream(enum.IntEnum):
    """`boxlite_stream`."""

    STDOUT = 1
    STDERR = 2


class Phase(enum.IntEnum):
    """`boxlite_phase`."""

    RESOLVE = 1
    FETCH = 2
    CONVERT = 3
    DONE = 4
    SAVE = 5


class DiskKind(enum.IntEnum):
    """`boxlite_disk_kind`."""

    IMAGES = 0
    ROOTFS = 1
    BOXES = 2
    CACHE = 3


class DoctorState(enum.IntEnum):
    """`boxlite_doctor_state`."""

    OK = 0
    WARNING = 1
    ERROR = 2


class FileType(enum.IntEnum):
    """`boxlite_file_type`."""

    UNKNOWN = 0
    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    CHARACTER_DEVICE = 4
    BLOCK_DEVICE = 5
    FIFO = 6
    SOCKET = 7


# The prefix of each enum's enumerators in the header; success alone is BOXLITE_OK.
ENUMS: dict[str, type[enum.IntEnum]] = {
    "BOXLITE_STATUS_": Status,
    "BOXLITE_ENGINE_": Engine,
    "BOXLITE_ISOLATION_": Isolation,
    "BOXLITE_BOX_STATE_": BoxState,
    "BOXLITE_EXIT_REASON_": ExitReason,
    "BOXLITE_LOG_LEVEL_": LogLevel,
    "BOXLITE_STREAM_": Stream,
    "BOXLITE_PHASE_": Phase,
    "BOXLITE_DISK_KIND_": DiskKind,
    "BOXLITE_DOCTOR_STATE_": DoctorState,
    "BOXLITE_FILE_TYPE_": FileType,
}

VERSION_MAJOR = 0
VERSION_MINOR = 1
VERSION_PATCH = 0
RUNTIME_DRAIN_THREAD = 1
BOX_AUTO_REMOVE = 1
BOX_DETACHED = 2
BOX_NO_ENTRYPOINT = 4
BOX_MAIN = 8
BOX_NO_JAIL = 16
BOX_NO_SECCOMP = 32
REMOVE_FORCE = 1
PRUNE_ALL = 1
EXIT_CODE_NONE = -(2**31)
EXEC_TTY = 1
EXEC_STDIN = 2
EXEC_DETACHED = 4
EXEC_MAIN = 8
EXEC_ENTRYPOINT = 16
EXEC_MANUAL_CREDIT = 32
COPY_NO_OVERWRITE = 1
COPY_FOLLOW_LINK = 2
COPY_CONTENTS = 4
COPY_PARENTS = 8
COPY_OWNERS = 16
FILE_FOLLOW_LINK = 1
FILE_PARENTS = 1
FILE_NO_REPLACE = 1
FILE_RECURSIVE = 1

# The object-like macros of the header that are numbers.
MACROS: dict[str, int] = {
    "BOXLITE_VERSION_MAJOR": VERSION_MAJOR,
    "BOXLITE_VERSION_MINOR": VERSION_MINOR,
    "BOXLITE_VERSION_PATCH": VERSION_PATCH,
    "BOXLITE_RUNTIME_DRAIN_THREAD": RUNTIME_DRAIN_THREAD,
    "BOXLITE_BOX_AUTO_REMOVE": BOX_AUTO_REMOVE,
    "BOXLITE_BOX_DETACHED": BOX_DETACHED,
    "BOXLITE_BOX_NO_ENTRYPOINT": BOX_NO_ENTRYPOINT,
    "BOXLITE_BOX_MAIN": BOX_MAIN,
    "BOXLITE_BOX_NO_JAIL": BOX_NO_JAIL,
    "BOXLITE_BOX_NO_SECCOMP": BOX_NO_SECCOMP,
    "BOXLITE_REMOVE_FORCE": REMOVE_FORCE,
    "BOXLITE_PRUNE_ALL": PRUNE_ALL,
    "BOXLITE_EXIT_CODE_NONE": EXIT_CODE_NONE,
    "BOXLITE_EXEC_TTY": EXEC_TTY,
    "BOXLITE_EXEC_STDIN": EXEC_STDIN,
    "BOXLITE_EXEC_DETACHED": EXEC_DETACHED,
    "BOXLITE_EXEC_MAIN": EXEC_MAIN,
    "BOXLITE_EXEC_ENTRYPOINT": EXEC_ENTRYPOINT,
    "BOXLITE_EXEC_MANUAL_CREDIT": EXEC_MANUAL_CREDIT,
    "BOXLITE_COPY_NO_OVERWRITE": COPY_NO_OVERWRITE,
    "BOXLITE_COPY_FOLLOW_LINK": COPY_FOLLOW_LINK,
    "BOXLITE_COPY_CONTENTS": COPY_CONTENTS,
    "BOXLITE_COPY_PARENTS": COPY_PARENTS,
    "BOXLITE_COPY_OWNERS": COPY_OWNERS,
    "BOXLITE_FILE_FOLLOW_LINK": FILE_FOLLOW_LINK,
    "BOXLITE_FILE_PARENTS": FILE_PARENTS,
    "BOXLITE_FILE_NO_REPLACE": FILE_NO_REPLACE,
    "BOXLITE_FILE_RECURSIVE": FILE_RECURSIVE,
}
