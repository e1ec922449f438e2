"""What runtimes and boxes count and measure."""

import asyncio
import threading

import boxlite
import pytest
from boxlite._metrics import Counts, machine


def options(image, **more):
    return boxlite.BoxOptions(rootfs_path=image, memory=256, **more)


def test_a_runtime_counts_boxes_and_commands(runtime, image, shared_runtime, box):
    async def test():
        before = runtime.metrics()
        assert (before.boxes_created, before.total_exec_calls, before.boxes_failed_total) == (0, 0, 0)
        made = await runtime.create(options(image))
        with pytest.raises(boxlite.InvalidArgumentError):
            runtime.create(options(image, cpu=100_000))
        async with made:
            running = await runtime.metrics()
            assert running.active_boxes == running.num_running_boxes == before.active_boxes + 1
            for command in (["true"], ["false"], ["no-such-command"]):
                try:
                    await (await made.exec(command)).wait()
                except boxlite.ExecutionError:
                    pass
        after = runtime.metrics()
        assert (after.boxes_created, after.boxes_created_total, after.boxes_destroyed) == (1, 1, 1)
        assert (after.boxes_failed_total, after.active_boxes) == (1, before.active_boxes)
        assert (after.total_exec_calls, after.total_commands_executed, after.total_exec_errors) == (3, 3, 1)

    asyncio.run(test())


def test_nothing_is_kept_of_boxes_that_are_gone(runtime, image):
    async def test():
        for _ in range(2):
            async with await runtime.create(options(image)) as made:
                await (await made.exec("true")).wait()
        await runtime.create(options(image)).remove()
        kept = runtime.create(options(image))
        assert set(runtime._core.counts._boxes) == {kept.id}
        assert (runtime.metrics().boxes_created, runtime.metrics().boxes_destroyed) == (4, 3)
        await kept.remove()

    asyncio.run(test())


def test_threads_count_side_by_side():
    counts = Counts()
    threads = [threading.Thread(target=lambda: [counts.exec_begins("one") for _ in range(10_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts.read([]).total_exec_calls == 40_000


def test_a_box_that_never_ran_has_zeros(runtime, image):
    made = runtime.create(options(image))
    assert made.metrics() == boxlite.BoxMetrics()

    async def awaited():
        return await made.metrics()

    assert asyncio.run(awaited()) == boxlite.BoxMetrics()
    asyncio.run(made.remove())
    with pytest.raises(boxlite.NotFoundError):
        made.metrics()


def test_a_box_says_what_it_costs(runtime, image):
    async def test():
        made = runtime.create(options(image, auto_remove=False))
        await (await made.exec("true")).wait()
        first = made.metrics()
        assert first.commands_executed_total == 1 and first.exec_errors_total == 0
        assert first.cpu_time_ms > 0 and first.create_duration_ms > 0 and first.boot_duration_ms > 0
        assert 16 << 20 < first.memory_usage_bytes == first.memory_bytes < 4 << 30
        await (await made.exec("sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")).wait()
        second = await made.metrics()
        assert second.cpu_time_ms > first.cpu_time_ms and second.cpu_percent > 0
        assert second.boot_duration_ms == first.boot_duration_ms
        await made.stop()
        stopped = made.metrics()
        assert (stopped.cpu_time_ms, stopped.cpu_percent, stopped.memory_bytes) == (0, 0.0, 0)
        assert stopped.commands_executed_total == 2
        await made.remove()

    asyncio.run(test())


def test_a_runtime_that_did_not_start_the_box_knows_no_durations(runtime, box):
    metrics = runtime.get(box.id).metrics()
    assert metrics.cpu_time_ms > 0
    assert (metrics.create_duration_ms, metrics.boot_duration_ms, metrics.commands_executed_total) == (0, 0, 0)


def test_a_process_that_ended_costs_nothing():
    assert machine(2**22 + 1) == (0, 0)
