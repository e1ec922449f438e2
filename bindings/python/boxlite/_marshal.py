"""Options as the structs of the C library, and texts as its bytes.

Arguments, environment and paths are bytes that end with NUL: text goes as UTF-8, what was undecodable (surrogates) as
the bytes it was, and `bytes` as they are.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from boxlite import _constants, _ffi
from boxlite._options import BoxOptions, Env, Options
from boxlite.errors import InvalidArgumentError

_MAX_UINT32 = 0xFFFFFFFF
_MAX_INT64 = (1 << 63) - 1


def raw(name: str, value: Any) -> bytes:
    """A text as bytes. `name` is what an error calls it."""
    given = os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, os.PathLike) else value
    if not isinstance(given, (str, bytes)):
        raise TypeError(f"{name} must be str or bytes, not {type(given).__name__}")
    try:
        encoded = given if isinstance(given, bytes) else given.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"{name} cannot be written as UTF-8: {error}") from error
    if b"\0" in encoded:
        raise InvalidArgumentError(f"{name} contains a NUL byte: {given!r}")
    return encoded


def raw_or_none(name: str, value: Any) -> bytes | None:
    """As `raw`; None stays."""
    return None if value is None else raw(name, value)


def array(texts: Sequence[bytes]) -> Any:
    """`const char *const *`; None for an empty one. It holds what it points to."""
    return (ctypes.c_char_p * len(texts))(*texts) if texts else None


def assignments(name: str, pairs: Env | None) -> list[bytes]:
    """ "NAME=value" of a dict or of pairs."""
    given: Any = pairs or ()
    items: Iterable[Any] = given.items() if isinstance(pairs, Mapping) else given
    entries: list[bytes] = []
    for item in items:
        if isinstance(item, (str, bytes)) or len(item) != 2:
            raise TypeError(f"{name} must be a dict or a list of (name, value) pairs, not {item!r} in a list")
        key, value = raw(f"a name in {name}", item[0]), raw(f"{name} {item[0]!r}", item[1])
        if not key or b"=" in key:
            raise InvalidArgumentError(f"{name}: {item[0]!r} is not a name; it must not be empty or contain '='")
        entries.append(key + b"=" + value)
    return entries


def words(name: str, value: str | Sequence[Any] | None) -> list[bytes]:
    """A list of words; a single text is a list of one."""
    values = [value] if isinstance(value, (str, bytes)) else value or ()
    return [raw(name, word) for word in values]


def milliseconds(name: str, seconds: float | None) -> int:
    """Seconds as the library counts them, 0 for None; never 0 for a value."""
    if seconds is None:
        return 0
    if not seconds > 0 or math.isinf(seconds):
        raise InvalidArgumentError(f"{name}={seconds!r} must be a number of seconds above 0")
    return max(1, math.ceil(seconds * 1000))


def milliseconds32(name: str, seconds: float | None) -> int:
    """As `milliseconds`, at most what 32 bits hold (49 days)."""
    return min(milliseconds(name, seconds), _MAX_UINT32)


def enumerator(name: str, kind: Any, value: Any) -> int:
    """The number of an enum's name."""
    names = [member.name.lower() for member in kind]
    if value not in names:
        raise InvalidArgumentError(f"{name}={value!r} is not one of {', '.join(repr(known) for known in names)}")
    return int(kind[value.upper()])


def whole(name: str, value: Any, most: int = _MAX_UINT32) -> int:
    """A count, 0 for None. The library knows the bounds; 0 would be its default, so it is refused here."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    if not 0 < value <= most:
        raise InvalidArgumentError(f"{name}={value} is out of range")
    return value


def runtime_options(options: Options) -> _ffi.RuntimeOptions:
    """The options of a runtime."""
    registries = words("image_registries", options.image_registries)
    struct = _ffi.RuntimeOptions(struct_size=ctypes.sizeof(_ffi.RuntimeOptions))
    struct.home_dir = raw_or_none("home_dir", options.home_dir)
    struct.image_registries = array(registries)
    struct.image_registry_count = len(registries)
    struct.engine = enumerator("engine", _constants.Engine, options.engine)
    return struct


def box_options(options: BoxOptions, name: str | None) -> _ffi.BoxOptions:
    """The options of a box."""
    env, labels = assignments("env", options.env), assignments("labels", options.labels)
    entrypoint, cmd = words("entrypoint", options.entrypoint), words("cmd", options.cmd)
    flags = _constants.BOX_AUTO_REMOVE if options.auto_remove else 0
    flags |= _constants.BOX_DETACHED if options.detach else 0
    flags |= _constants.BOX_NO_ENTRYPOINT if options.entrypoint is not None and not entrypoint else 0
    flags |= 0 if options.security.jailer_enabled else _constants.BOX_NO_JAIL
    flags |= 0 if options.security.seccomp_enabled else _constants.BOX_NO_SECCOMP
    struct = _ffi.BoxOptions(struct_size=ctypes.sizeof(_ffi.BoxOptions), flags=flags)
    struct.image = raw_or_none("image", options.image)
    struct.rootfs_path = raw_or_none("rootfs_path", options.rootfs_path)
    struct.name = raw_or_none("name", name)
    struct.cpus = whole("cpus", options.cpus)
    struct.memory_mib = whole("memory_mib", options.memory_mib)
    struct.env, struct.env_count = array(env), len(env)
    struct.working_dir = raw_or_none("working_dir", options.working_dir)
    struct.user = raw_or_none("user", options.user)
    struct.entrypoint, struct.entrypoint_count = array(entrypoint), len(entrypoint)
    struct.cmd, struct.cmd_count = array(cmd), len(cmd)
    struct.labels, struct.label_count = array(labels), len(labels)
    struct.engine = enumerator("engine", _constants.Engine, options.engine)
    struct.isolation = enumerator("isolation", _constants.Isolation, options.isolation)
    security = options.security
    struct.max_open_files = whole("max_open_files", security.max_open_files, _MAX_INT64)
    struct.max_file_size_bytes = whole("max_file_size", security.max_file_size, _MAX_INT64)
    struct.max_memory_bytes = whole("max_memory", security.max_memory, _MAX_INT64)
    struct.max_cpu_seconds = whole("max_cpu_time", security.max_cpu_time, _MAX_INT64)
    struct.max_processes = whole("max_processes", security.max_processes, _MAX_INT64)
    return struct
