"""One box, one runtime, executions without pause: memory and descriptors stay where they are.

BOXLITE_SOAK_SECONDS: how long, by default 600.
"""

import asyncio
import gc
import os
import pathlib
import time

import boxlite

SECONDS = int(os.environ.get("BOXLITE_SOAK_SECONDS", "600"))
# What allocators and caches may add after they have warmed up.
SLACK_KIB = 16 * 1024


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))


def descriptors(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


async def round_of_work(box, number):
    small, big, late = await asyncio.gather(
        box.exec("echo", str(number)),
        box.exec("head", "-c", "1000000", "/dev/zero"),
        box.exec("sh", "-c", "cat /proc/uptime; exit 3"),
    )
    assert small.stdout == f"{number}\n"
    assert len(big.stdout_bytes) == 1000000
    assert late.exit_code == 3
    data = os.urandom(100000)
    await box.write_file("/tmp/soak", data)
    assert await box.read_file("/tmp/soak") == data


async def work_until(box, end):
    number = 0
    while time.monotonic() < end:
        await round_of_work(box, number)
        number += 1
    return number


async def soak():
    async with boxlite.SimpleBox(image="python:slim") as box:
        vm = (await box.info()).state.pid
        await work_until(box, time.monotonic() + min(60, SECONDS))
        gc.collect()
        before = {pid: (private_kib(pid), descriptors(pid)) for pid in (os.getpid(), vm)}
        rounds = await work_until(box, time.monotonic() + SECONDS)
        gc.collect()
        after = {pid: (private_kib(pid), descriptors(pid)) for pid in (os.getpid(), vm)}
    return rounds, before, after


def test_soak_stays_where_it_is(home):
    rounds, before, after = asyncio.run(soak())
    print(f"{rounds} rounds of 3 executions and 2 transfers; before {before}, after {after}")
    for pid, (kib, fds) in before.items():
        assert after[pid][0] <= kib + SLACK_KIB
        assert after[pid][1] <= fds
