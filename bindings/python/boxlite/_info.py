"""What the records say: BoxInfo, ImageInfo, PullProgress. Plain values, read once from the library's handles."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from boxlite import _constants
from boxlite._library import library, text
from boxlite._options import SecurityOptions

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
    security: SecurityOptions
    """What it was made with; limits that were not given are None."""
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
class ImageLayer:
    """A layer of an image."""

    digest: str
    """"sha256:…" of its blob."""
    diff_id: str
    """"sha256:…" of what it unpacks to."""
    size: int
    """Bytes of its blob."""


@dataclasses.dataclass(frozen=True)
class HistoryStep:
    """A step of how an image was made."""

    created: str
    """RFC 3339, as the image says it; may be empty, as the next two."""
    created_by: str
    comment: str
    layer: ImageLayer | None
    """The layer that it made, None where it made none."""

    @property
    def size(self) -> int:
        """Bytes of its layer's blob."""
        return self.layer.size if self.layer is not None else 0


@dataclasses.dataclass(frozen=True)
class ImageDetails(ImageInfo):
    """All that is known of an image."""

    references: tuple[str, ...]
    """Every reference that names it."""
    config_digest: str
    created: str
    """RFC 3339, as the image says it; may be empty."""
    os: str
    architecture: str
    unpacked_size: int
    """Bytes that its root file system takes on the disk; 0 where that is not made yet."""
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    env: dict[str, str]
    labels: dict[str, str]
    working_dir: str
    user: str
    layers: tuple[ImageLayer, ...]
    history: tuple[HistoryStep, ...]


@dataclasses.dataclass(frozen=True)
class PruneResult:
    """What a prune removed."""

    references: tuple[str, ...]
    bytes: int
    """That the disk got back."""


@dataclasses.dataclass(frozen=True)
class SpaceUse:
    """What one kind of things takes on the disk."""

    count: int
    active: int
    """In use: by a box, or a box that runs."""
    bytes: int
    reclaimable: int
    """Bytes that would be free without what is not in use."""


@dataclasses.dataclass(frozen=True)
class DiskUsage:
    """What a home directory takes on the disk."""

    images: SpaceUse
    rootfs: SpaceUse
    """Root file systems made from images."""
    boxes: SpaceUse
    cache: SpaceUse
    """Half-done jobs, and blank disks."""


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


def _security(of: Callable[[str], Any], flags: int) -> SecurityOptions:
    return SecurityOptions(
        jailer_enabled=not flags & _constants.BOX_NO_JAIL,
        seccomp_enabled=not flags & _constants.BOX_NO_SECCOMP,
        max_open_files=of("max_open_files") or None,
        max_file_size=of("max_file_size_bytes") or None,
        max_processes=of("max_processes") or None,
        max_memory=of("max_memory_bytes") or None,
        max_cpu_time=of("max_cpu_seconds") or None,
    )


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
            running=state == _constants.BoxState.RUNNING,
            pid=of("pid") or None,
        ),
        created_at=moment(of("created_at_ms")),
        started_at=moment_or_none(of("started_at_ms")),
        stopped_at=moment_or_none(of("stopped_at_ms")),
        cpus=of("cpus"),
        memory_mib=of("memory_mib"),
        auto_remove=bool(flags & _constants.BOX_AUTO_REMOVE),
        detach=bool(flags & _constants.BOX_DETACHED),
        security=_security(of, flags),
        engine=name_of(_constants.Engine, of("engine")),
        engine_reason=text(of("engine_reason")),
        isolation=name_of(_constants.Isolation, of("isolation")),
        jail=tuple(text(of("jail")).splitlines()),
        exit_reason=text(lib.boxlite_exit_reason_name(of("exit_reason"))),
        exit_detail=text(of("exit_detail")),
        exit_code=exit_code if exit_code != _constants.EXIT_CODE_NONE else None,
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


def _texts(get: Any, handle: Any) -> Iterator[str]:
    for n in itertools.count():
        value = get(handle, n)
        if value is None:
            return
        yield text(value)


def _pairs(get: Any, handle: Any) -> dict[str, str]:
    parts = (entry.partition("=") for entry in _texts(get, handle))
    return {name: value for name, _, value in parts}


def image_details(info: Any) -> ImageDetails:
    """Reads a `boxlite_image_info`, which is borrowed."""
    lib = library()

    def of(field: str) -> Any:
        return getattr(lib, f"boxlite_image_info_{field}")

    layers: tuple[ImageLayer, ...] = tuple(
        ImageLayer(text(of("layer_digest")(info, n)), text(of("layer_diff_id")(info, n)), of("layer_size")(info, n))
        for n in range(of("layer_count")(info))
    )

    def step(n: int) -> HistoryStep:
        layer: int = of("history_layer")(info, n)
        return HistoryStep(
            created=text(of("history_created")(info, n)),
            created_by=text(of("history_created_by")(info, n)),
            comment=text(of("history_comment")(info, n)),
            layer=layers[layer] if layer >= 0 else None,
        )

    return ImageDetails(
        **dataclasses.asdict(image_info(info)),
        references=tuple(_texts(of("reference_at"), info)),
        config_digest=text(of("config_digest")(info)),
        created=text(of("created")(info)),
        os=text(of("os")(info)),
        architecture=text(of("architecture")(info)),
        unpacked_size=of("unpacked_size")(info),
        entrypoint=tuple(_texts(of("entrypoint"), info)),
        cmd=tuple(_texts(of("cmd"), info)),
        env=_pairs(of("env"), info),
        labels=_pairs(of("label"), info),
        working_dir=text(of("working_dir")(info)),
        user=text(of("user")(info)),
        layers=layers,
        history=tuple(step(n) for n in range(of("history_count")(info))),
    )


def prune_result(report: Any) -> PruneResult:
    """Reads a `boxlite_prune_report`, which is borrowed."""
    lib = library()
    return PruneResult(
        references=tuple(_texts(lib.boxlite_prune_report_reference, report)),
        bytes=lib.boxlite_prune_report_bytes(report),
    )


def disk_usage(usage: Any) -> DiskUsage:
    """Reads a `boxlite_disk_usage`, which is borrowed."""
    lib = library()

    def of(kind: _constants.DiskKind) -> SpaceUse:
        return SpaceUse(
            count=lib.boxlite_disk_usage_count(usage, kind),
            active=lib.boxlite_disk_usage_active(usage, kind),
            bytes=lib.boxlite_disk_usage_bytes(usage, kind),
            reclaimable=lib.boxlite_disk_usage_reclaimable(usage, kind),
        )

    kinds = _constants.DiskKind
    return DiskUsage(of(kinds.IMAGES), of(kinds.ROOTFS), of(kinds.BOXES), of(kinds.CACHE))


def pull_progress(progress: Any) -> PullProgress:
    """Reads a `boxlite_progress`, which is borrowed."""
    return PullProgress(
        phase=name_of(_constants.Phase, progress.phase),
        layers_total=progress.layers_total,
        layers_done=progress.layers_done,
        bytes_total=progress.bytes_total,
        bytes_done=progress.bytes_done,
    )
