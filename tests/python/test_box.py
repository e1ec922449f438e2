"""Runtimes and boxes: records, life cycle, files, and what this version refuses."""

import asyncio
import datetime
import os
import signal
import subprocess

import boxlite
import pytest
from conftest import ISOLATION, ROOT, wait_until


def small(image, **options):
    return boxlite.BoxOptions(rootfs_path=image, **options)


async def finish(box, *command, **options):
    return await (await box.exec(*command, **options)).wait()


# ---- records


def test_create_records_and_starts_nothing(runtime, image):
    box = runtime.create(small(image, cpus=2, memory_mib=256, labels={"a": "1", "b": "x=y"}, auto_remove=False))
    info = box.info()
    assert (info.id, info.status, info.state.running, info.state.pid) == (box.id, "created", False, None)
    assert (info.cpus, info.memory_mib, info.labels) == (2, 256, {"a": "1", "b": "x=y"})
    assert (info.rootfs_path, info.image, info.name) == (image, None, None)
    assert (info.auto_remove, info.detach) == (False, False)
    assert (info.started_at, info.exit_reason, info.exit_code) == (None, "none", None)
    age = datetime.datetime.now(datetime.timezone.utc) - info.created_at
    assert datetime.timedelta(seconds=-1) < age < datetime.timedelta(minutes=5)
    asyncio.run(runtime.remove(box.id))
    with pytest.raises(boxlite.NotFoundError):
        box.info()


def test_what_answers_from_the_records_may_be_awaited_or_not(runtime, image):
    async def test():
        box = await runtime.create(small(image, name="await-or-not"))
        assert (await box) is box
        assert (await box.info()).id == box.info().id == box.id
        assert [info.id for info in await runtime.list()] == [info.id for info in runtime.list_info()]
        assert (await runtime.get(box.id)) is runtime.get("await-or-not") is box
        assert (await runtime.get_info(box.id)).id == runtime.get_info("await-or-not").id
        assert (await runtime.get("nothing-of-the-kind")) is None
        assert (await runtime.get_info("nothing-of-the-kind")) is None
        assert runtime.get("nothing-of-the-kind") is None
        found, created = await runtime.get_or_create(small(image, name="await-or-not"))
        assert (found is box, created) == (True, False)
        await box.remove()

    asyncio.run(test())


def test_a_box_is_found_by_name_id_and_beginning_of_its_id(runtime, image):
    box = runtime.create(small(image), name="finder")
    assert box.name == "finder"
    assert runtime.get("finder").id == runtime.get(box.id).id == runtime.get(box.id[:-1]).id == box.id
    assert box.id in [info.id for info in runtime.list()]
    asyncio.run(box.remove())


def test_a_name_is_given_once(runtime, image):
    box = runtime.create(small(image, name="taken"))
    with pytest.raises(boxlite.AlreadyExistsError, match="taken"):
        runtime.create(small(image, name="taken"))
    with pytest.raises(TypeError):
        runtime.create(small(image, name="one"), name="another")
    other, created = runtime.get_or_create(small(image), name="taken")
    assert (other.id, created) == (box.id, False)
    asyncio.run(box.remove())
    fresh, created = runtime.get_or_create(small(image), name="taken")
    assert created
    assert fresh.id != box.id
    asyncio.run(fresh.remove())


@pytest.mark.parametrize(
    ("option", "value"), [("memory_mib", 1), ("cpus", 100_000), ("name", "no spaces"), ("rootfs_path", "/not/there")]
)
def test_a_value_that_cannot_be_is_refused_by_name(runtime, image, option, value):
    before = len(runtime.list())
    with pytest.raises(boxlite.InvalidArgumentError) as caught:
        runtime.create(small(**{"image": image, option: value}) if option != "rootfs_path" else small(value))
    assert option.split("_")[0] in caught.value.message
    assert len(runtime.list()) == before


def test_options_and_calls_of_later_versions_are_refused_by_name(runtime, image):
    with pytest.raises(boxlite.UnsupportedError, match="volumes"):
        runtime.create(small(image, mounts=[("/a", "/b", "ro")]))
    for later in (boxlite.BrowserBox, boxlite.ComputerBox):
        with pytest.raises(boxlite.UnsupportedError, match=later.__name__):
            later(cpu=2)
    box = runtime.create(small(image))
    calls = {
        "pause": box.pause,
        "resume": box.resume,
        "snapshot": lambda: box.snapshot("s"),
        "fork": box.fork,
    }
    for name, call in calls.items():
        with pytest.raises(boxlite.UnsupportedError, match=name):
            asyncio.run(call())
    asyncio.run(box.remove())


