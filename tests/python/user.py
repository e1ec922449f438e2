"""What a user writes, for the type checkers (scripts/check-types); test_package.py runs it in a real box."""

import asyncio
import sys
from typing import assert_type

import boxlite


def show(progress: boxlite.PullProgress) -> None:
    print(progress.phase, progress.bytes_done, file=sys.stderr)


async def simple(rootfs: str) -> str:
    async with boxlite.SimpleBox(rootfs_path=rootfs, cpus=1, memory_mib=256, env={"A": "b"}) as box:
        assert_type(box, boxlite.SimpleBox)
        result = await box.exec("echo", "typed", timeout=60)
        assert_type(result.exit_code, int)
        assert_type(result.stdout_bytes, bytes)
        assert_type(await box.info(), boxlite.BoxInfo)
        assert_type(box.metrics().cpu_time_ms, int)
        return result.stdout


async def streams(runtime: boxlite.Boxlite, rootfs: str) -> list[str]:
    box = await runtime.create(boxlite.BoxOptions(rootfs_path=rootfs))
    assert_type(box, boxlite.Box)
    async with box:
        execution = await box.exec("sh", ["-c", "read line; echo $line"], stdin=True)
        await execution.stdin().send_input(b"line\n")
        lines = [line async for line in execution.stdout()]
        assert_type(lines, list[str])
        assert_type((await execution.wait()).timed_out, bool)
    for info in await runtime.list():
        assert_type(info.state.status, str)
    assert_type(runtime.get(box.id), boxlite.Box | None)
    assert_type(await runtime.metrics(), boxlite.RuntimeMetrics)
    return lines


async def code(rootfs: str) -> str:
    async with boxlite.CodeBox(rootfs_path=rootfs, auto_install=False) as box:
        assert_type(box, boxlite.CodeBox)
        return await box.run("print(6*7)")


def synchronous(rootfs: str) -> str:
    with boxlite.SyncBoxlite() as runtime, boxlite.SyncSimpleBox(rootfs_path=rootfs, runtime=runtime) as box:
        assert_type(box, boxlite.SyncSimpleBox)
        return box.exec("echo", "synchronous").stdout


def failure(error: boxlite.BoxliteError) -> tuple[str, int, str, str]:
    return error.code, error.status, error.message, error.hint


def misspelt() -> None:
    """A checker that finds nothing to ignore here says so: unknown names must not pass."""
    boxlite.SimpelBox()  # type: ignore[attr-defined]  # pyright: ignore


async def main(rootfs: str) -> None:
    print(await simple(rootfs), end="")
    async with boxlite.Boxlite() as runtime:
        print(*await streams(runtime, rootfs))
    try:
        await code(rootfs)
    except boxlite.ExecutionError as error:
        print(*failure(error)[:2])
    print(synchronous(rootfs), end="")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
