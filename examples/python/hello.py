import asyncio

import boxlite


async def main():
    async with boxlite.SimpleBox(image="python:slim") as box:
        print((await box.exec("python3", "-c", "print('Hello')")).stdout)


asyncio.run(main())
