"""Images: the images of a home directory."""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import os
from collections.abc import Callable, Generator, Sequence
from typing import IO, Any

from boxlite import _constants, _marshal
from boxlite._core import DONE, IMAGE, IMAGES, PROGRESS, PRUNED, Call, Core, wake
from boxlite._info import (
    AwaitableList,
    HistoryStep,
    ImageDetails,
    ImageInfo,
    PruneResult,
    PullProgress,
    image_details,
    image_info,
    prune_result,
    pull_progress,
)
from boxlite._library import check
from boxlite.errors import InternalError


class _Transfer(Call):
    """A call with news of its progress."""

    def __init__(self, core: Core, listener: Callable[[PullProgress], object] | None) -> None:
        super().__init__(core)
        self._listener = listener
        self._news: PullProgress | None = None

    def on_progress(self, progress: Any) -> None:
        with self._lock:
            self._news = pull_progress(progress.contents)
            waiters = self._signal.take()
        wake(waiters)

    def tell(self) -> None:
        with self._lock:
            news, self._news = self._news, None
        if news is not None and self._listener is not None:
            self._listener(news)


class _Pull(_Transfer):
    """A pull: in the end the image."""

    image: ImageInfo | None = None

    def on_image(self, status: int, error: int | None, image: int | None) -> None:
        self.image = image_info(image) if image else None
        self.on_done(status, error)


class _Load(_Transfer):
    """A load: in the end the images."""

    images: list[ImageInfo]

    def on_images(self, status: int, error: int | None, images: int | None) -> None:
        lib = self._core.lib
        count = lib.boxlite_image_list_size(images)
        self.images = [image_info(lib.boxlite_image_list_get(images, n)) for n in range(count)]
        self.on_done(status, error)


class _Prune(Call):
    """A prune: in the end its report."""

    result: PruneResult | None = None

    def on_pruned(self, status: int, error: int | None, report: int | None) -> None:
        self.result = prune_result(report) if report else None
        self.on_done(status, error)


@contextlib.contextmanager
def _descriptor(file: str | os.PathLike[str] | IO[bytes], flags: int) -> Generator[int]:
    """The descriptor of a file, opened where a path is given."""
    if not isinstance(file, (str, os.PathLike)):
        yield file.fileno()
        return
    number = os.open(file, flags | os.O_CLOEXEC, 0o666)
    try:
        yield number
    finally:
        os.close(number)


class Images:
    """The images of a home directory; `Boxlite.images`."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def pull(self, reference: str, progress: Callable[[PullProgress], object] | None = None) -> ImageInfo:
        """Fetches an image and makes its root file system; what is there already is not fetched again.

        `progress` is called in the running loop with the latest state; what it raises ends the pull and is raised.
        ImageError, NetworkError. Cancelled, what was fetched may stay for the next try.
        """
        pull = _Pull(self._core, progress)
        name = _marshal.raw("reference", reference)
        await pull.run(self._core.lib.boxlite_image_pull, self._core.runtime, name, PROGRESS, IMAGE)
        if pull.image is None:
            raise InternalError(f"the pull of {reference!r} ended without an image and without an error")
        return pull.image

    def list(self) -> AwaitableList[ImageInfo]:
        """Every image of the home directory. It is there at once and can be awaited."""
        lib, images = self._core.lib, ctypes.c_void_p()
        with self._core.use() as runtime:
            check(lib.boxlite_image_list_create, ctypes.byref(images), runtime)
        try:
            count = lib.boxlite_image_list_size(images)
            return AwaitableList(image_info(lib.boxlite_image_list_get(images, n)) for n in range(count))
        finally:
            lib.boxlite_image_list_destroy(images)

    async def remove(self, reference: str) -> None:
        """Removes an image, and what no other image and no box uses. NotFoundError; BusyError where a box uses it."""
        name = _marshal.raw("reference", reference)
        await Call(self._core).run_plain(self._core.lib.boxlite_image_remove, self._core.runtime, name, DONE)

    def tag(self, image: str, reference: str) -> None:
        """Lets `reference` name an image, whatever it named before. NotFoundError.

        `image`, here and below, is a reference, a digest, or the beginning of a digest (four digits at least).
        """
        names = _marshal.raw("image", image), _marshal.raw("reference", reference)
        with self._core.use() as runtime:
            check(self._core.lib.boxlite_image_tag, runtime, *names)

    def inspect(self, image: str) -> ImageDetails:
        """All that is known of an image. NotFoundError; InvalidArgumentError where several digests begin so."""
        lib, info = self._core.lib, ctypes.c_void_p()
        with self._core.use() as runtime:
            check(lib.boxlite_image_get_info, ctypes.byref(info), runtime, _marshal.raw("image", image))
        try:
            return image_details(info)
        finally:
            lib.boxlite_image_info_destroy(info)

    def history(self, image: str) -> builtins.list[HistoryStep]:
        """How an image was made, oldest step first; empty where it does not say."""
        return [*self.inspect(image).history]

    async def load(
        self,
        source: str | os.PathLike[str] | IO[bytes],
        reference: str | None = None,
        progress: Callable[[PullProgress], object] | None = None,
    ) -> builtins.list[ImageInfo]:
        """Reads every image of an archive: what `save`, `docker save` or skopeo write.

        `source` is a path or a file with a descriptor, which is read from where that stands and may be a pipe.
        `reference` is for an image that the archive does not name. ImageError; InvalidArgumentError where a name is
        missing.
        """
        load = _Load(self._core, progress)
        name = _marshal.raw_or_none("reference", reference)
        lib, runtime = self._core.lib, self._core.runtime
        with _descriptor(source, os.O_RDONLY) as number:
            await load.run(lib.boxlite_image_load, runtime, number, name, PROGRESS, IMAGES)
        return load.images

    async def save(
        self,
        images: str | Sequence[str],
        target: str | os.PathLike[str] | IO[bytes],
        progress: Callable[[PullProgress], object] | None = None,
    ) -> None:
        """Writes images to one tar, which `load`, docker, podman and skopeo read.

        `target` is a path or a file with a descriptor, which may be a pipe. NotFoundError; StorageError. Where it
        fails, what was written is half an archive.
        """
        names = [_marshal.raw("images", image) for image in ([images] if isinstance(images, str) else images)]
        save = _Transfer(self._core, progress)
        lib, runtime = self._core.lib, self._core.runtime
        with _descriptor(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as number:
            await save.run(lib.boxlite_image_save, runtime, _marshal.array(names), len(names), number, PROGRESS, DONE)

    async def prune(self, all: bool = False) -> PruneResult:  # noqa: A002 - as docker calls it
        """Removes what no reference and no box uses, and with `all` every image from which no box was made.

        What another process works with stays.
        """
        prune = _Prune(self._core)
        flags = _constants.PRUNE_ALL if all else 0
        await prune.run(self._core.lib.boxlite_image_prune, self._core.runtime, flags, PRUNED)
        if prune.result is None:
            raise InternalError("the prune ended without a report and without an error")
        return prune.result
