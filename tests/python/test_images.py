"""`Boxlite.images`: what is done with stored images, without a registry. The image comes from skopeo's archive."""

import asyncio
import os
import subprocess
import threading

import boxlite
import pytest

NAME = "docker.io/library/busybox:1.0"


@pytest.fixture(scope="session")
def archive(image, tmp_path_factory):
    """The small image as `docker save` would write it."""
    path = tmp_path_factory.mktemp("archive") / "busybox.tar"
    copy = ["skopeo", "--insecure-policy", "copy", "--quiet", f"oci:{image}:latest"]
    subprocess.run([*copy, f"docker-archive:{path}:busybox:1.0"], check=True)
    return path


@pytest.fixture
def store(tmp_path):
    """A runtime with a home of its own."""
    with boxlite.Boxlite(boxlite.Options(home_dir=str(tmp_path / "home"))) as runtime:
        yield runtime


def test_a_loaded_image_runs_without_a_registry(store, archive):
    async def test():
        (image,) = await store.images.load(archive)
        assert (image.reference, image.source) == (NAME, "archive")
        assert [at.reference for at in store.images.list()] == [NAME]
        box = store.create(boxlite.BoxOptions(image="busybox:1.0", memory_mib=128, auto_remove=False, name="user"))
        result = await (await box.exec("echo", "loaded")).wait()
        assert result.exit_code == 0
        with pytest.raises(boxlite.BusyError, match="box user"):
            await store.images.remove("busybox:1.0")
        await box.stop()
        assert (await store.images.prune(all=True)).references == ()
        await box.remove()
        pruned = await store.images.prune(all=True)
        assert pruned.references == (NAME,) and pruned.bytes > 0
        assert store.images.list() == []

    asyncio.run(test())


def test_inspect_tells_what_is_known_of_an_image(store, archive):
    asyncio.run(store.images.load(archive))
    details = store.images.inspect("busybox:1.0")
    assert details.references == (NAME,)
    assert (details.os, details.architecture, details.env["IMAGE"]) == ("linux", "amd64", "busybox")
    assert details.working_dir == "/root" and details.config_digest.startswith("sha256:")
    assert [layer.digest for layer in details.layers] == [layer.diff_id for layer in details.layers]
    assert sum(layer.size for layer in details.layers) == details.size
    for name in (details.digest, details.digest[7:19], details.digest[:12]):
        assert store.images.inspect(name) == details
    history = store.images.history("busybox:1.0")
    assert [step.layer for step in history if step.layer] == list(details.layers)
    with pytest.raises(boxlite.NotFoundError, match="nothing"):
        store.images.inspect("nothing")


def test_tag_moves_a_reference(store, archive):
    asyncio.run(store.images.load(archive))
    digest = store.images.inspect("busybox:1.0").digest
    store.images.tag("busybox:1.0", "other:2")
    assert store.images.inspect("other:2").references == (NAME, "docker.io/library/other:2")
    asyncio.run(store.images.remove("busybox:1.0"))
    assert store.images.inspect(digest).references == ("docker.io/library/other:2",)
    with pytest.raises(boxlite.NotFoundError):
        store.images.tag("busybox:1.0", "x")
    with pytest.raises(boxlite.InvalidArgumentError, match="digest"):
        store.images.tag("other:2", f"x@{digest}")


def test_save_through_a_pipe_into_load(store, archive, tmp_path):
    asyncio.run(store.images.load(archive))
    store.images.tag("busybox:1.0", "other:2")
    before = {at.reference: at.digest for at in store.images.list()}
    reader, writer = os.pipe()
    pieces = []

    def drain():
        with os.fdopen(reader, "rb") as pipe:
            pieces.append(pipe.read())

    thread = threading.Thread(target=drain)
    thread.start()
    with os.fdopen(writer, "wb") as pipe:
        asyncio.run(store.images.save(["busybox:1.0", "other:2"], pipe))
    thread.join()
    saved = tmp_path / "saved.tar"
    saved.write_bytes(pieces[0])
    asyncio.run(store.images.prune(all=True))
    assert store.images.list() == []
    loaded = asyncio.run(store.images.load(saved))
    assert {at.reference: at.digest for at in loaded} == before


def test_disk_usage_says_what_prune_would_free(store, archive):
    asyncio.run(store.images.load(archive))
    usage = store.disk_usage()
    assert (usage.images.count, usage.images.active) == (1, 0)
    assert usage.images.reclaimable == usage.images.bytes > 0
    assert (usage.rootfs.count, usage.boxes.count) == (0, 0)
    asyncio.run(store.images.prune(all=True))
    assert store.disk_usage().images.bytes == 0


def test_a_cancelled_load_ends_and_leaves_nothing(store, archive, tmp_path):
    async def test():
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as pipe:
            loading = asyncio.ensure_future(store.images.load(pipe))
            os.write(writer, archive.read_bytes()[:4096])
            await asyncio.sleep(0.1)
            loading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await loading
        os.close(writer)
        assert store.images.list() == []
        assert [at.reference for at in await store.images.load(archive)] == [NAME]
        await store.images.prune()
        assert store.disk_usage().cache.bytes == 0

    asyncio.run(test())


@pytest.mark.parametrize("form", ["docker-archive", "plain tar"])
def test_a_box_from_a_file_as_rootfs_path(runtime, image, archive, tmp_path, form):
    path = archive
    if form == "plain tar":
        rootless = [] if os.geteuid() == 0 else ["--rootless"]
        unpack = ["umoci", "raw", "unpack", *rootless, "--image", f"{image}:latest", tmp_path / "root"]
        subprocess.run(unpack, check=True)
        path = tmp_path / "root.tar"
        subprocess.run(["tar", "-C", tmp_path / "root", "-cf", path, "."], check=True)

    async def test():
        box = runtime.create(boxlite.BoxOptions(rootfs_path=str(path)))
        result = await (await box.exec("echo", "from", "a", "file")).wait()
        assert result.exit_code == 0
        await box.stop()

    asyncio.run(test())


def test_a_rootfs_path_that_is_neither_says_what_it_may_be(runtime):
    async def test():
        box = runtime.create(boxlite.BoxOptions(rootfs_path="/dev/null"))
        with pytest.raises(boxlite.InvalidArgumentError, match="rootfs_path") as raised:
            await box.start()
        assert "tar" in raised.value.hint
        await box.remove(force=True)

    asyncio.run(test())
