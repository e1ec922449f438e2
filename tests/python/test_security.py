"""Security presets as the host sees them: what confines the programs that run a box, and what is left without."""

import asyncio
import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import boxlite
import pytest
from conftest import children_of

# Of boxlite-vm; QEMU, whose parent it is, has one for processes as well.
NAMESPACES = ("mnt", "ipc", "net", "uts")
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
OPEN_FILES = {"boxlite-vm": "256", "qemu": "64"}


def fields(path, separator):
    lines = Path(path).read_text().splitlines()
    return dict(re.split(separator, line, maxsplit=1) for line in lines if re.search(separator, line))


def namespace(pid, kind):
    """None where only root may look: what runs a box cannot be dumped."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except PermissionError:
        assert os.geteuid() != 0
        return None


@dataclasses.dataclass
class Program:
    """One that runs a box, as /proc shows it."""

    name: str
    status: dict
    limits: dict
    namespaces: dict

    @classmethod
    def of(cls, pid):
        status = fields(f"/proc/{pid}/status", ":\t")
        name = "boxlite-vm" if status["Name"] == "boxlite-vm" else "qemu"
        limits = fields(f"/proc/{pid}/limits", r"  +")
        kinds = NAMESPACES if name == "boxlite-vm" else (*NAMESPACES, "pid")
        return cls(name, status, limits, {kind: namespace(pid, kind) for kind in kinds})

    def is_filtered(self):
        return self.status["Seccomp"] == "2"

    def shares_namespaces(self):
        """Whether all of them are this process's own; None where only root may look."""
        shared = {link == namespace("self", kind) for kind, link in self.namespaces.items() if link}
        assert len(shared) <= 1, self.namespaces
        return shared.pop() if shared else None

    def check_what_never_changes(self):
        assert self.status["NoNewPrivs"] == "1"
        assert {name: int(self.status[name], 16) for name in CAPABILITIES} == dict.fromkeys(CAPABILITIES, 0)
        soft_and_hard = self.limits["Max open files"].split()[:2]
        assert soft_and_hard == [OPEN_FILES[self.name]] * 2
        assert self.limits["Max core file size"].split()[:2] == ["0", "0"]


def look(simple, engine, security):
    """The programs of a running box, boxlite-vm first, and the lines of its jail."""

    async def test():
        async with simple(security=security) as box:
            assert (await box.exec("echo", "usable", timeout=60)).stdout == "usable\n"
            info = box.info()
            pids = [info.state.pid, *children_of(info.state.pid)]
            return [Program.of(pid) for pid in pids], info.jail

    programs, jail = asyncio.run(test())
    assert [program.name for program in programs] == (["boxlite-vm"] if engine == "kvm" else ["boxlite-vm", "qemu"])
    for program in programs:
        program.check_what_never_changes()
    return programs, jail


def check_jailed(programs, jail):
    """Each is in namespaces of its own with an empty root, or its line says who refused that."""
    for program in programs:
        (line,) = (line for line in jail if line.startswith(f"{program.name} namespaces: "))
        if "refused by the host" not in line:
            assert line.endswith("empty root")
            assert program.shares_namespaces() in (False, None)


def check_not_jailed(programs, jail):
    for program in programs:
        (line,) = (line for line in jail if line.startswith(f"{program.name} namespaces: "))
        assert line.endswith("switched off by the box's options")
        assert program.shares_namespaces() in (True, None)


def check_filtered(programs, jail):
    for program in programs:
        assert program.is_filtered()
        assert any(line.startswith(f"{program.name} system calls: filtered") for line in jail)


def check_not_filtered(programs, jail):
    for program in programs:
        assert program.status["Seccomp"] == fields("/proc/self/status", ":\t")["Seccomp"]
        assert f"{program.name} system calls: not filtered; switched off by the box's options" in jail


@pytest.mark.parametrize("preset", ["standard", "maximum"])
def test_every_program_is_jailed_and_filtered(simple, engine, preset):
    found = look(simple, engine, getattr(boxlite.SecurityOptions, preset)())
    check_jailed(*found)
    check_filtered(*found)


def test_development_takes_filters_and_namespaces_away_and_nothing_else(simple, engine):
    found = look(simple, engine, boxlite.SecurityOptions.development())
    check_not_jailed(*found)
    check_not_filtered(*found)


def test_each_of_the_two_can_be_switched_off_alone(simple, engine):
    found = look(simple, engine, boxlite.SecurityOptions(jailer_enabled=False))
    check_not_jailed(*found)
    check_filtered(*found)
    found = look(simple, engine, boxlite.SecurityOptions(seccomp_enabled=False))
    check_jailed(*found)
    check_not_filtered(*found)


def test_maximum_limits_what_runs_in_the_box(simple):
    async def test():
        async with simple(security=boxlite.SecurityOptions.maximum()) as box:
            return (await box.exec("sh", "-c", "ulimit -n; ulimit -f", timeout=60)).stdout.split()

    assert asyncio.run(test()) == ["1024", str((1 << 30) // 512)]


# A box where nobody may make namespaces, as in many containers: the user is root of one in which that is switched off,
# and has no capability to make the others.
WITHOUT_NAMESPACES = """
echo 0 >/proc/sys/user/max_user_namespaces
exec setpriv --inh-caps=-all --bounding-set=-all "$@"
"""
SHOW_JAIL = """
import asyncio, json, sys
import boxlite

async def show(home, image):
    with boxlite.Boxlite(boxlite.Options(home_dir=home)) as runtime:
        async with boxlite.SimpleBox(runtime=runtime, rootfs_path=image) as box:
            assert (await box.exec("echo", "usable", timeout=60)).stdout == "usable\\n"
            print(json.dumps(box.info().jail))

asyncio.run(show(*sys.argv[1:]))
"""


def test_info_names_a_layer_that_the_host_refuses(engine, image, tmp_path):
    without = ["unshare", "--user", "--map-root-user", "sh", "-ec", WITHOUT_NAMESPACES, "sh"]
    shown = subprocess.run(
        [*without, sys.executable, "-c", SHOW_JAIL, tmp_path, image],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=300,
    )
    jail = json.loads(shown.stdout)
    (line,) = (line for line in jail if line.startswith("boxlite-vm namespaces: "))
    assert line.startswith("boxlite-vm namespaces: refused by the host (")
    assert "boxlite-vm system calls: filtered" in jail
    of_qemu = [line for line in jail if line.startswith("qemu namespaces: ")]
    assert len(of_qemu) == (0 if engine == "kvm" else 1)
    assert all(line.startswith("qemu namespaces: none; refused by the host: ") for line in of_qemu)
