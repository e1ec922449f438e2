"""Event loops: one object in several of them, in several threads, and in none."""

import asyncio
import gc
import threading

import boxlite
import pytest
from boxlite import _core
from conftest import descriptors


async def hello(box, word="hello"):
    return (await (await box.exec("echo", word)).wait()).stdout


def test_a_box_is_used_in_one_loop_after_another(box):
    assert [asyncio.run(hello(box, f"{n}")) for n in range(3)] == ["0\n", "1\n", "2\n"]


def test_a_loop_that_is_kept_is_used_again_and_again(box):
    loop = asyncio.new_event_loop()
    try:
        assert [loop.run_until_complete(hello(box, f"{n}")) for n in range(3)] == ["0\n", "1\n", "2\n"]
    finally:
        loop.close()


def test_an_execution_is_started_in_one_loop_and_read_in_another(box):
    execution = asyncio.run(box.exec("sh", "-c", "echo one; echo two"))

    async def read():
        return [line async for line in execution.stdout()]

    assert asyncio.run(read()) == ["one", "two"]
    assert asyncio.run(execution.wait()).exit_code == 0


def test_loops_in_several_threads_at_once(box):
    async def many(thread):
        return await asyncio.gather(*(hello(box, f"{thread}.{n}") for n in range(10)))

    results = {}

    def work(thread):
        results[thread] = asyncio.run(many(thread))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {t: [f"{t}.{n}\n" for n in range(10)] for t in range(4)}


def test_one_execution_is_awaited_in_two_threads(box):
    execution = asyncio.run(box.exec("sh", "-c", "read line; echo $line", stdin=True))
    results = []
    threads = [threading.Thread(target=lambda: results.append(asyncio.run(execution.wait()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    asyncio.run(execution.stdin().send_input(b"both\n"))
    for thread in threads:
        thread.join(60)
    assert [result.stdout for result in results] == ["both\n"] * 2


def test_a_loop_that_was_closed_while_something_waited_does_no_harm(box):
    loop = asyncio.new_event_loop()
    execution = loop.run_until_complete(box.exec("sh", "-c", "read line; echo $line", stdin=True))
    waiting = loop.create_task(execution.wait())
    loop.run_until_complete(asyncio.sleep(0.05))
    loop.close()
    asyncio.run(execution.stdin().send_input(b"go\n"))
    assert asyncio.run(execution.wait()).stdout == "go\n"
    waiting._log_destroy_pending = False


def test_nothing_is_watched_when_nothing_waits(box):
    async def test():
        execution = await box.exec("cat", stdin=True)
        before = descriptors()
        reading = asyncio.create_task(anext(execution.stdout()))
        await asyncio.sleep(0.05)
        while_waiting = descriptors()
        await execution.stdin().send_input(b"line\n")
        assert await reading == "line"
        await execution.stdin().close()
        await execution.wait()
        return before, while_waiting, descriptors()

    before, while_waiting, after = asyncio.run(test())
    assert while_waiting == before + 1
    assert after == before


def executions():
    return sum(isinstance(thing, boxlite.Execution) for thing in gc.get_objects())


def test_many_executions_leave_no_descriptor_and_no_object(box):
    async def test():
        await asyncio.gather(*(hello(box) for _ in range(20)))

    asyncio.run(test())
    gc.collect()
    before = descriptors(), executions(), len(_core._handlers)
    asyncio.run(test())
    gc.collect()
    assert (descriptors(), executions(), len(_core._handlers)) == before


def test_closing_a_runtime_ends_what_waits_in_another_thread(runtime, image):
    box = runtime.create(boxlite.BoxOptions(rootfs_path=image))
    execution = asyncio.run(box.exec("sleep", "1000"))
    outcome, waiting = [], threading.Event()

    async def wait():
        waiting.set()
        await execution.wait()

    def work():
        try:
            asyncio.run(wait())
        except boxlite.BoxliteError as error:
            outcome.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    waiting.wait()
    runtime.close()
    thread.join(60)
    assert [error.code for error in outcome] in (["cancelled"], ["stopped"])
    with pytest.raises(boxlite.StoppedError):
        asyncio.run(box.exec("true"))
