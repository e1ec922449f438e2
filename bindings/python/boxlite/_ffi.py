"""The declarations of include/boxlite.h in ctypes: structs, callback types, functions.

Nothing here decides anything. tests/python/test_abi.py compares every table of this file with
abi/boxlite.abi.json, which scripts/abi-manifest makes from the header.
"""

from __future__ import annotations

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


class Progress(Structure):
    """`boxlite_progress`."""

    _fields_ = (
        ("phase", c_int),
        ("layers_total", c_uint32),
        ("layers_done", c_uint32),
        ("bytes_total", c_uint64),
        ("bytes_done", c_uint64),
    )


class CopyProgress(Structure):
    """`boxlite_copy_progress`."""

    _fields_ = (("files", c_uint64), ("bytes", c_uint64))


# Callbacks. user_data comes first; it is a key of ours and never a pointer. Bytes come as an address and a size.
done_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p)
finalize_cb = CFUNCTYPE(None, c_void_p)
log_cb = CFUNCTYPE(None, c_void_p, c_int, c_char_p)
data_cb = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)
progress_cb = CFUNCTYPE(None, c_void_p, POINTER(Progress))
image_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
image_list_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
prune_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
doctor_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
start_cb = CFUNCTYPE(None, c_void_p, c_int64)
exit_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
copy_progress_cb = CFUNCTYPE(None, c_void_p, POINTER(CopyProgress))
box_info_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
file_info_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
file_list_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)
process_list_cb = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_void_p)

