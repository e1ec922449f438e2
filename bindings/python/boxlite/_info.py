"""What the records say: BoxInfo, ImageInfo, PullProgress. Plain values, read once from the library's handles."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Generator
from typing import Any, TypeVar

from boxlite import _ffi
from boxlite._library import library, text

T = TypeVar("T")


class AwaitableList(list[T]):
    """A list that is there at once; awaiting it gives it."""

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self
        yield


@dataclasses.dataclass(frozen=True)
class BoxState:
    """The state of a box: `.status` ("created", "starting", "running", "stopped"; a later version will also say
    "paused" and "stopping"), `.running`, and `.pid` of the process that is its machine, None where it does not run."""

    status: str
    running: bool
    pid: int | None


@dataclasses.dataclass(frozen=True)
class BoxInfo:
    """What the records say of a box, at the time of the call; awaiting it gives it."""

    id: str
    """26 characters (ULID)."""
    name: str | None
    image: str | None
    """As it was given; None for a box from `rootfs_path`."""
    rootfs_path: str | None
    state: BoxState
    created_at: datetime.datetime
    """UTC, as the other times."""
    started_at: datetime.datetime | None
    stopped_at: datetime.datetime | None
    cpus: int
    memory_mib: int
    auto_remove: bool
    detach: bool
    engine: str
    """"kvm" or "qemu"; "auto" before the first start."""
    engine_reason: str
    isolation: str
    """"hardware" or "software"; "any" before the first start."""
    jail: tuple[str, ...]
    """Lines "layer: state"."""
    exit_reason: str
    """"none", "stopped", "main_exited", "reset", "panic", "out_of_memory", "killed", "engine", "boot", "lifeline"."""
    exit_detail: str
    exit_code: int | None
    """Of the execution that the box lived for, minus the signal's number where one ended it; None where there was no
    such execution, or it has not ended."""
    labels: dict[str, str]
    ports: tuple[Any, ...] = ()

    @property
    def status(self) -> str:
        """`state.status`."""
        return self.state.status

    def __await__(self) -> Generator[Any, None, BoxInfo]:
        return self
        yield


@dataclasses.dataclass(frozen=True)
class ImageInfo:
    """An image of the home directory."""

    reference: str
    """Canonical: "docker.io/library/python:slim"."""
    digest: str
    """"sha256:…" of the manifest."""
    source: str
    """Where it was fetched from."""
    size: int
    """Bytes of its layers as they were fetched."""
    pulled_at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class PullProgress:
    """How far a pull is. The bytes are those of the phase; a total of 0 is not known yet."""

    phase: str
    """"resolve", "fetch", "convert" or "done"."""
    layers_total: int
    layers_done: int
    bytes_total: int
    bytes_done: int


def moment(milliseconds: int) -> datetime.datetime:
    """A time of the library: milliseconds since 1970."""
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)


def moment_or_none(milliseconds: int) -> datetime.datetime | None:
    """None for 0: it has not happened."""
    return moment(milliseconds) if milliseconds else None


def name_of(kind: type[Any], value: int) -> str:
    """The enumerator's name in small letters; "unknown" for one of a newer library."""
    try:
        return str(kind(value).name).lower()
    except ValueError:
        return "unknown"


def _labels(info: int | None) -> dict[str, str]:
    lib = library()
    entries = (lib.boxlite_box_info_label(info, n) for n in itertools.count())
    pairs = (text(entry).partition("=") for entry in itertools.takewhile(lambda entry: entry is not None, entries))
    return {name: value for name, _, value in pairs}


def box_info(info: int | None) -> BoxInfo:
    """Reads a `boxlite_box_info`, which is borrowed."""
    lib = library()

    def of(field: str) -> Any:
        return getattr(lib, f"boxlite_box_info_{field}")(info)

    state, flags, exit_code = of("state"), of("flags"), of("exit_code")
    return BoxInfo(
        id=text(of("id")),
        name=text(of("name")) or None,
        image=text(of("image")) or None,
        rootfs_path=text(of("rootfs_path")) or None,
        state=BoxState(
            status=text(lib.boxlite_box_state_name(state)),
            running=state == _ffi.BoxState.RUNNING,
            pid=of("pid") or None,
        ),
        created_at=moment(of("created_at_ms")),
        started_at=moment_or_none(of("started_at_ms")),
        stopped_at=moment_or_none(of("stopped_at_ms")),
        cpus=of("cpus"),
        memory_mib=of("memory_mib"),
        auto_remove=bool(flags & _ffi.BOX_AUTO_REMOVE),
        detach=bool(flags & _ffi.BOX_DETACHED),
        engine=name_of(_ffi.Engine, of("engine")),
        engine_reason=text(of("engine_reason")),
        isolation=name_of(_ffi.Isolation, of("isolation")),
        jail=tuple(text(of("jail")).splitlines()),
        exit_reason=text(lib.boxlite_exit_reason_name(of("exit_reason"))),
        exit_detail=text(of("exit_detail")),
        exit_code=exit_code if exit_code != _ffi.EXIT_CODE_NONE else None,
        labels=_labels(info),
    )


def image_info(info: int | None) -> ImageInfo:
    """Reads a `boxlite_image_info`, which is borrowed."""
    lib = library()
    return ImageInfo(
        reference=text(lib.boxlite_image_info_reference(info)),
        digest=text(lib.boxlite_image_info_digest(info)),
        source=text(lib.boxlite_image_info_source(info)),
        size=lib.boxlite_image_info_size(info),
        pulled_at=moment(lib.boxlite_image_info_pulled_at_ms(info)),
    )


def pull_progress(progress: Any) -> PullProgress:
    """Reads a `boxlite_progress`, which is borrowed."""
    return PullProgress(
        phase=name_of(_ffi.Phase, progress.phase),
        layers_total=progress.layers_total,
        layers_done=progress.layers_done,
        bytes_total=progress.bytes_total,
        bytes_done=progress.bytes_done,
    )
