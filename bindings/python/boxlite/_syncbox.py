"""SyncBoxlite, SyncSimpleBox, SyncCodeBox: runtimes and boxes for programs without asyncio; `_sync` says how."""

from __future__ import annotations

import builtins
import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

from boxlite._codebox import CodeBox
from boxlite._execution import MAX_OUTPUT, ExecResult
from boxlite._images import Images
from boxlite._info import BoxInfo, DiskUsage, HistoryStep, ImageDetails, ImageInfo, PruneResult, PullProgress
from boxlite._metrics import RuntimeMetrics
from boxlite._options import BoxOptions, Env, Options
from boxlite._runtime import Boxlite
from boxlite._simplebox import SimpleBox
from boxlite._sync import SyncBox, SyncParts, finish, worker

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from boxlite._options import BoxArguments


class SyncImages:
    """The images of a home directory; `SyncBoxlite.images`."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def pull(self, reference: str, progress: Callable[[PullProgress], object] | None = None) -> ImageInfo:
        """As `Images.pull`; `progress` is called in the thread that calls this."""
        if progress is None:
            return finish(self._images.pull(reference))
        news: queue.SimpleQueue[PullProgress | Future[ImageInfo]] = queue.SimpleQueue()
        future = worker().submit(self._images.pull(reference, news.put))
        future.add_done_callback(news.put)
        try:
            while isinstance(item := news.get(), PullProgress):
                progress(item)
            return future.result()
        finally:
            future.cancel()

    def list(self) -> list[ImageInfo]:
        """Every image of the home directory."""
        return list(self._images.list())

    def remove(self, reference: str) -> None:
        """As `Images.remove`."""
        finish(self._images.remove(reference))

    def tag(self, image: str, reference: str) -> None:
        """As `Images.tag`."""
        self._images.tag(image, reference)

    def inspect(self, image: str) -> ImageDetails:
        """As `Images.inspect`."""
        return self._images.inspect(image)

    def history(self, image: str) -> builtins.list[HistoryStep]:
        """As `Images.history`."""
        return self._images.history(image)

    def load(
        self, source: str | os.PathLike[str] | IO[bytes], reference: str | None = None
    ) -> builtins.list[ImageInfo]:
        """As `Images.load`."""
        return finish(self._images.load(source, reference))

    def save(self, images: str | Sequence[str], target: str | os.PathLike[str] | IO[bytes]) -> None:
        """As `Images.save`."""
        finish(self._images.save(images, target))

    def prune(self, all: bool = False) -> PruneResult:  # noqa: A002 - as docker calls it
        """As `Images.prune`."""
        return finish(self._images.prune(all))


class SyncBoxlite:
    """`Boxlite` for programs without asyncio. It can be closed by a `with` block."""

    def __init__(self, options: Options | None = None) -> None:
        self._runtime = Boxlite(options)

    @classmethod
    def default(cls) -> Self:
        """The runtime of this process, the one of `Boxlite.default`."""
        made = cls.__new__(cls)
        made._runtime = Boxlite.default()
        return made

    @classmethod
    def init_default(cls, options: Options) -> Self:
        """As `Boxlite.init_default`."""
        Boxlite.init_default(options)
        return cls.default()

    @property
    def asynchronous(self) -> Boxlite:
        """The same runtime for coroutines."""
        return self._runtime

    @property
    def closed(self) -> bool:
        """It was closed, and every call answers StoppedError."""
        return self._runtime.closed

    @property
    def images(self) -> SyncImages:
        """The images of the home directory."""
        return SyncImages(self._runtime.images)

    def create(self, options: BoxOptions | None = None, name: str | None = None) -> SyncBox:
        """As `Boxlite.create`."""
        return SyncBox(self._runtime.create(options, name))

    def get_or_create(self, options: BoxOptions | None = None, name: str | None = None) -> tuple[SyncBox, bool]:
        """As `Boxlite.get_or_create`."""
        box, made = self._runtime.get_or_create(options, name)
        return SyncBox(box), made

    def get(self, id_or_name: str) -> SyncBox | None:
        """As `Boxlite.get`."""
        box = self._runtime.get(id_or_name)
        return SyncBox(box) if box is not None else None

    def get_info(self, id_or_name: str) -> BoxInfo | None:
        """As `Boxlite.get_info`."""
        return self._runtime.get_info(id_or_name)

    def list(self) -> list[BoxInfo]:
        """Every box of the home directory, oldest first."""
        return list(self._runtime.list())

    def list_info(self) -> builtins.list[BoxInfo]:
        """`list`."""
        return self.list()

    def remove(self, id_or_name: str, force: bool = False) -> None:
        """As `Boxlite.remove`."""
        finish(self._runtime.remove(id_or_name, force))

    def disk_usage(self) -> DiskUsage:
        """As `Boxlite.disk_usage`."""
        return self._runtime.disk_usage()

    def metrics(self) -> RuntimeMetrics:
        """As `Boxlite.metrics`."""
        return self._runtime.metrics()

    def shutdown(self, timeout: float | None = None) -> None:
        """As `Boxlite.shutdown`."""
        finish(self._runtime.shutdown(timeout))

    def close(self) -> None:
        """As `Boxlite.close`."""
        self._runtime.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SyncSimpleBox(SyncParts):
    """`SimpleBox` for programs without asyncio: a box for a `with` block."""

    def __init__(
        self, image: str | None = None, *, runtime: SyncBoxlite | None = None, **options: Unpack[BoxArguments]
    ) -> None:
        self._below_is(SimpleBox(image, runtime=runtime.asynchronous if runtime else None, **options))

    def _below_is(self, box: SimpleBox) -> None:
        super().__init__(box)
        self._box = box

    def __repr__(self) -> str:
        return f"<boxlite.{type(self).__name__} of {self._box!r}>"

    def start(self) -> Self:
        """As `SimpleBox.start`."""
        finish(self._box.start())
        return self

    def stop(self) -> None:
        """As `SimpleBox.stop`."""
        finish(self._box.stop())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def exec(
        self,
        cmd: str | bytes | Sequence[str | bytes],
        *args: Any,
        env: Env | None = None,
        cwd: str | None = None,
        user: str | None = None,
        timeout: float | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> ExecResult:
        """As `SimpleBox.exec`."""
        return finish(self._box.exec(cmd, *args, env=env, cwd=cwd, user=user, timeout=timeout, max_output=max_output))


class SyncCodeBox(SyncSimpleBox):
    """`CodeBox` for programs without asyncio."""

    def __init__(
        self,
        image: str | None = None,
        *,
        auto_install: bool = True,
        runtime: SyncBoxlite | None = None,
        **options: Unpack[BoxArguments],
    ) -> None:
        base = runtime.asynchronous if runtime else None
        self._code_box = CodeBox(image, auto_install=auto_install, runtime=base, **options)
        self._below_is(self._code_box)

    def run(self, code: str, timeout: float | None = None) -> str:
        """As `CodeBox.run`."""
        return finish(self._code_box.run(code, timeout))

    def run_script(self, path: str | os.PathLike[str], *args: str, timeout: float | None = None) -> str:
        """As `CodeBox.run_script`."""
        return finish(self._code_box.run_script(path, *args, timeout=timeout))

    def install_package(self, package: str) -> None:
        """As `CodeBox.install_package`."""
        finish(self._code_box.install_package(package))

    def install_packages(self, *packages: str) -> None:
        """As `CodeBox.install_packages`."""
        finish(self._code_box.install_packages(*packages))
