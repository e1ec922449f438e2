"""Code that was not written by you: its output, its errors, its time limit."""

import asyncio

import boxlite


async def main():
    async with boxlite.CodeBox(image="python:slim") as box:
        print(await box.run("print(sum(range(101)))"))
        try:
            await box.run("1 / 0")
        except boxlite.ExecError as error:
            print("exit code", error.exit_code, error.stderr.splitlines()[-1])
        try:
            await box.run("while True: pass", timeout=3)
        except boxlite.TimeoutError:
            print("it took too long")


asyncio.run(main())
