"""Runs a file of yours in a box; it need not be copied there first."""

import asyncio
import pathlib

import boxlite

PROGRAM = pathlib.Path(__file__).with_name("words.py")


async def main():
    async with boxlite.CodeBox(image="python:slim") as box:
        print(await box.run_script(PROGRAM, "the cat", "The dog"), end="")


asyncio.run(main())
