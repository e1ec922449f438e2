"""SimpleBox: a box for a block of code, errors, time limits, cancellation; several at once."""

import asyncio

import boxlite
import pytest
from conftest import until


def test_a_block_makes_starts_stops_and_removes_a_box(simple, shared_runtime):
    async def test():
        async with simple(cpu=1, memory=256, env={"NAME": "boxlite"}) as box:
            result = await box.exec("sh", "-c", "echo Hello $NAME; echo err >&2; exit 4")
            assert (result.stdout, result.stderr, result.exit_code) == ("Hello boxlite\n", "err\n", 4)
            assert (box.info().memory_mib, (await box.info()).id) == (256, box.id)
        return box.id

    assert shared_runtime.get(asyncio.run(test())) is None


def test_start_and_stop_do_without_a_block(simple, shared_runtime):
    async def test():
        box = simple(auto_remove=False, name="kept")
        await box.stop()
        with pytest.raises(boxlite.InvalidStateError):
            box.id  # noqa: B018
        assert await box.start() is box
        assert (await box.exec("echo", "one")).stdout == "one\n"
        await box.stop()
        assert box.info().status == "stopped"
        assert (await box.exec("echo", "two")).stdout == "two\n"
        await box.stop()
        await shared_runtime.remove("kept")

    asyncio.run(test())


def test_entering_by_hand_and_leaving_in_another_loop(simple, shared_runtime):
    box = asyncio.run(simple().__aenter__())
    assert asyncio.run(box.exec("echo", "there")).stdout == "there\n"
    asyncio.run(box.__aexit__(None, None, None))
    assert shared_runtime.get(box.id) is None


def test_files(simple):
    async def test():
        async with simple(working_dir="/workspace") as box:
            await box.write_file("/tmp/script.sh", "echo from a script; pwd\n")
            assert (await box.exec("sh", "/tmp/script.sh")).stdout == "from a script\n/workspace\n"
            await box.exec("sh", "-c", "printf 'a\\000b' >/tmp/out")
            assert await box.read_file("/tmp/out") == b"a\0b"

    asyncio.run(test())


def test_a_command_that_is_not_there_raises_and_the_box_goes_on(simple):
    async def test():
        async with simple() as box:
            with pytest.raises(boxlite.ExecutionError, match="no-such-command"):
                await box.exec("no-such-command")
            with pytest.raises(boxlite.ExecutionError):
                await box.exec("echo of one word")
            assert (await box.exec("cat")).exit_code == 0

    asyncio.run(test())


def test_a_time_limit_raises_with_what_there_was(simple):
    async def test():
        async with simple() as box:
            with pytest.raises(TimeoutError) as caught:
                await box.exec("sh", "-c", "echo partial; sleep 5001 & sleep 5001", timeout=1)
            error = caught.value
            assert isinstance(error, boxlite.TimeoutError)
            assert (error.code, error.result.stdout, error.result.timed_out) == ("timeout", "partial\n", True)
            await until(lambda: gone(box, "5001"), "the tree ended")

    asyncio.run(test())


async def gone(box, marker):
    return (await box.exec("sh", "-c", f"ps | grep -v grep | grep -q {marker}")).exit_code != 0


async def runs(box, marker):
    return not await gone(box, marker)


def test_cancelling_kills_the_tree(simple):
    async def test():
        async with simple() as box:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(box.exec("sh", "-c", "sleep 5002 & sleep 5002"), 1)
            await until(lambda: gone(box, "5002"), "the tree ended")
            task = asyncio.create_task(box.exec("sleep", "5003"))
            await until(lambda: runs(box, "5003"), "it runs")
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: gone(box, "5003"), "it ended")

    asyncio.run(test())


def test_cancelling_the_block_stops_the_box(simple, shared_runtime):
    async def block(entered):
        async with simple() as box:
            entered.set_result(box.id)
            await box.exec("sleep", "1000")

    async def test():
        entered = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(block(entered))
        box_id = await entered
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return box_id

    assert shared_runtime.get(asyncio.run(test())) is None


def test_an_exception_in_the_block_stops_the_box(simple, shared_runtime):
    async def test():
        async with simple() as box:
            test.id = box.id
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(test())
    assert shared_runtime.get(test.id) is None


def test_a_start_that_fails_leaves_nothing(shared_runtime):
    before = [info.id for info in shared_runtime.list()]

    async def test():
        async with boxlite.SimpleBox("127.0.0.1:1/nothing:none", runtime=shared_runtime):
            pass

    with pytest.raises(boxlite.BoxliteError, match=r"127\.0\.0\.1:1"):
        asyncio.run(test())
    assert [info.id for info in shared_runtime.list()] == before


def test_a_cancelled_start_leaves_nothing(simple, shared_runtime):
    before = [info.id for info in shared_runtime.list()]

    async def test():
        starting = asyncio.create_task(simple().start())
        await asyncio.sleep(0.05)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(test())
    assert [info.id for info in shared_runtime.list()] == before


def test_an_option_of_a_later_version_is_refused(simple):
    with pytest.raises(boxlite.UnsupportedError, match="ports"):
        asyncio.run(simple(ports=[(8080, 80)]).start())
    with pytest.raises(TypeError):
        simple(no_such_option=1)


def test_four_boxes_at_once(simple):
    async def one(n):
        async with simple(memory=192) as box:
            return (await box.exec("sh", "-c", f"echo box {n}; hostname")).stdout.splitlines()[0]

    async def test():
        return await asyncio.gather(*(one(n) for n in range(4)))

    assert asyncio.run(test()) == [f"box {n}" for n in range(4)]


def test_a_pool_of_boxes_is_shared_by_workers(simple):
    async def test():
        boxes = [await simple(memory=192).start() for _ in range(2)]
        free = asyncio.Queue()
        for box in boxes:
            free.put_nowait(box)

        async def work(n):
            box = await free.get()
            try:
                return (await box.exec("sh", "-c", f"echo $(({n} * {n}))")).stdout
            finally:
                free.put_nowait(box)

        results = await asyncio.gather(*(work(n) for n in range(10)))
        await asyncio.gather(*(box.stop() for box in boxes))
        return results

    assert asyncio.run(test()) == [f"{n * n}\n" for n in range(10)]
