"""Security presets as the host sees them: what confines the two programs that run a box, and what is left without."""

import asyncio
import os
from pathlib import Path

import boxlite
import pytest


def status_of(pid):
    """Fields of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def children_of(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def mounts_of(pid):
    """The mount namespace; "hidden" where only root may look: boxlite-vm and what it starts cannot be dumped."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt")
    except PermissionError:
        assert os.geteuid() != 0
        return "hidden"


def programs_of(simple, security):
    """(boxlite-vm, QEMU, lines of the jail) of a running box: of each program its status and mount namespace."""

    async def test():
        async with simple(security=security) as box:
            assert (await box.exec("echo", "usable", timeout=60)).stdout == "usable\n"
            info = box.info()
            (qemu,) = children_of(info.state.pid)
            programs = [(status_of(pid), mounts_of(pid)) for pid in (info.state.pid, qemu)]
            return *programs, info.jail

    return asyncio.run(test())


HERE = (os.readlink("/proc/self/ns/mnt"), "hidden")


@pytest.mark.parametrize("preset", ["standard", "maximum"])
def test_both_programs_have_a_filter_and_no_capabilities(simple, preset):
    vm, qemu, jail = programs_of(simple, getattr(boxlite.SecurityOptions, preset)())
    for status, _ in (vm, qemu):
        assert status["Seccomp"] == "2"
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == 0
    assert "qemu system calls: filtered by QEMU's own sandbox" in jail
    refused = any("refused by the host" in line and "namespaces: none" in line for line in jail)
    assert qemu[1] not in HERE[:1] or refused
    assert refused or any(line.startswith("qemu namespaces: ") and "empty root" in line for line in jail)


def test_development_takes_filters_and_namespaces_away_and_nothing_else(simple):
    vm, qemu, jail = programs_of(simple, boxlite.SecurityOptions.development())
    for status, namespace in (vm, qemu):
        assert status["Seccomp"] == "0"
        assert namespace in HERE
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == 0
    assert "qemu namespaces: none; switched off by the box's options" in jail
    assert sum("system calls: not filtered" in line for line in jail) == 2


def test_each_of_the_two_can_be_switched_off_alone(simple):
    vm, qemu, jail = programs_of(simple, boxlite.SecurityOptions(jailer_enabled=False))
    assert (vm[0]["Seccomp"], qemu[0]["Seccomp"]) == ("2", "2")
    assert qemu[1] in HERE
    assert "qemu namespaces: none; switched off by the box's options" in jail
    vm, qemu, jail = programs_of(simple, boxlite.SecurityOptions(seccomp_enabled=False))
    assert (vm[0]["Seccomp"], qemu[0]["Seccomp"]) == ("0", "0")
    assert not any("namespaces: none; switched off" in line for line in jail)
