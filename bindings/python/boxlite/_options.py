"""Options: of a runtime (`Options`) and of a box (`BoxOptions`), with every spelling that they have.

`None` is "not given" everywhere. What a box of this version cannot do is refused by `unsupported`, which is asked when
a box is created, and only where the value asks for something.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypedDict

from boxlite.errors import UnsupportedError

Text: TypeAlias = "str | bytes"
Env: TypeAlias = "Mapping[str, str] | Iterable[tuple[str, str]]"
EngineName: TypeAlias = Literal["auto", "kvm", "qemu"]
IsolationName: TypeAlias = Literal["any", "hardware"]

DEFAULT_IMAGE = "python:slim"


@dataclasses.dataclass
class Options:
    """Options of a runtime."""

    home_dir: str | os.PathLike[str] | None = None
    """Where boxes and images are kept; None: `$BOXLITE_HOME`, else ~/.boxlite."""
    image_registries: Sequence[str] = ()
    """Searched in order for image names without a registry; "http://" in front where plain."""
    engine: EngineName = "auto"
    """For boxes that do not name one."""


@dataclasses.dataclass
class SecurityOptions:
    """What confines a box beyond its being a machine. Limits are None where there is none."""

    jailer_enabled: bool = True
    """False: the programs that run the box keep this machine's file system and namespaces."""
    seccomp_enabled: bool = True
    """False: no filter of system calls around the programs that run the box."""
    max_open_files: int | None = None
    max_file_size: int | None = None
    """Bytes."""
    max_processes: int | None = None
    max_memory: int | None = None
    """Bytes of virtual memory of a process."""
    max_cpu_time: int | None = None
    """Seconds."""
    network_enabled: bool = True
    """Without effect as long as boxes have no network; a box's info does not repeat it."""
    close_fds: bool = True
    """False is refused: what runs a box has the descriptors that it needs and no other."""

    @classmethod
    def development(cls) -> SecurityOptions:
        """Jailer and seccomp off, to look into trouble with boxlite itself."""
        return cls(jailer_enabled=False, seccomp_enabled=False)

    @classmethod
    def standard(cls) -> SecurityOptions:
        """Jailer and seccomp on, no limits; the default."""
        return cls()

    @classmethod
    def maximum(cls) -> SecurityOptions:
        """Jailer and seccomp on; 1024 open files, files of 1 GiB, 100 processes."""
        return cls(max_open_files=1024, max_file_size=1 << 30, max_processes=100)


@dataclasses.dataclass
class AdvancedBoxOptions:
    """The place of `security` in older programs."""

    security: SecurityOptions | None = None


@dataclasses.dataclass
class OutboundNetworkSpec:
    """What a box may reach."""

    mode: Literal["enabled", "disabled"] = "enabled"
    allow_net: Sequence[str] = ()


@dataclasses.dataclass
class InboundNetworkSpec:
    """Whether a box may be reached."""

    mode: Literal["enabled", "disabled"] = "enabled"


class NetworkSpec:
    """The network of a box: `NetworkSpec(mode, allow_net)`, or `NetworkSpec(outbound=…, inbound=…)`.

    Mixing both is a ValueError.
    """

    def __init__(
        self,
        mode: Literal["enabled", "disabled"] | None = None,
        allow_net: Sequence[str] | None = None,
        *,
        outbound: OutboundNetworkSpec | None = None,
        inbound: InboundNetworkSpec | None = None,
    ) -> None:
        if (mode is not None or allow_net is not None) and (outbound is not None or inbound is not None):
            raise ValueError("NetworkSpec takes either mode and allow_net, or outbound and inbound")
        self.outbound = outbound or OutboundNetworkSpec(mode or "enabled", allow_net or ())
        self.inbound = inbound or InboundNetworkSpec(mode or "enabled")

    def __repr__(self) -> str:
        return f"NetworkSpec(outbound={self.outbound!r}, inbound={self.inbound!r})"

    @property
    def mode(self) -> str:
        """The outbound mode."""
        return self.outbound.mode

    @property
    def allow_net(self) -> Sequence[str]:
        """What may be reached."""
        return self.outbound.allow_net

    def asks_for_nothing(self) -> bool:
        """No network at all."""
        return self.outbound.mode == "disabled" and self.inbound.mode == "disabled"


class BoxArguments(TypedDict, total=False):
    """The keyword arguments of `BoxOptions`, which every box class takes; for type checkers."""

    rootfs_path: str | os.PathLike[str] | None
    cpus: int | None
    memory_mib: int | None
    disk_size_gb: float | None
    working_dir: str | None
    env: Env | None
    volumes: Any
    ports: Any
    auto_remove: bool | None
    detach: bool
    name: str | None
    user: str | None
    entrypoint: str | Sequence[str] | None
    cmd: str | Sequence[str] | None
    network: Any
    security: SecurityOptions | None
    secrets: Any
    labels: Mapping[str, str] | None
    engine: EngineName
    isolation: IsolationName
    advanced: AdvancedBoxOptions | None
    cpu: int | None
    memory: int | None
    disk_size: int | None
    workdir: str | None
    cwd: str | None
    mounts: Any
    auto_delete: int | None


def either(name: str, value: Any, alias: str, other: Any) -> Any:
    """One of two spellings. TypeError where both are given and differ."""
    if value is None:
        return other
    if other is not None and other != value:
        raise TypeError(f"{name}={value!r} and {alias}={other!r}: two spellings of one option with different values")
    return value


