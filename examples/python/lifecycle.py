"""A box that outlives a block of code: its name, its state, its disk, what it costs."""

import asyncio

import boxlite


async def main():
    runtime = boxlite.Boxlite.default()
    box, is_new = runtime.get_or_create(boxlite.BoxOptions(image="python:slim", auto_remove=False), name="example-kept")
    print(is_new, box.info().status)

    await (await box.exec("sh", "-c", "echo kept >/root/note")).wait()
    metrics = box.metrics()
    print(box.info().status, metrics.commands_executed_total, metrics.memory_usage_bytes > 0)
    await box.stop()

    same = runtime.get("example-kept")
    print(same.id == box.id, same.info().status)
    print(await same.read_file("/root/note"))
    await runtime.remove("example-kept", force=True)
    print(runtime.get("example-kept"), runtime.metrics().boxes_destroyed)


asyncio.run(main())
