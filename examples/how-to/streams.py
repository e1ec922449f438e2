"""A conversation with a program that stays: a line in, a line out; and what it says on stderr meanwhile."""

import asyncio

import boxlite

PROGRAM = """
import sys
print("ready", file=sys.stderr, flush=True)
for line in sys.stdin:
    print(eval(line), flush=True)
"""


async def main():
    box = boxlite.Boxlite.default().create(boxlite.BoxOptions(image="python:slim"))
    async with box:
        program = await box.exec("python3", "-c", PROGRAM, stdin=True)
        answers, remarks, questions = program.stdout(), program.stderr(), program.stdin()
        print("stderr:", await anext(remarks))
        for question in ("6 * 7", "sorted('box')", "2 ** 64"):
            await questions.send_input(question + "\n")
            print(question, "=", await anext(answers))
        await questions.close()
        print("exit code", (await program.wait()).exit_code)

        zeros = await box.exec("head", "-c", "3000000", "/dev/zero")
        print("bytes:", sum([len(chunk) async for chunk in zeros.stdout().chunks()]))


asyncio.run(main())