def _or(default: Any, value: Any) -> Any:
    """The value, or the default where none is given; 0 and "" are given."""
    return default if value is None else value


def _alias(name: str) -> Any:
    def get(self: BoxOptions) -> Any:
        return getattr(self, name)

    def put(self: BoxOptions, value: Any) -> None:
        setattr(self, name, value)

    return property(get, put, doc=f"Another spelling of `{name}`.")


class BoxOptions:
    """Options of a box; every box class takes the same as keyword arguments.

    `image` (default "python:slim") or `rootfs_path` (an OCI layout directory); `cpus` = `cpu` (1); `memory_mib` =
    `memory` (512; 128 to the host's memory); `disk_size_gb`, or `disk_size` in MB; `working_dir` = `workdir` = `cwd`
    (the image's where that is set and not "/", else /root where it exists, else /); `env` (pairs or a dict); `volumes`
    = `mounts`; `ports`; `auto_remove` (True; False where a disk size is given), or `auto_delete` (0 keeps the box after
    its stop, above 0 removes it); `detach` (False: the box stops with the runtime that started it); `name`; `user`
    (name or number, ":group" may follow); `entrypoint` and `cmd` (override the image's); `network`; `security`;
    `secrets`; `labels` (dict); `engine` ("auto", "kvm", "qemu"); `isolation` ("any", "hardware").

    Giving two spellings of one option with different values is a TypeError. Values are checked when a box is created.
    """

    def __init__(
        self,
        image: str | None = None,
        *,
        rootfs_path: str | os.PathLike[str] | None = None,
        cpus: int | None = None,
        memory_mib: int | None = None,
        disk_size_gb: float | None = None,
        working_dir: str | None = None,
        env: Env | None = None,
        volumes: Any = None,
        ports: Any = None,
        auto_remove: bool | None = None,
        detach: bool = False,
        name: str | None = None,
        user: str | None = None,
        entrypoint: str | Sequence[str] | None = None,
        cmd: str | Sequence[str] | None = None,
        network: Any = None,
        security: SecurityOptions | None = None,
        secrets: Any = None,
        labels: Mapping[str, str] | None = None,
        engine: EngineName = "auto",
        isolation: IsolationName = "any",
        advanced: AdvancedBoxOptions | None = None,
        cpu: int | None = None,
        memory: int | None = None,
        disk_size: int | None = None,
        workdir: str | None = None,
        cwd: str | None = None,
        mounts: Any = None,
        auto_delete: int | None = None,
    ) -> None:
        self.image = DEFAULT_IMAGE if image is None and rootfs_path is None else image
        self.rootfs_path = rootfs_path
        self.cpus: int = _or(1, either("cpus", cpus, "cpu", cpu))
        self.memory_mib: int = _or(512, either("memory_mib", memory_mib, "memory", memory))
        self.disk_size_gb: float | None = either(
            "disk_size_gb", disk_size_gb, "disk_size", None if disk_size is None else math.ceil(disk_size) / 1024
        )
        self.working_dir: str | None = either(
            "working_dir", either("working_dir", working_dir, "workdir", workdir), "cwd", cwd
        )
        self.env: Env = _or([], env)
        self.volumes: Any = _or([], either("volumes", volumes, "mounts", mounts))
        self.ports: Any = _or([], ports)
        self.auto_remove = self._auto_remove(auto_remove, auto_delete)
        self.detach = detach
        self.name = name
        self.user = user
        self.entrypoint = entrypoint
        self.cmd = cmd
        self.network = network
        advanced_security = advanced.security if advanced else None
        self.security: SecurityOptions = _or(
            SecurityOptions(), either("security", security, "advanced.security", advanced_security)
        )
        self.secrets = secrets
        self.labels = labels
        self.engine: EngineName = engine
        self.isolation: IsolationName = isolation

    def _auto_remove(self, auto_remove: bool | None, auto_delete: int | None) -> bool:
        if auto_remove is not None and auto_delete is not None:
            raise TypeError("auto_remove and auto_delete are two spellings of one option; give one of them")
        if auto_delete is not None:
            return auto_delete > 0
        return self.disk_size_gb is None if auto_remove is None else auto_remove

    def __repr__(self) -> str:
        given = (f"{name}={value!r}" for name, value in vars(self).items() if value is not None)
        return f"BoxOptions({', '.join(given)})"

    cpu = _alias("cpus")
    memory = _alias("memory_mib")
    workdir = _alias("working_dir")
    cwd = _alias("working_dir")
    mounts = _alias("volumes")


def refuse_unsupported(options: BoxOptions) -> None:
    """UnsupportedError for the first option that asks for what this version does not have."""
    network = options.network
    no_network = (
        network.asks_for_nothing()
        if isinstance(network, NetworkSpec)
        else network in (None, False, "off", "none", "disabled")
    )
    asked = {
        "volumes": bool(options.volumes),
        "ports": bool(options.ports),
        "secrets": bool(options.secrets),
        "disk_size_gb": options.disk_size_gb is not None,
        "network": not no_network,
        "security": not options.security.close_fds,
    }
    for name, wanted in asked.items():
        if wanted:
            raise UnsupportedError(
                f"{name}={getattr(options, name)!r}: this version of boxlite does not support the option {name}",
                hint=f"leave {name} out",
            )


def unsupported_call(name: str) -> UnsupportedError:
    """The error of a call that this version does not have."""
    return UnsupportedError(f"this version of boxlite does not support {name}")
