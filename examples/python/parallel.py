"""Many tasks in a few boxes: each worker has a box of its own and takes the next task when it is done."""

import asyncio

import boxlite


async def worker(tasks: asyncio.Queue[int], results: dict[int, str]) -> None:
    async with boxlite.SimpleBox(image="python:slim", memory_mib=256) as box:
        while not tasks.empty():
            task = tasks.get_nowait()
            results[task] = (await box.exec("python3", "-c", f"print({task} ** 2)")).stdout.strip()


async def main():
    tasks: asyncio.Queue[int] = asyncio.Queue()
    for task in range(6):
        tasks.put_nowait(task)
    results: dict[int, str] = {}
    await asyncio.gather(*(worker(tasks, results) for _ in range(2)))
    print(*(results[task] for task in sorted(results)))


asyncio.run(main())