# ---- life


def test_a_box_starts_stops_and_starts_again_with_its_disk(runtime, image, engine):
    async def test():
        box = runtime.create(small(image, auto_remove=False))
        await box.start()
        await box.start()
        info = box.info()
        assert (info.status, info.state.running, info.engine) == ("running", True, engine)
        assert info.state.pid > 0
        assert info.isolation == ISOLATION[engine]
        assert (await finish(box, "sh", "-c", "echo kept >/root/file")).exit_code == 0
        with pytest.raises(boxlite.InvalidStateError):
            await box.remove()
        await box.stop()
        await box.stop()
        info = box.info()
        assert (info.status, info.state.pid, info.exit_reason) == ("stopped", None, "stopped")
        assert info.stopped_at >= info.started_at
        result = await finish(box, "cat", "/root/file")
        assert result.stdout == "kept\n"
        await box.remove(force=True)
        assert runtime.get(box.id) is None

    asyncio.run(test())


def test_stopping_an_auto_remove_box_removes_it_and_removing_it_again_is_fine(runtime, image):
    async def test():
        box = await runtime.create(small(image))
        result = await finish(box, "echo", "hi")
        assert result.stdout == "hi\n"
        await box.stop()
        assert runtime.get(box.id) is None
        await box.stop()
        await box.remove()
        await runtime.remove(box.id)

    asyncio.run(test())


def test_removing_what_never_was_is_not_found(runtime):
    with pytest.raises(boxlite.NotFoundError, match="never-was"):
        asyncio.run(runtime.remove("never-was"))


def test_a_box_is_a_context_manager(runtime, image):
    async def test():
        async with runtime.create(small(image)) as box:
            assert box.info().state.running
        assert runtime.get(box.id) is None

    asyncio.run(test())


def test_another_runtime_of_the_same_home_uses_the_box(runtime, image, home):
    async def test():
        box = runtime.create(small(image, name="shared"))
        await box.start()
        with boxlite.Boxlite(boxlite.Options(home_dir=home)) as other:
            same = other.get("shared")
            assert (same.id, same.name, same.info().status) == (box.id, "shared", "running")
            assert (await finish(same, "echo", "from the other")).stdout == "from the other\n"
        assert box.info().status == "running"
        await box.stop()

    asyncio.run(test())


def test_closing_a_runtime_stops_its_boxes_but_not_the_detached(image, home):
    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as first:
        bound = first.create(small(image, auto_remove=False))
        detached = first.create(small(image, detach=True))
        asyncio.run(bound.start())
        asyncio.run(detached.start())
    assert first.closed
    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as second:
        wait_until(lambda: second.get_info(bound.id).status == "stopped", "the bound box stopped")
        found = second.get(detached.id)
        assert found.info().status == "running"
        assert asyncio.run(finish(found, "echo", "alive")).stdout == "alive\n"
        asyncio.run(found.stop())
        asyncio.run(second.remove(bound.id))


def test_shutdown_ends_the_runtime_and_may_be_asked_again(image, home):
    async def test():
        async with boxlite.Boxlite(boxlite.Options(home_dir=home)) as runtime:
            box = runtime.create(small(image))
            await box.start()
            await runtime.shutdown(timeout=20)
            await runtime.shutdown()
            runtime.close()
            with pytest.raises(boxlite.StoppedError):
                runtime.list()
            with pytest.raises(boxlite.StoppedError):
                await box.exec("true")
        return box.id

    gone = asyncio.run(test())
    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as runtime:
        assert runtime.get(gone) is None


def test_a_killed_machine_shows_as_a_stopped_box_with_its_reason(runtime, image):
    async def test():
        box = runtime.create(small(image, auto_remove=False))
        execution = await box.exec("sleep", "1000")
        os.kill(box.info().state.pid, signal.SIGKILL)
        with pytest.raises(boxlite.BoxliteError) as caught:
            await execution.wait()
        assert caught.value.code in ("stopped", "engine_unavailable")
        return box

    box = asyncio.run(test())
    wait_until(lambda: box.info().status == "stopped", "the record says stopped")
    assert box.info().exit_reason == "killed"
    asyncio.run(box.remove())


def test_a_home_that_cannot_be_used_is_a_config_error():
    with pytest.raises(boxlite.ConfigError, match="/proc/self/status") as caught:
        boxlite.Boxlite(boxlite.Options(home_dir="/proc/self/status"))
    assert caught.value.code == "config_error"


