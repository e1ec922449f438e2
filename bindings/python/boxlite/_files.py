"""Files of a box by name, copies of trees, and what runs in it. The agent does all of it; no shell is started."""

from __future__ import annotations

import ctypes
import dataclasses
import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from boxlite import _constants, _ffi, _marshal
from boxlite._core import (
    BOX_INFO,
    DONE,
    FILE_INFO,
    FILE_LIST,
    NO_COPY_PROGRESS,
    PROCESS_LIST,
    Call,
    Handle,
)
from boxlite._info import BoxInfo, box_info
from boxlite._library import library
from boxlite.errors import NotFoundError

if TYPE_CHECKING:
    from boxlite._core import Core

Path: TypeAlias = "str | bytes | os.PathLike[str]"
FileType: TypeAlias = Literal[
    "unknown", "file", "directory", "symlink", "character_device", "block_device", "fifo", "socket"
]


@dataclasses.dataclass(frozen=True)
class FileInfo:
    """What a path of a box names."""

    name: str
    """The last name of the path; undecodable bytes as surrogates, for `os.fsencode`."""
    type: FileType
    mode: int
    """Permissions, at most 0o7777."""
    size: int
    uid: int
    gid: int
    mtime: float
    """Seconds since 1970, by the box's clock."""
    link: str
    """Where a symbolic link leads to; "" for anything else."""

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory itself, and no link to one."""
        return self.type == "directory"


@dataclasses.dataclass(frozen=True)
class ProcessInfo:
    """A process of a box."""

    pid: int
    ppid: int
    uid: int
    user: str
    """"" where the box's /etc/passwd has no name for it."""
    state: str
    """As ps has it: "R" runs, "S" sleeps, "D" waits for a disk, "T" is stopped, "Z" has ended."""
    cpu_ms: int
    memory_bytes: int
    started_at_ms: int
    argv: tuple[str, ...]
    """Its beginning: at most 32 arguments and 4096 bytes. One without has its name in brackets."""


class Files:
    """The files of a box, `box.files`. Paths are absolute; the box is started where it does not run.

    Symbolic links are followed in the directories of a path and, but for `stat(follow_symlinks=True)` and `exists`, not
    in its last name. Everything is done as root.
    """

    def __init__(self, core: Core, handle: Handle) -> None:
        self._core = core
        self._handle = handle

    async def list(self, path: Path) -> list[FileInfo]:
        """What is in a directory, by name. NotFoundError, also for what is no directory."""
        call = _List(self._core)
        await call.run(
            self._core.lib.boxlite_box_list_files, self._handle.pointer, _marshal.raw("path", path), FILE_LIST
        )
        return call.files

    async def stat(self, path: Path, *, follow_symlinks: bool = False) -> FileInfo:
        """What the path names: a symbolic link itself, unless it is to be followed. NotFoundError."""
        call = _List(self._core)
        flags = _constants.FILE_FOLLOW_LINK if follow_symlinks else 0
        await call.run(
            self._core.lib.boxlite_box_stat_file, self._handle.pointer, _marshal.raw("path", path), flags, FILE_INFO
        )
        return call.files[0]

    async def exists(self, path: Path) -> bool:
        """Whether the path names anything, symbolic links followed."""
        try:
            await self.stat(path, follow_symlinks=True)
        except NotFoundError:
            return False
        return True

    async def mkdir(self, path: Path, mode: int = 0o755, *, parents: bool = False) -> None:
        """Makes a directory; with `parents` those above it too, and one that is there already is fine.

        AlreadyExistsError; NotFoundError where its parent is missing.
        """
        flags = _constants.FILE_PARENTS if parents else 0
        await Call(self._core).run(
            self._core.lib.boxlite_box_make_directory,
            self._handle.pointer,
            _marshal.raw("path", path),
            mode,
            flags,
            DONE,
        )

    async def rename(self, old: Path, new: Path, *, overwrite: bool = True) -> None:
        """Gives a file another name. NotFoundError; AlreadyExistsError; UnsupportedError between two file systems."""
        flags = 0 if overwrite else _constants.FILE_NO_REPLACE
        await Call(self._core).run(
            self._core.lib.boxlite_box_rename_file,
            self._handle.pointer,
            _marshal.raw("old", old),
            _marshal.raw("new", new),
            flags,
            DONE,
        )

    async def remove(self, path: Path, *, recursive: bool = False) -> None:
        """Removes a file, a symbolic link itself, an empty directory, or with `recursive` any.

        NotFoundError; InvalidArgumentError for a directory that is not empty.
        """
        flags = _constants.FILE_RECURSIVE if recursive else 0
        await Call(self._core).run(
            self._core.lib.boxlite_box_remove_file, self._handle.pointer, _marshal.raw("path", path), flags, DONE
        )


