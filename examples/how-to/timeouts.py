"""Three ways to end what takes too long, and what is left of it."""

import asyncio

import boxlite

ENDLESS = "echo begun; sleep infinity & sleep infinity"


async def main():
    async with boxlite.SimpleBox(image="python:slim") as box:
        # A limit that the box keeps: the whole process tree is killed, and the output so far is there.
        try:
            await box.exec("sh", "-c", ENDLESS, timeout=10)
        except boxlite.TimeoutError as error:
            print("timeout=:", error.result.stdout.strip(), error.result.exit_code)

        # A limit around several calls: what is awaited when it passes is cancelled, and killed in the box.
        async def several():
            await box.exec("true")
            await box.exec("sh", "-c", ENDLESS)

        try:
            await asyncio.wait_for(several(), timeout=10)
        except asyncio.TimeoutError:
            print("wait_for: gave up")

        # By hand, when something else has happened.
        execution = await box.box.exec("sh", "-c", ENDLESS)
        print("kill:", await anext(execution.stdout()))
        await execution.kill()
        print("kill:", (await execution.wait()).exit_code)

        print("left in the box:", [process.argv[0] for process in await box.processes()])


asyncio.run(main())
