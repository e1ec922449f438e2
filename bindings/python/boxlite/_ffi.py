"""The declarations of include/boxlite.h in ctypes: constants, structs, callback types, functions.

Nothing here decides anything. tests/python/test_abi.py compares every table of this file with
abi/boxlite.abi.json, which scripts/abi-manifest makes from the header.
"""

from __future__ import annotations

import enum
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_size_t,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any


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


class DoctorState(enum.IntEnum):
    """`boxlite_doctor_state`."""

    OK = 0
    WARNING = 1
    ERROR = 2


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
    "BOXLITE_DOCTOR_STATE_": DoctorState,
}

VERSION_MAJOR = 0
VERSION_MINOR = 1
VERSION_PATCH = 0
RUNTIME_DRAIN_THREAD = 1
BOX_AUTO_REMOVE = 1
BOX_DETACHED = 2
BOX_NO_ENTRYPOINT = 4
REMOVE_FORCE = 1
EXIT_CODE_NONE = -(2**31)
EXEC_TTY = 1
EXEC_STDIN = 2
EXEC_DETACHED = 4
EXEC_MAIN = 8
EXEC_ENTRYPOINT = 16
EXEC_MANUAL_CREDIT = 32

# The object-like macros of the header that are numbers.
MACROS: dict[str, int] = {
    "BOXLITE_VERSION_MAJOR": VERSION_MAJOR,
    "BOXLITE_VERSION_MINOR": VERSION_MINOR,
    "BOXLITE_VERSION_PATCH": VERSION_PATCH,
    "BOXLITE_RUNTIME_DRAIN_THREAD": RUNTIME_DRAIN_THREAD,
    "BOXLITE_BOX_AUTO_REMOVE": BOX_AUTO_REMOVE,
    "BOXLITE_BOX_DETACHED": BOX_DETACHED,
    "BOXLITE_BOX_NO_ENTRYPOINT": BOX_NO_ENTRYPOINT,
    "BOXLITE_REMOVE_FORCE": REMOVE_FORCE,
    "BOXLITE_EXIT_CODE_NONE": EXIT_CODE_NONE,
    "BOXLITE_EXEC_TTY": EXEC_TTY,
    "BOXLITE_EXEC_STDIN": EXEC_STDIN,
    "BOXLITE_EXEC_DETACHED": EXEC_DETACHED,
    "BOXLITE_EXEC_MAIN": EXEC_MAIN,
    "BOXLITE_EXEC_ENTRYPOINT": EXEC_ENTRYPOINT,
    "BOXLITE_EXEC_MANUAL_CREDIT": EXEC_MANUAL_CREDIT,
}


class Progress(Structure):
    """`boxlite_progress`."""

    _fields_ = (
        ("phase", c_int),
        ("layers_total", c_uint32),
        ("layers_done", c_uint32),
        ("bytes_total", c_uint64),
        ("bytes_done", c_uint64),
    )


# Callbacks. user_data comes first; it is a key of ours and never a pointer. Bytes come as an address and a size.
done_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p)
finalize_cb = CFUNCTYPE(None, c_void_p)
log_cb = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
data_cb = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)
progress_cb = CFUNCTYPE(None, c_void_p, POINTER(Progress))
image_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
doctor_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
start_cb = CFUNCTYPE(None, c_void_p, c_int64)
exit_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)

CALLBACKS: dict[str, Any] = {
    "boxlite_done_cb": done_cb,
    "boxlite_finalize_cb": finalize_cb,
    "boxlite_log_cb": log_cb,
    "boxlite_data_cb": data_cb,
    "boxlite_progress_cb": progress_cb,
    "boxlite_image_cb": image_cb,
    "boxlite_doctor_cb": doctor_cb,
}


class RuntimeOptions(Structure):
    """`boxlite_runtime_options`."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("home_dir", c_char_p),
        ("image_registries", POINTER(c_char_p)),
        ("image_registry_count", c_size_t),
        ("flags", c_uint32),
        ("engine", c_int),
        ("log_level", c_int),
        ("log", log_cb),
        ("log_user_data", c_void_p),
        ("log_finalize", finalize_cb),
    )


class BoxOptions(Structure):
    """`boxlite_box_options`."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("image", c_char_p),
        ("rootfs_path", c_char_p),
        ("name", c_char_p),
        ("cpus", c_uint32),
        ("memory_mib", c_uint32),
        ("env", POINTER(c_char_p)),
        ("env_count", c_size_t),
        ("working_dir", c_char_p),
        ("user", c_char_p),
        ("entrypoint", POINTER(c_char_p)),
        ("entrypoint_count", c_size_t),
        ("cmd", POINTER(c_char_p)),
        ("cmd_count", c_size_t),
        ("labels", POINTER(c_char_p)),
        ("label_count", c_size_t),
        ("flags", c_uint32),
        ("engine", c_int),
        ("isolation", c_int),
    )