def test_an_engine_that_does_not_exist_is_an_invalid_argument(home):
    with pytest.raises(boxlite.InvalidArgumentError, match="engine"):
        boxlite.Boxlite(boxlite.Options(home_dir=home, engine="warp"))


# ---- files


@pytest.mark.parametrize("data", [b"", b"\0\xff bytes", b"x" * 5_000_000], ids=["empty", "binary", "large"])
def test_a_file_is_written_and_read(box, data):
    async def test():
        await box.write_file("/tmp/made/on the way/file", data)
        return await box.read_file("/tmp/made/on the way/file")

    assert asyncio.run(test()) == data


def test_a_file_that_is_too_large_is_refused_and_the_box_goes_on(box):
    async def test():
        await box.write_file("/tmp/large", b"x" * 3_000_000)
        with pytest.raises(boxlite.ResourceExhaustedError, match=r"/tmp/large.*max_size=2999999"):
            await box.read_file("/tmp/large", max_size=2_999_999)
        return await box.read_file("/tmp/large", max_size=3_000_000)

    assert len(asyncio.run(test())) == 3_000_000


def test_text_is_written_as_utf8_with_a_mode_and_can_be_run_at_once(box):
    async def test():
        outputs = []
        for n in range(20):
            await box.write_file("/root/script", f"#!/bin/sh\necho ä {n}\n", mode=0o755)
            outputs.append((await finish(box, "/root/script")).stdout)
        return outputs

    assert asyncio.run(test()) == [f"ä {n}\n" for n in range(20)]


def test_reading_what_is_not_there_or_no_file_says_so(box):
    async def test():
        with pytest.raises(boxlite.NotFoundError, match="/not/there"):
            await box.read_file("/not/there")
        with pytest.raises(boxlite.InvalidArgumentError, match="/tmp"):
            await box.read_file("/tmp")

    asyncio.run(test())


# ---- images


def test_pulling_an_image_that_does_not_exist_is_an_image_error(runtime):
    # Nothing listens on port 1.
    with pytest.raises((boxlite.ImageError, boxlite.NetworkError), match=r"127\.0\.0\.1:1"):
        asyncio.run(runtime.images.pull("127.0.0.1:1/nothing:none"))


@pytest.fixture(scope="module")
def registry(tmp_path_factory, image):
    """host:port of a registry on loopback that holds busybox:latest."""
    folder = str(tmp_path_factory.mktemp("registry"))
    script = str(ROOT / "scripts/local-registry")
    subprocess.run([script, "start", "--dir", folder], check=True, capture_output=True)
    try:
        asked = subprocess.run([script, "address", "--dir", folder], check=True, capture_output=True, text=True)
        address = asked.stdout.strip()
        push = [ROOT / "scripts/push-image", image, f"{address}/busybox:latest"]
        subprocess.run(push, check=True, capture_output=True)
        yield address
    finally:
        subprocess.run([script, "stop", "--dir", folder], check=True, capture_output=True)


def test_an_image_is_pulled_with_progress_listed_and_removed(registry, tmp_path):
    options = boxlite.Options(home_dir=tmp_path, image_registries=[f"http://{registry}"])

    async def test():
        async with boxlite.Boxlite(options) as runtime:
            assert runtime.images.list() == []
            seen = []
            image = await runtime.images.pull(f"{registry}/busybox:latest", progress=seen.append)
            assert image.reference == f"{registry}/busybox:latest"
            assert image.digest.startswith("sha256:")
            assert image.size > 0
            assert seen[-1].phase == "done"
            assert await runtime.images.list() == [image]
            async with boxlite.SimpleBox(image.reference, runtime=runtime) as box:
                assert (await box.exec("echo", "hi")).stdout == "hi\n"
                assert box.info().image == image.reference
            await runtime.images.remove(image.reference)
            assert runtime.images.list() == []
            with pytest.raises(boxlite.NotFoundError):
                await runtime.images.remove(image.reference)
            with pytest.raises(boxlite.NotFoundError, match="nobody"):
                await runtime.images.pull(f"{registry}/nobody:none")

    asyncio.run(test())


def test_what_a_progress_function_raises_ends_the_pull(registry, tmp_path):
    class Enough(Exception):
        pass

    def stop(progress):
        raise Enough

    async def test():
        options = boxlite.Options(home_dir=tmp_path, image_registries=[f"http://{registry}"])
        async with boxlite.Boxlite(options) as runtime:
            with pytest.raises(Enough):
                await runtime.images.pull(f"{registry}/busybox:latest", progress=stop)

    asyncio.run(test())
