"""What stays: files from one run to the next, and a box from one program to the next."""

import asyncio

import boxlite

COUNT = """
import pathlib
file = pathlib.Path("/root/count")
count = int(file.read_text()) + 1 if file.exists() else 1
file.write_text(str(count))
print("run", count)
"""


async def main():
    async with boxlite.CodeBox(image="python:slim", name="tutorial", auto_remove=False) as box:
        print(await box.run(COUNT), end="")
        print(await box.run(COUNT), end="")
        print(await box.run("print('count' in globals())"), end="")

    # The block stopped the box. Its name finds it again, here or in another program.
    runtime = boxlite.Boxlite.default()
    box = runtime.get("tutorial")
    print(box.info().status)
    result = await (await box.exec("cat", "/root/count")).wait()
    print("count", result.stdout)
    await runtime.remove("tutorial", force=True)


asyncio.run(main())
