"""A shell in a box, at your terminal."""

import asyncio

import boxlite


async def main():
    async with boxlite.InteractiveBox(image="python:slim", shell="/bin/bash") as box:
        print("exit code", (await box.wait()).exit_code)


asyncio.run(main())
