"""Boxes where KVM is of use, from the outside: what a program and a shell get that ask for nothing, and that insist.

Not one of test_*.py, because it holds on such a host alone: tests/rig/with-kvm finds one or makes one.
"""

import asyncio
import json
import os
import re
import subprocess
import sys

import boxlite
import pytest
from conftest import children_of, wait_until

# A tenth is what a KVM has to reach to be chosen.
LEAST_SPEED = 10


def command(*arguments, home):
    words = [sys.executable, "-m", "boxlite", "--home", str(home), *arguments]
    return subprocess.run(words, capture_output=True, check=True, text=True, timeout=300).stdout


@pytest.fixture
def fresh_home(tmp_path):
    """Of nobody else; in the end nothing of a box is left in it, and no process that runs one."""
    yield tmp_path
    assert list((tmp_path / "boxes").iterdir()) == []
    assert json.loads(command("ps", "--all", "--json", home=tmp_path)) == []


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def expect_to_go(pid):
    """The box's end is told before its process has ended and whoever inherited that has taken notice."""
    wait_until(lambda: is_gone(pid), f"process {pid} goes")


def test_doctor_says_kvm_and_its_speed(tmp_path):
    report = {entry["name"]: entry for entry in json.loads(command("doctor", "--json", home=tmp_path))}
    assert report["kvm"]["state"] == report["engine"]["state"] == "ok"
    wanted = r"kvm \(hardware virtualization; /dev/kvm runs guest code at (\d+) % of the host's speed\)"
    said = re.fullmatch(wanted, report["engine"]["detail"])
    assert said, report["engine"]
    assert LEAST_SPEED <= int(said[1]) <= 100


@pytest.mark.parametrize("isolation", ["any", "hardware"])
def test_a_program_gets_a_box_on_kvm(fresh_home, image, isolation):
    async def test():
        with boxlite.Boxlite(boxlite.Options(home_dir=fresh_home)) as runtime:
            box = runtime.create(boxlite.BoxOptions(rootfs_path=image, isolation=isolation, auto_remove=False))
            execution = await box.exec("sh", "-c", "echo out; echo err >&2; exit 3")
            result = await execution.wait()
            info = box.info()
            assert children_of(info.state.pid) == []
            await box.stop()
            await box.remove()
            return result, info

    result, info = asyncio.run(test())
    assert result.exit_code == 3
    assert (info.engine, info.isolation) == ("kvm", "hardware")
    assert info.engine_reason.startswith("hardware virtualization; /dev/kvm runs guest code at ")
    assert "boxlite-vm system calls: filtered" in info.jail
    assert not [line for line in info.jail if line.startswith("qemu ")]
    expect_to_go(info.state.pid)


def test_a_shell_gets_a_box_on_kvm(fresh_home, image):
    options = ["-d", "--name", "fast", "--isolation", "hardware", "--rootfs", image]
    command("run", *options, "sleep", "1000", home=fresh_home)
    (box,) = json.loads(command("inspect", "fast", home=fresh_home))
    assert (box["engine"], box["isolation"]) == ("kvm", "hardware")
    assert command("exec", "fast", "echo", "here", home=fresh_home) == "here\n"
    command("rm", "-f", "fast", home=fresh_home)
    expect_to_go(box["pid"])
