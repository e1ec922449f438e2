"""What a program does about errors: the class or `.code` says which, `.hint` what to do."""

import asyncio

import boxlite


async def main():
    try:
        boxlite.Boxlite.default().create(boxlite.BoxOptions(image="python:slim", memory_mib=1))
    except boxlite.BoxliteError as error:
        print(error.code, error.status, "memory" in error.message)
    async with boxlite.SimpleBox(image="python:slim") as box:
        print((await box.exec("false")).exit_code)
        try:
            await box.exec("no-such-program")
        except boxlite.ExecutionError as error:
            print(error.code, "no-such-program" in error.message)
        try:
            await box.exec("sh", "-c", "echo partial; sleep 60", timeout=10)
        except boxlite.TimeoutError as error:
            print(error.code, error.result.stdout.strip())


asyncio.run(main())
