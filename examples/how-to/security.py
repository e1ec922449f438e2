"""For code of a stranger: what isolates the box, an ordinary user, and a limit on everything."""

import asyncio

import boxlite

LIMITS = boxlite.SecurityOptions(
    max_open_files=256, max_file_size=100 << 20, max_processes=64, max_memory=200 << 20, max_cpu_time=30
)


async def main():
    try:
        async with boxlite.SimpleBox(image="python:slim", isolation="hardware"):
            print("isolated by hardware")
    except boxlite.EngineError as error:
        print("refused:", error.message.partition(":")[0])

    async with boxlite.SimpleBox(image="python:slim", memory_mib=256, user="nobody", security=LIMITS) as box:
        info = box.info()
        print(info.isolation, "boxlite-vm system calls: filtered" in info.jail)

        result = await box.exec("sh", "-c", "id -un; ulimit -n; env | grep -c HOST_SECRET", timeout=10)
        print(result.stdout.split())

        result = await box.exec("sh", "-c", "yes | head -c 10000000 | tee /tmp/big", timeout=60, max_output=1000)
        print(len(result.stdout_bytes), result.truncated)

        try:
            await box.read_file("/tmp/big", max_size=1 << 20)
        except boxlite.ResourceExhaustedError as error:
            print(error.code)


asyncio.run(main())
