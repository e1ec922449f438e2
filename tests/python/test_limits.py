"""Limits of what runs in a box: each is hit, and the box stays usable."""

import asyncio

import boxlite
import pytest

MAXIMUM = boxlite.SecurityOptions.maximum()


def outcome(simple, security, script):
    """What a script in a box with these limits came to; another command still runs there afterwards."""

    async def test():
        async with simple(security=security) as box:
            result = await box.exec("sh", "-c", script, timeout=60)
            assert (await box.exec("echo", "usable", timeout=60)).stdout == "usable\n"
            return result

    return asyncio.run(test())


def test_open_files(simple):
    script = 'i=3; while [ $i -lt 60 ]; do eval "exec $i</dev/null"; echo $i; i=$((i+1)); done'
    result = outcome(simple, boxlite.SecurityOptions(max_open_files=40), script)
    assert result.exit_code != 0
    assert result.stdout.split()[-1] == "39"


def test_file_size(simple):
    script = "head -c 3000000 /dev/zero >/tmp/file; stat -c %s /tmp/file"
    result = outcome(simple, boxlite.SecurityOptions(max_file_size=1_000_000), script)
    assert result.stdout == "1000000\n"


def test_memory(simple):
    script = "dd if=/dev/zero of=/dev/null bs=50M count=1"
    assert outcome(simple, boxlite.SecurityOptions(), script).exit_code == 0
    result = outcome(simple, boxlite.SecurityOptions(max_memory=32 << 20), script)
    assert result.exit_code != 0
    assert "memory" in result.stderr


def test_cpu_time(simple):
    result = outcome(simple, boxlite.SecurityOptions(max_cpu_time=1), "while :; do :; done")
    assert result.exit_code == -9


def test_processes_of_the_box(simple):
    script = "i=0; while [ $i -lt 300 ]; do sleep 1000 & i=$((i+1)); echo $i; done 2>&1"
    result = outcome(simple, boxlite.SecurityOptions(max_processes=100), script)
    started = [line for line in result.stdout.split("\n") if line.isdigit()]
    assert 50 <= len(started) < 100
    assert "fork" in result.stdout


def test_maximum_has_its_limits(simple):
    result = outcome(simple, MAXIMUM, "ulimit -n; ulimit -f; cat /sys/fs/cgroup/box/pids.max")
    assert result.stdout.split() == ["1024", str((1 << 30) // 512), "100"]


def test_the_info_says_what_a_box_was_made_with(simple):
    async def test(security):
        async with simple(security=security) as box:
            return box.info().security

    for security in (boxlite.SecurityOptions(), MAXIMUM, boxlite.SecurityOptions(max_memory=1 << 30, max_cpu_time=90)):
        assert asyncio.run(test(security)) == security


def test_limits_survive_the_program_that_gave_them(shared_runtime, home, image):
    security = boxlite.SecurityOptions(max_open_files=77)
    options = boxlite.BoxOptions(rootfs_path=image, security=security, auto_remove=False)
    made = shared_runtime.create(options, name="limited")

    async def test(runtime):
        box = runtime.get("limited")
        execution = await box.exec("sh", "-c", "ulimit -n")
        result = await execution.wait()
        await box.stop()
        return result.stdout

    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as other:
        assert asyncio.run(test(other)) == "77\n"
    asyncio.run(made.remove())


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("max_processes", 3, "max_processes is 3; it may be 8 to 4194304"),
        ("max_open_files", 1 << 30, "max_open_files is 1073741824"),
        ("max_file_size", -1, "max_file_size=-1"),
        ("max_cpu_time", 0, "max_cpu_time=0"),
    ],
)
def test_a_limit_that_cannot_be_is_named(shared_runtime, image, field, value, named):
    security = boxlite.SecurityOptions(**{field: value})
    with pytest.raises(boxlite.InvalidArgumentError, match=named):
        shared_runtime.create(boxlite.BoxOptions(rootfs_path=image, security=security))