class _List(Call):
    """A call that brings files, processes, or a box's last record."""

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        self.files: list[FileInfo] = []
        self.processes: list[ProcessInfo] = []
        self.box: BoxInfo | None = None

    def on_file_info(self, status: int, error: int | None, info: int | None) -> None:
        if info:
            self.files.append(_file_info(info))
        self.on_done(status, error)

    def on_file_list(self, status: int, error: int | None, files: int | None) -> None:
        lib = library()
        for n in range(lib.boxlite_file_list_size(files)):
            self.files.append(_file_info(lib.boxlite_file_list_get(files, n)))
        self.on_done(status, error)

    def on_process_list(self, status: int, error: int | None, processes: int | None) -> None:
        lib = library()
        for n in range(lib.boxlite_process_list_size(processes)):
            self.processes.append(_process_info(lib.boxlite_process_list_get(processes, n)))
        self.on_done(status, error)

    def on_box_info(self, status: int, error: int | None, info: int | None) -> None:
        if info:
            self.box = box_info(info)
        self.on_done(status, error)


def _file_info(info: int | None) -> FileInfo:
    lib = library()
    types: dict[int, FileType] = dict(enumerate(get_args(FileType)))
    return FileInfo(
        name=os.fsdecode(lib.boxlite_file_info_name(info)),
        type=types.get(lib.boxlite_file_info_type(info), "unknown"),
        mode=lib.boxlite_file_info_mode(info),
        size=lib.boxlite_file_info_size(info),
        uid=lib.boxlite_file_info_uid(info),
        gid=lib.boxlite_file_info_gid(info),
        mtime=lib.boxlite_file_info_mtime_ns(info) / 1e9,
        link=os.fsdecode(lib.boxlite_file_info_link(info)),
    )


def _process_info(info: int | None) -> ProcessInfo:
    lib = library()
    argv: list[str] = []
    while (argument := lib.boxlite_process_info_arg(info, len(argv))) is not None:
        argv.append(os.fsdecode(argument))
    return ProcessInfo(
        pid=lib.boxlite_process_info_pid(info),
        ppid=lib.boxlite_process_info_ppid(info),
        uid=lib.boxlite_process_info_uid(info),
        user=os.fsdecode(lib.boxlite_process_info_user(info)),
        state=chr(lib.boxlite_process_info_state(info)),
        cpu_ms=lib.boxlite_process_info_cpu_ms(info),
        memory_bytes=lib.boxlite_process_info_memory_bytes(info),
        started_at_ms=lib.boxlite_process_info_started_at_ms(info),
        argv=tuple(argv),
    )


async def processes(core: Core, handle: Handle) -> list[ProcessInfo]:
    """What runs in a box."""
    call = _List(core)
    await call.run(core.lib.boxlite_box_list_processes, handle.pointer, PROCESS_LIST)
    return call.processes


async def wait(core: Core, handle: Handle) -> BoxInfo:
    """The last record of a box, when it has ended."""
    call = _List(core)
    await call.run(core.lib.boxlite_box_wait, handle.pointer, BOX_INFO)
    assert call.box is not None
    return call.box


async def copy(begin: Any, core: Core, handle: Handle, paths: tuple[bytes, bytes], flags: int) -> None:
    """boxlite_box_copy_in or boxlite_box_copy_out."""
    options = _ffi.CopyOptions()
    core.lib.boxlite_copy_options_init(ctypes.byref(options), ctypes.sizeof(options))
    options.flags = flags
    await Call(core).run(begin, handle.pointer, *paths, ctypes.byref(options), NO_COPY_PROGRESS, DONE)


def copy_flags(overwrite: bool, follow_symlinks: bool, include_parent: bool) -> int:
    """BOXLITE_COPY_* of the keyword arguments."""
    flags = 0 if overwrite else _constants.COPY_NO_OVERWRITE
    flags |= _constants.COPY_FOLLOW_LINK if follow_symlinks else 0
    return flags | (0 if include_parent else _constants.COPY_CONTENTS)
