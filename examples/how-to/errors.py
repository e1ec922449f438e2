"""Errors that a program can do something about, and a box that ends under its commands."""

import asyncio

import boxlite


async def patiently(call, tries=5):
    """Again after a while where that may help; every other error is the caller's."""
    for attempt in range(tries):
        try:
            return await call()
        except (boxlite.BusyError, boxlite.NetworkError):
            if attempt == tries - 1:
                raise
            await asyncio.sleep(2**attempt)


async def main():
    runtime = boxlite.Boxlite.default()
    options = boxlite.BoxOptions(image="python:slim", auto_remove=False)

    box, is_new = runtime.get_or_create(options, name="example-errors")
    print("new:", is_new)
    try:
        runtime.create(options, name="example-errors")
    except boxlite.AlreadyExistsError as error:
        print(error.code, "|", error.message, "|", error.hint)

    await patiently(box.start)
    try:
        await (await box.exec("sh", "-c", "echo c >/proc/sysrq-trigger; sleep 60")).wait()
    except boxlite.StoppedError as error:
        print(error.code, "|", (await box.wait()).exit_reason)

    # The box is there, and starts again with the disk that it had.
    print((await (await box.exec("echo", "again")).wait()).stdout.strip())
    await runtime.remove("example-errors", force=True)


asyncio.run(main())
