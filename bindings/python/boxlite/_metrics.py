"""What is counted and measured: RuntimeMetrics and BoxMetrics.

Counters are those of one `Boxlite` object, from when it was opened. What a box costs is read from the kernel's figures
of the processes that are its machine, so it is the whole machine's and not one command's.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boxlite._info import BoxInfo

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclasses.dataclass(frozen=True)
class RuntimeMetrics:
    """Counters of one runtime since it was opened; awaiting it gives it."""

    boxes_created: int = 0
    boxes_destroyed: int = 0
    """Of those that it created, removed by whomever."""
    boxes_failed_total: int = 0
    """Boxes that could not be created, and starts that failed."""
    active_boxes: int = 0
    """Boxes of the home directory that run now, whoever started them."""
    total_exec_calls: int = 0
    """Commands that were asked for."""
    total_exec_errors: int = 0
    """Of those, the ones that could not be started or were lost; an exit code other than 0 is none."""

    @property
    def boxes_created_total(self) -> int:
        """`boxes_created`."""
        return self.boxes_created

    @property
    def num_running_boxes(self) -> int:
        """`active_boxes`."""
        return self.active_boxes

    @property
    def total_commands_executed(self) -> int:
        """`total_exec_calls`."""
        return self.total_exec_calls

    def __await__(self) -> Generator[Any, None, RuntimeMetrics]:
        return self
        yield


@dataclasses.dataclass(frozen=True)
class BoxMetrics:
    """What a box costs now and what was counted; all zero for a box that never ran. Awaiting it gives it."""

    cpu_time_ms: int = 0
    """Processor time of its machine on the host since it started; 0 where it does not run."""
    cpu_percent: float = 0.0
    """The same over the time since the last call, or since the start; 100 is one processor."""
    memory_usage_bytes: int = 0
    """Memory of the host that its machine occupies."""
    network_bytes_sent: int = 0
    """0: boxes have no network."""
    network_bytes_received: int = 0
    """0: boxes have no network."""
    commands_executed_total: int = 0
    """By this runtime."""
    exec_errors_total: int = 0
    """By this runtime: commands that could not be started or were lost."""
    create_duration_ms: int = 0
    """0 where another runtime created it."""
    boot_duration_ms: int = 0
    """From the call that needed it running to its start, a pull included; 0 where another runtime started it."""

    @property
    def memory_bytes(self) -> int:
        """`memory_usage_bytes`."""
        return self.memory_usage_bytes

    def __await__(self) -> Generator[Any, None, BoxMetrics]:
        return self
        yield


class BoxCounts:
    """What a runtime counts of one box."""

    def __init__(self) -> None:
        self.create_ms = 0
        self.commands = 0
        self.errors = 0
        self.wanted_at: float | None = None  # when it was first asked to run, since its creation or last stop
        self._last: tuple[str, float, int] | None = None  # start, time and processor time of the last reading

    def wanted(self) -> None:
        """A call comes that starts the box where it does not run."""
        if self.wanted_at is None:
            self.wanted_at = time.time()

    def stopped(self) -> None:
        """The next call that wants the box starts it."""
        self.wanted_at = None

    def read(self, info: BoxInfo) -> BoxMetrics:
        """The figures now."""
        if info.started_at is None:
            return BoxMetrics()
        started = info.started_at.timestamp()
        cpu_ms, memory = machine(info.state.pid) if info.state.running and info.state.pid else (0, 0)
        booted = self.wanted_at is not None and started >= self.wanted_at
        return BoxMetrics(
            cpu_time_ms=cpu_ms,
            cpu_percent=self._percent(str(started), started, cpu_ms),
            memory_usage_bytes=memory,
            commands_executed_total=self.commands,
            exec_errors_total=self.errors,
            create_duration_ms=self.create_ms,
            boot_duration_ms=max(1, round((started - self.wanted_at) * 1000)) if booted and self.wanted_at else 0,
        )

    def _percent(self, start: str, started: float, cpu_ms: int) -> float:
        now = time.time()
        last_start, since, before = self._last or (start, started, 0)
        if last_start != start:
            since, before = started, 0
        self._last = (start, now, cpu_ms)
        elapsed_ms = (now - since) * 1000
        return max(0.0, 100 * (cpu_ms - before) / elapsed_ms) if elapsed_ms > 0 else 0.0


class Counts:
    """What a runtime counts. Its threads count side by side."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._created: set[str] = set()  # boxes, while they exist
        self._boxes: dict[str, BoxCounts] = {}  # those that something is known of, while they exist
        self._created_total = 0
        self._destroyed = 0
        self._failed = 0
        self._commands = 0
        self._errors = 0

    def box(self, box_id: str) -> BoxCounts:
        """The counts of one box."""
        with self._lock:
            return self._boxes.setdefault(box_id, BoxCounts())

    def box_created(self, box_id: str, milliseconds: int) -> None:
        """A box was recorded."""
        self.box(box_id).create_ms = milliseconds
        with self._lock:
            self._created.add(box_id)
            self._created_total += 1

    def box_failed(self) -> None:
        """A box could not be created or started."""
        with self._lock:
            self._failed += 1

    def box_removed(self, box_id: str) -> None:
        """A box is gone."""
        with self._lock:
            self._forget({box_id})

    def exec_begins(self, box_id: str) -> None:
        """A command is asked for."""
        box = self.box(box_id)
        with self._lock:
            self._commands += 1
            box.commands += 1

    def exec_failed(self, box_id: str) -> None:
        """A command could not be started, or was lost."""
        with self._lock:
            self._errors += 1
            if box_id in self._boxes:
                self._boxes[box_id].errors += 1

    def read(self, boxes: list[BoxInfo]) -> RuntimeMetrics:
        """The figures now, where these boxes exist."""
        there = {info.id for info in boxes}
        with self._lock:
            self._forget({*self._created, *self._boxes} - there)
            return RuntimeMetrics(
                boxes_created=self._created_total,
                boxes_destroyed=self._destroyed,
                boxes_failed_total=self._failed,
                active_boxes=sum(info.state.running for info in boxes),
                total_exec_calls=self._commands,
                total_exec_errors=self._errors,
            )

    def _forget(self, gone: set[str]) -> None:
        self._destroyed += len(gone & self._created)
        self._created -= gone
        for box_id in gone:
            self._boxes.pop(box_id, None)


def machine(pid: int) -> tuple[int, int]:
    """Processor time (ms) and resident memory (bytes) of a process and its descendants; 0 of one that ended."""
    try:
        # The name in parentheses may contain anything; the fields begin behind its end.
        fields = (_PROC / f"{pid}/stat").read_bytes().rpartition(b")")[2].split()
        resident = int((_PROC / f"{pid}/statm").read_bytes().split()[1]) * _PAGE
        tasks = [path.read_bytes() for path in (_PROC / f"{pid}/task").glob("*/children")]
    except (OSError, IndexError):
        return 0, 0
    cpu_ms = (int(fields[11]) + int(fields[12])) * 1000 // _TICKS
    below = [machine(int(child)) for children in tasks for child in children.split()]
    return cpu_ms + sum(cpu for cpu, _ in below), resident + sum(memory for _, memory in below)
