"""Files into a box and out of it."""

import asyncio
import json

import boxlite

PROGRAM = """
import csv, json
rows = list(csv.DictReader(open("/data/in.csv")))
json.dump({"sum": sum(int(row["b"]) for row in rows)}, open("/data/out.json", "w"))
"""


async def main():
    async with boxlite.SimpleBox(image="python:slim") as box:
        await box.write_file("/data/in.csv", "a,b\n1,2\n3,4\n")
        await box.write_file("/data/program.py", PROGRAM)
        result = await box.exec("python3", "/data/program.py")
        print("exit code", result.exit_code)
        print(json.loads(await box.read_file("/data/out.json")))
        try:
            await box.read_file("/data/none")
        except boxlite.NotFoundError as error:
            print(error.code)


asyncio.run(main())
