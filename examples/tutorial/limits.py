"""What stands between a box and trouble: time, memory, output, processes, the network."""

import asyncio

import boxlite

NETWORK = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=5)
except OSError as error:
    print(error.strerror)
"""


async def main():
    limits = boxlite.SecurityOptions(max_processes=50)
    async with boxlite.SimpleBox(image="python:slim", memory_mib=256, security=limits) as box:
        try:
            await box.exec("python3", "-c", "print('begun', flush=True)\nwhile True: pass", timeout=20)
        except boxlite.TimeoutError as error:
            print("time:", error.result.stdout.strip())

        result = await box.exec("python3", "-c", "bytearray(10**9)")
        print("memory:", result.stderr.split()[-1])

        result = await box.exec("head", "-c", "1000000", "/dev/zero", max_output=1000)
        print("output:", len(result.stdout_bytes), result.truncated)

        bomb = "i=0; while [ $i -lt 60 ]; do sleep 100 & i=$((i + 1)); done"
        result = await box.exec("sh", "-c", bomb, timeout=60)
        print("processes:", result.exit_code != 0)

        result = await box.exec("python3", "-c", NETWORK)
        print("network:", result.stdout.strip())

        print("and the box:", (await box.exec("echo", "still works")).stdout.strip())


asyncio.run(main())
