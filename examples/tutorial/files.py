"""A folder into a box, a program over it, its results back."""

import asyncio
import pathlib
import tempfile

import boxlite

SUMS = """
import pathlib
for file in sorted(pathlib.Path("/data/in").glob("*.txt")):
    total = sum(int(line) for line in file.read_text().split())
    pathlib.Path("/data/out", file.name).write_text(f"{total}\\n")
"""


async def main():
    with tempfile.TemporaryDirectory() as folder:
        host = pathlib.Path(folder)
        (host / "in").mkdir()
        (host / "in/small.txt").write_text("1\n2\n3\n")
        (host / "in/large.txt").write_text("1000\n2000\n")

        async with boxlite.CodeBox(image="python:slim") as box:
            await box.files.mkdir("/data/out", parents=True)
            await box.copy_in(host / "in", "/data")
            await box.run(SUMS)
            await box.copy_out("/data/out", host)
            print([entry.name for entry in await box.files.list("/data/out")])

        for file in sorted((host / "out").iterdir()):
            print(file.name, file.read_text().strip())


asyncio.run(main())