class ExecOptions(Structure):
    """`boxlite_exec_options`."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("argv", POINTER(c_char_p)),
        ("argc", c_size_t),
        ("env", POINTER(c_char_p)),
        ("env_count", c_size_t),
        ("cwd", c_char_p),
        ("user", c_char_p),
        ("flags", c_uint32),
        ("rows", c_uint16),
        ("columns", c_uint16),
        ("timeout_ms", c_uint64),
        ("on_start", start_cb),
        ("on_stdout", data_cb),
        ("on_stderr", data_cb),
        ("on_exit", exit_cb),
        ("user_data", c_void_p),
        ("finalize", finalize_cb),
    )


STRUCTS: dict[str, type[Structure]] = {
    "boxlite_progress": Progress,
    "boxlite_runtime_options": RuntimeOptions,
    "boxlite_box_options": BoxOptions,
    "boxlite_exec_options": ExecOptions,
}

_out = POINTER(c_void_p)  # boxlite_x **
_handle = c_void_p  # boxlite_x *

# Name: result and parameters.
FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "boxlite_version": (c_uint32, ()),
    "boxlite_version_string": (c_char_p, ()),
    # errors
    "boxlite_status_name": (c_char_p, (c_int,)),
    "boxlite_error_status": (c_int, (_handle,)),
    "boxlite_error_message": (c_char_p, (_handle,)),
    "boxlite_error_hint": (c_char_p, (_handle,)),
    "boxlite_error_os_errno": (c_int, (_handle,)),
    "boxlite_error_copy": (c_void_p, (_handle,)),
    "boxlite_error_destroy": (None, (_handle,)),
    # runtime
    "boxlite_runtime_options_init": (None, (POINTER(RuntimeOptions), c_size_t)),
    "boxlite_runtime_create": (c_int, (_out, POINTER(RuntimeOptions), _out)),
    "boxlite_runtime_fd": (c_int, (_handle,)),
    "boxlite_runtime_drain": (c_int, (_handle, c_int)),
    "boxlite_runtime_shutdown": (c_int, (_handle, c_uint32, done_cb, c_void_p, finalize_cb, _out)),
    "boxlite_runtime_destroy": (None, (_handle,)),
    # operations
    "boxlite_operation_cancel": (None, (_handle,)),
    "boxlite_operation_destroy": (None, (_handle,)),
    # boxes
    "boxlite_box_options_init": (None, (POINTER(BoxOptions), c_size_t)),
    "boxlite_box_create": (c_int, (_out, _handle, POINTER(BoxOptions), _out)),
    "boxlite_box_get": (c_int, (_out, _handle, c_char_p, _out)),
    "boxlite_box_id": (c_char_p, (_handle,)),
    "boxlite_box_destroy": (None, (_handle,)),
    "boxlite_box_start": (c_int, (_handle, progress_cb, done_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_box_stop": (c_int, (_handle, c_uint32, done_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_box_remove": (c_int, (_handle, c_uint32, done_cb, c_void_p, finalize_cb, _out, _out)),
    # what the records say of a box
    "boxlite_box_get_info": (c_int, (_out, _handle, _out)),
    "boxlite_box_info_destroy": (None, (_handle,)),
    "boxlite_box_info_id": (c_char_p, (_handle,)),
    "boxlite_box_info_name": (c_char_p, (_handle,)),
    "boxlite_box_info_image": (c_char_p, (_handle,)),
    "boxlite_box_info_rootfs_path": (c_char_p, (_handle,)),
    "boxlite_box_info_state": (c_int, (_handle,)),
    "boxlite_box_state_name": (c_char_p, (c_int,)),
    "boxlite_box_info_pid": (c_int64, (_handle,)),
    "boxlite_box_info_created_at_ms": (c_int64, (_handle,)),
    "boxlite_box_info_started_at_ms": (c_int64, (_handle,)),
    "boxlite_box_info_stopped_at_ms": (c_int64, (_handle,)),
    "boxlite_box_info_cpus": (c_uint32, (_handle,)),
    "boxlite_box_info_memory_mib": (c_uint32, (_handle,)),
    "boxlite_box_info_flags": (c_uint32, (_handle,)),
    "boxlite_box_info_engine": (c_int, (_handle,)),
    "boxlite_box_info_engine_reason": (c_char_p, (_handle,)),
    "boxlite_box_info_isolation": (c_int, (_handle,)),
    "boxlite_box_info_jail": (c_char_p, (_handle,)),
    "boxlite_box_info_exit_reason": (c_int, (_handle,)),
    "boxlite_exit_reason_name": (c_char_p, (c_int,)),
    "boxlite_box_info_exit_detail": (c_char_p, (_handle,)),
    "boxlite_box_info_exit_code": (c_int, (_handle,)),
    "boxlite_box_info_label": (c_char_p, (_handle, c_size_t)),
    "boxlite_box_list_create": (c_int, (_out, _handle, _out)),
    "boxlite_box_list_size": (c_size_t, (_handle,)),
    "boxlite_box_list_get": (c_void_p, (_handle, c_size_t)),
    "boxlite_box_list_destroy": (None, (_handle,)),
    # executions
    "boxlite_exec_options_init": (None, (POINTER(ExecOptions), c_size_t)),
    "boxlite_box_exec": (c_int, (_out, _handle, POINTER(ExecOptions), _out)),
    "boxlite_execution_id": (c_char_p, (_handle,)),
    "boxlite_execution_write_stdin": (c_int, (_handle, c_void_p, c_size_t, done_cb, c_void_p, finalize_cb, _out)),
    "boxlite_execution_close_stdin": (c_int, (_handle, _out)),
    "boxlite_execution_signal": (c_int, (_handle, c_int, _out)),
    "boxlite_execution_kill": (c_int, (_handle, c_int, _out)),
    "boxlite_execution_resize": (c_int, (_handle, c_uint16, c_uint16, _out)),
    "boxlite_execution_consume": (c_int, (_handle, c_int, c_size_t, _out)),
    "boxlite_execution_destroy": (None, (_handle,)),
    "boxlite_exec_result_exit_code": (c_int, (_handle,)),
    "boxlite_exec_result_timed_out": (c_int, (_handle,)),
    "boxlite_exec_result_duration_ms": (c_uint64, (_handle,)),
    # files
    "boxlite_box_write_file": (
        c_int,
        (_handle, c_char_p, c_void_p, c_size_t, c_uint32, done_cb, c_void_p, finalize_cb, _out, _out),
    ),
    "boxlite_box_read_file": (c_int, (_handle, c_char_p, data_cb, done_cb, c_void_p, finalize_cb, _out, _out)),
    # images
    "boxlite_image_pull": (c_int, (_handle, c_char_p, progress_cb, image_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_image_remove": (c_int, (_handle, c_char_p, done_cb, c_void_p, finalize_cb, _out)),
    "boxlite_image_list_create": (c_int, (_out, _handle, _out)),
    "boxlite_image_list_size": (c_size_t, (_handle,)),
    "boxlite_image_list_get": (c_void_p, (_handle, c_size_t)),
    "boxlite_image_list_destroy": (None, (_handle,)),
    "boxlite_image_info_reference": (c_char_p, (_handle,)),
    "boxlite_image_info_digest": (c_char_p, (_handle,)),
    "boxlite_image_info_source": (c_char_p, (_handle,)),
    "boxlite_image_info_size": (c_uint64, (_handle,)),
    "boxlite_image_info_pulled_at_ms": (c_int64, (_handle,)),
    # doctor
    "boxlite_runtime_doctor": (c_int, (_handle, doctor_cb, c_void_p, finalize_cb, _out)),
    "boxlite_doctor_report_size": (c_size_t, (_handle,)),
    "boxlite_doctor_report_name": (c_char_p, (_handle, c_size_t)),
    "boxlite_doctor_report_state": (c_int, (_handle, c_size_t)),
    "boxlite_doctor_report_detail": (c_char_p, (_handle, c_size_t)),
    "boxlite_doctor_report_hint": (c_char_p, (_handle, c_size_t)),
}
