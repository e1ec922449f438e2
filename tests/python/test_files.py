"""Copies, files by name and processes of a box."""

import asyncio
import os

import boxlite
import pytest


def run(coroutine):
    return asyncio.run(coroutine)


async def shell(box, script):
    execution = await box.exec("sh", "-c", script)
    return (await execution.wait()).stdout


def test_a_tree_goes_in_and_comes_back(box, tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "data").write_bytes(os.urandom(300_000))
    (tree / "run").write_text("#!/bin/sh\necho ran\n")
    (tree / "run").chmod(0o755)
    (tree / "link").symlink_to("sub/data")

    async def main():
        await box.copy_in(tree, "/data/space/tree")
        assert await shell(box, "/data/space/tree/run; readlink /data/space/tree/link") == "ran\nsub/data\n"
        await box.copy_out("/data/space/tree", tmp_path / "back")
        await box.copy_in(str(tree), "/data/space/flat", include_parent=False)
        await box.copy_in(tree / "run", b"/data/space/flat")

    run(main())
    assert (tmp_path / "back" / "sub" / "data").read_bytes() == (tree / "sub" / "data").read_bytes()
    assert os.readlink(tmp_path / "back" / "link") == "sub/data"
    assert sorted(info.name for info in run(box.files.list("/data/space/flat"))) == ["link", "run", "sub"]
    run(box.files.remove("/data", recursive=True))


def test_copies_that_cannot_be_say_why(box, tmp_path):
    (tmp_path / "file").write_text("new")
    (tmp_path / "dir").mkdir()

    async def main():
        await box.write_file("/tmp/file", "old")
        with pytest.raises(boxlite.AlreadyExistsError, match="file"):
            await box.copy_in(tmp_path / "file", "/tmp/file", overwrite=False)
        assert await box.read_file("/tmp/file") == b"old"
        with pytest.raises(boxlite.NotFoundError, match="nothing"):
            await box.copy_in(tmp_path / "nothing", "/tmp")
        with pytest.raises(boxlite.NotFoundError, match="/tmp/nothing"):
            await box.copy_out("/tmp/nothing", tmp_path)
        with pytest.raises(boxlite.InvalidArgumentError, match="/tmp/file"):
            await box.copy_in(tmp_path / "dir", "/tmp/file")
        with pytest.raises(boxlite.InvalidArgumentError, match="relative"):
            await box.copy_in(tmp_path / "file", "relative")
        await box.copy_in(tmp_path / "file", "/tmp/file")
        assert await box.read_file("/tmp/file") == b"new"

    run(main())


def test_a_link_is_followed_where_that_is_asked_for(box, tmp_path):
    (tmp_path / "target").write_text("text")
    (tmp_path / "link").symlink_to("target")

    async def main():
        await box.copy_in(tmp_path / "link", "/tmp/as-link")
        await box.copy_in(tmp_path / "link", "/tmp/as-file", follow_symlinks=True)
        assert (await box.files.stat("/tmp/as-link")).type == "symlink"
        assert (await box.files.stat("/tmp/as-file")).size == 4

    run(main())


def test_files_by_name(box):
    async def main():
        files = box.files
        await files.mkdir("/tmp/d/e", parents=True)
        with pytest.raises(boxlite.AlreadyExistsError, match="/tmp/d"):
            await files.mkdir("/tmp/d")
        await box.write_file("/tmp/d/f", b"12345", 0o600)
        info = await files.stat("/tmp/d/f")
        assert (info.name, info.type, info.mode, info.size, info.uid, info.link) == ("f", "file", 0o600, 5, 0, "")
        assert info.mtime > 1.6e9
        assert not info.is_directory
        assert [entry.name for entry in await files.list("/tmp/d")] == ["e", "f"]
        await files.rename("/tmp/d/f", "/tmp/d/g")
        assert await files.exists("/tmp/d/g")
        assert not await files.exists("/tmp/d/f")
        with pytest.raises(boxlite.NotFoundError, match="/tmp/d/f"):
            await files.rename("/tmp/d/f", "/tmp/d/h")
        with pytest.raises(boxlite.InvalidArgumentError, match="/tmp/d"):
            await files.remove("/tmp/d")
        await files.remove("/tmp/d", recursive=True)
        with pytest.raises(boxlite.NotFoundError, match="/tmp/d"):
            await files.list("/tmp/d")

    run(main())


def test_what_is_written_is_text_or_bytes(box):
    async def main():
        await box.write_file("/tmp/view", memoryview(bytearray(b"12345")))
        assert await box.read_file("/tmp/view") == b"12345"
        for wrong in (5, [1, 2], None):
            with pytest.raises(TypeError):
                await box.write_file("/tmp/view", wrong)

    run(main())


def test_processes_are_listed(box):
    async def main():
        sleeper = await box.exec("sleep", "1234")
        found = [process for process in await box.processes() if process.argv == ("sleep", "1234")]
        assert len(found) == 1
        assert (found[0].user, found[0].uid, found[0].pid > 1) == ("root", 0, True)
        await sleeper.kill()
        await sleeper.wait()

    run(main())


def test_the_end_of_a_box_is_waited_for(runtime, image):
    async def main():
        box = runtime.create(boxlite.BoxOptions(rootfs_path=image, auto_remove=False))
        assert (await box.wait()).exit_reason == "none"
        await box.start()
        waiting = asyncio.create_task(box.wait())
        forgotten = asyncio.create_task(box.wait())
        await asyncio.sleep(0)
        forgotten.cancel()
        await box.stop()
        assert (await waiting).exit_reason == "stopped"
        assert (await box.wait()).status == "stopped"
        with pytest.raises(asyncio.CancelledError):
            await forgotten
        await box.remove()
        gone = runtime.create(boxlite.BoxOptions(rootfs_path=image))
        await gone.start()
        waiting = asyncio.create_task(gone.wait())
        await asyncio.sleep(0)
        await gone.stop()
        assert (await waiting).exit_reason == "stopped", "also of a box that is removed at its end"

    run(main())
