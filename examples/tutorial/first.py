"""A first box: a command, what it prints, how it ends."""

import asyncio

import boxlite


async def main():
    async with boxlite.SimpleBox(image="python:slim") as box:
        result = await box.exec("python3", "-c", "import platform; print(platform.system(), 6 * 7)")
        print(result.exit_code, result.stdout.strip())
        result = await box.exec("cat", "/no/such/file")
        print(result.exit_code, result.stderr.strip())


asyncio.run(main())
