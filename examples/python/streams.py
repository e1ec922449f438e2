"""Output line by line while a command runs, input into it, and a command that is stopped."""

import asyncio

import boxlite

COUNT = "import time\nfor n in range(3):\n    print('line', n, flush=True)\n    time.sleep(0.1)"


async def main():
    async with boxlite.Boxlite.default().create(boxlite.BoxOptions(image="python:slim")) as box:
        counting = await box.exec("python3", "-c", COUNT)
        async for line in counting.stdout():
            print(line)
        print("exit code", (await counting.wait()).exit_code)

        upper = await box.exec("python3", "-c", "import sys; print(sys.stdin.read().upper())", stdin=True)
        stdin = upper.stdin()
        await stdin.send_input(b"into the box\n")
        await stdin.close()
        print((await upper.wait()).stdout.strip())

        endless = await box.exec("sleep", "infinity")
        await endless.kill()
        print("ended by signal", -(await endless.wait()).exit_code)


asyncio.run(main())