CALLBACKS: dict[str, Any] = {
    "boxlite_done_cb": done_cb,
    "boxlite_finalize_cb": finalize_cb,
    "boxlite_log_cb": log_cb,
    "boxlite_data_cb": data_cb,
    "boxlite_progress_cb": progress_cb,
    "boxlite_image_cb": image_cb,
    "boxlite_image_list_cb": image_list_cb,
    "boxlite_prune_cb": prune_cb,
    "boxlite_doctor_cb": doctor_cb,
    "boxlite_copy_progress_cb": copy_progress_cb,
    "boxlite_box_info_cb": box_info_cb,
    "boxlite_file_info_cb": file_info_cb,
    "boxlite_file_list_cb": file_list_cb,
    "boxlite_process_list_cb": process_list_cb,
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
        ("max_open_files", c_uint64),
        ("max_file_size_bytes", c_uint64),
        ("max_memory_bytes", c_uint64),
        ("max_cpu_seconds", c_uint64),
        ("max_processes", c_uint64),
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


class CopyOptions(Structure):
    """`boxlite_copy_options`."""

    _fields_ = (
        ("struct_size", c_size_t),
        ("flags", c_uint32),
        ("user", c_char_p),
        ("max_bytes", c_uint64),
    )


STRUCTS: dict[str, type[Structure]] = {
    "boxlite_progress": Progress,
    "boxlite_runtime_options": RuntimeOptions,
    "boxlite_box_options": BoxOptions,
    "boxlite_exec_options": ExecOptions,
    "boxlite_copy_options": CopyOptions,
    "boxlite_copy_progress": CopyProgress,
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
    "boxlite_box_kill": (c_int, (_handle, c_int, done_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_box_rename": (c_int, (_handle, c_char_p, _out)),
    "boxlite_box_set_detached": (c_int, (_handle, c_int, _out)),
    "boxlite_box_wait": (c_int, (_handle, box_info_cb, c_void_p, finalize_cb, _out, _out)),
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
    "boxlite_box_info_max_open_files": (c_uint64, (_handle,)),
    "boxlite_box_info_max_file_size_bytes": (c_uint64, (_handle,)),
    "boxlite_box_info_max_memory_bytes": (c_uint64, (_handle,)),
    "boxlite_box_info_max_cpu_seconds": (c_uint64, (_handle,)),
    "boxlite_box_info_max_processes": (c_uint64, (_handle,)),
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
    # copies
    "boxlite_copy_options_init": (None, (POINTER(CopyOptions), c_size_t)),
    "boxlite_box_copy_in": (
        c_int,
        (
            _handle,
            c_char_p,
            c_char_p,
            POINTER(CopyOptions),
            copy_progress_cb,
            done_cb,
            c_void_p,
            finalize_cb,
            _out,
            _out,
        ),
    ),
    "boxlite_box_copy_out": (
        c_int,
        (
            _handle,
            c_char_p,
            c_char_p,
            POINTER(CopyOptions),
            copy_progress_cb,
            done_cb,
            c_void_p,
            finalize_cb,
            _out,
            _out,
        ),
    ),
    "boxlite_box_get_archive": (
        c_int,
        (_handle, c_char_p, c_uint32, data_cb, done_cb, c_void_p, finalize_cb, _out, _out),
    ),
    "boxlite_box_put_archive": (
        c_int,
        (_out, _handle, c_char_p, POINTER(CopyOptions), done_cb, c_void_p, finalize_cb, _out),
    ),
    "boxlite_upload_write": (c_int, (_handle, c_void_p, c_size_t, done_cb, c_void_p, finalize_cb, _out)),
    "boxlite_upload_finish": (c_int, (_handle, _out)),
    "boxlite_upload_cancel": (None, (_handle,)),
    "boxlite_upload_destroy": (None, (_handle,)),
    # files by name
    "boxlite_box_stat_file": (c_int, (_handle, c_char_p, c_uint32, file_info_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_box_list_files": (c_int, (_handle, c_char_p, file_list_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_box_make_directory": (
        c_int,
        (_handle, c_char_p, c_uint32, c_uint32, done_cb, c_void_p, finalize_cb, _out, _out),
    ),
    "boxlite_box_rename_file": (
        c_int,
        (_handle, c_char_p, c_char_p, c_uint32, done_cb, c_void_p, finalize_cb, _out, _out),
    ),
    "boxlite_box_remove_file": (c_int, (_handle, c_char_p, c_uint32, done_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_file_list_size": (c_size_t, (_handle,)),
    "boxlite_file_list_get": (c_void_p, (_handle, c_size_t)),
    "boxlite_file_info_name": (c_char_p, (_handle,)),
    "boxlite_file_info_type": (c_int, (_handle,)),
    "boxlite_file_info_mode": (c_uint32, (_handle,)),
    "boxlite_file_info_uid": (c_uint32, (_handle,)),
    "boxlite_file_info_gid": (c_uint32, (_handle,)),
    "boxlite_file_info_size": (c_uint64, (_handle,)),
    "boxlite_file_info_mtime_ns": (c_int64, (_handle,)),
    "boxlite_file_info_link": (c_char_p, (_handle,)),
    # processes
    "boxlite_box_list_processes": (c_int, (_handle, process_list_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_process_list_size": (c_size_t, (_handle,)),
    "boxlite_process_list_get": (c_void_p, (_handle, c_size_t)),
    "boxlite_process_info_pid": (c_int64, (_handle,)),
    "boxlite_process_info_ppid": (c_int64, (_handle,)),
    "boxlite_process_info_uid": (c_uint32, (_handle,)),
    "boxlite_process_info_user": (c_char_p, (_handle,)),
    "boxlite_process_info_state": (c_int, (_handle,)),
    "boxlite_process_info_cpu_ms": (c_uint64, (_handle,)),
    "boxlite_process_info_memory_bytes": (c_uint64, (_handle,)),
    "boxlite_process_info_started_at_ms": (c_int64, (_handle,)),
    "boxlite_process_info_arg": (c_char_p, (_handle, c_size_t)),
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
    "boxlite_image_get_info": (c_int, (_out, _handle, c_char_p, _out)),
    "boxlite_image_info_destroy": (None, (_handle,)),
    "boxlite_image_info_reference_at": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_config_digest": (c_char_p, (_handle,)),
    "boxlite_image_info_created": (c_char_p, (_handle,)),
    "boxlite_image_info_os": (c_char_p, (_handle,)),
    "boxlite_image_info_architecture": (c_char_p, (_handle,)),
    "boxlite_image_info_unpacked_size": (c_uint64, (_handle,)),
    "boxlite_image_info_entrypoint": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_cmd": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_env": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_label": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_working_dir": (c_char_p, (_handle,)),
    "boxlite_image_info_user": (c_char_p, (_handle,)),
    "boxlite_image_info_layer_count": (c_size_t, (_handle,)),
    "boxlite_image_info_layer_digest": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_layer_diff_id": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_layer_size": (c_uint64, (_handle, c_size_t)),
    "boxlite_image_info_history_count": (c_size_t, (_handle,)),
    "boxlite_image_info_history_created": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_history_created_by": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_history_comment": (c_char_p, (_handle, c_size_t)),
    "boxlite_image_info_history_layer": (c_int64, (_handle, c_size_t)),
    "boxlite_image_tag": (c_int, (_handle, c_char_p, c_char_p, _out)),
    "boxlite_image_load": (
        c_int,
        (_handle, c_int, c_char_p, progress_cb, image_list_cb, c_void_p, finalize_cb, _out, _out),
    ),
    "boxlite_image_save": (
        c_int,
        (_handle, POINTER(c_char_p), c_size_t, c_int, progress_cb, done_cb, c_void_p, finalize_cb, _out, _out),
    ),
    "boxlite_image_prune": (c_int, (_handle, c_uint32, prune_cb, c_void_p, finalize_cb, _out, _out)),
    "boxlite_prune_report_reference": (c_char_p, (_handle, c_size_t)),
    "boxlite_prune_report_bytes": (c_uint64, (_handle,)),
    # disk usage
    "boxlite_disk_usage_create": (c_int, (_out, _handle, _out)),
    "boxlite_disk_usage_destroy": (None, (_handle,)),
    "boxlite_disk_usage_count": (c_uint64, (_handle, c_int)),
    "boxlite_disk_usage_active": (c_uint64, (_handle, c_int)),
    "boxlite_disk_usage_bytes": (c_uint64, (_handle, c_int)),
    "boxlite_disk_usage_reclaimable": (c_uint64, (_handle, c_int)),
    # doctor
    "boxlite_runtime_doctor": (c_int, (_handle, doctor_cb, c_void_p, finalize_cb, _out)),
    "boxlite_doctor_report_size": (c_size_t, (_handle,)),
    "boxlite_doctor_report_name": (c_char_p, (_handle, c_size_t)),
    "boxlite_doctor_report_state": (c_int, (_handle, c_size_t)),
    "boxlite_doctor_report_detail": (c_char_p, (_handle, c_size_t)),
    "boxlite_doctor_report_hint": (c_char_p, (_handle, c_size_t)),
}
