"""start, kill, rename, and run's options that shape a box."""

import json
import signal
import subprocess

import pytest
from conftest import IMAGE, wait_until

WAITS = "trap 'exit 5' TERM; touch /ready; while :; do sleep 0.1; done"


def field(boxlite, box, name):
    return boxlite("inspect", "--format", "{{." + name + "}}", box).stdout.strip()


@pytest.fixture
def running(boxlite):
    started = boxlite("run", "-d", "--name", "one", IMAGE, "sh", "-c", WAITS)
    assert started.returncode == 0, started.stderr
    wait_until(lambda: boxlite("exec", "one", "ls", "/ready").returncode == 0, "its trap is set")
    yield "one"
    boxlite("rm", "-f", "one")


def test_kill_ends_the_machine(boxlite, running):
    assert boxlite("kill", running).stdout == "one\n"
    assert field(boxlite, running, "state") == "stopped"
    done = boxlite("kill", running)
    assert done.returncode == 1
    assert "does not run" in done.stderr


@pytest.mark.parametrize("name", ["TERM", "sigterm", "15"])
def test_kill_with_another_signal_reaches_the_command(boxlite, running, name):
    assert boxlite("kill", "-s", name, running).returncode == 0
    wait_until(lambda: field(boxlite, running, "state") == "stopped", "the command ends")
    assert field(boxlite, running, "exit_code") == "5"


def test_kill_with_a_word_that_is_no_signal_says_so(boxlite, running):
    for word in ["NONE", "0", "65", ""]:
        done = boxlite("kill", "-s", word, running)
        assert done.returncode == 125
        assert "is no signal" in done.stderr
    assert field(boxlite, running, "state") == "running"


def test_start_runs_the_command_again(boxlite, running):
    boxlite("exec", running, "touch", "/kept")
    assert boxlite("stop", "-t", "5", running).returncode == 0
    assert boxlite("start", running).stdout == "one\n"
    assert field(boxlite, running, "state") == "running"
    assert boxlite("exec", running, "ls", "/kept").stdout == "/kept\n"
    wait_until(lambda: "trap" in boxlite("exec", running, "ps").stdout, "its command runs")
    assert boxlite("start", running).returncode == 0


def test_start_of_a_box_that_ran_in_the_foreground_leaves_it_in_the_background(boxlite):
    try:
        assert (
            boxlite("run", "--name", "two", IMAGE, "sh", "-c", "[ ! -e /once ] || sleep 1000; touch /once").returncode
            == 0
        )
        assert boxlite("start", "two").returncode == 0
        assert field(boxlite, "two", "state") == "running"
    finally:
        boxlite("rm", "-f", "two")


def test_start_of_what_is_not_there_is_named_and_the_others_start(boxlite, running):
    boxlite("kill", running)
    done = boxlite("start", "nobody", running)
    assert (done.returncode, done.stdout) == (1, "one\n")
    assert "nobody" in done.stderr


def test_rename(boxlite, running):
    assert boxlite("rename", running, "other").returncode == 0
    try:
        assert field(boxlite, "other", "state") == "running"
        assert boxlite("exec", "other", "true").returncode == 0
        assert boxlite("inspect", "one").returncode == 1
        assert boxlite("rename", "other", "no/name").returncode == 125
        boxlite("run", "--name", "third", IMAGE, "true")
        done = boxlite("rename", "other", "third")
        assert done.returncode == 125
        assert "third exists already" in done.stderr
    finally:
        boxlite("rm", "third")
        assert boxlite("rename", "other", "one").returncode == 0


def test_run_takes_the_environment_from_files_and_from_here(boxlite, tmp_path, monkeypatch):
    monkeypatch.setenv("FROM_HERE", "here")
    monkeypatch.delenv("NOT_HERE", raising=False)
    file = tmp_path / "env"
    file.write_text("# comment\n\nFROM_FILE=a b\r\nBOTH=file\nFROM_HERE\n")
    script = 'echo "$FROM_FILE|$BOTH|$FROM_HERE|${NOT_HERE-unset}"'
    done = boxlite(
        "run", "--rm", "--env-file", str(file), "-e", "BOTH=option", "-e", "NOT_HERE", IMAGE, "sh", "-c", script
    )
    assert done.stdout == "a b|option|here|unset\n"


def test_environment_that_is_wrong_is_named(boxlite, tmp_path):
    file = tmp_path / "env"
    file.write_text("A=1\n=x\n")
    done = boxlite("run", "--env-file", str(file), IMAGE, "true")
    assert done.returncode == 125
    assert f"{file} line 2" in done.stderr
    done = boxlite("run", "--env-file", str(tmp_path / "missing"), IMAGE, "true")
    assert done.returncode == 125
    assert "missing: No such file" in done.stderr


def test_entrypoint_of_ones_own(boxlite):
    assert boxlite("run", "--rm", "--entrypoint", "echo", IMAGE, "a", "b").stdout == "a b\n"
    assert boxlite("run", "--rm", "--entrypoint", "", IMAGE, "echo", "c").stdout == "c\n"


def test_two_dashes_end_the_options(boxlite):
    assert boxlite("run", "--rm", "--", IMAGE, "echo", "--rm").stdout == "--rm\n"


def test_timeout_kills_the_command(boxlite):
    done = boxlite("run", "--rm", "--timeout", "0.3", IMAGE, "sleep", "1000")
    assert (done.returncode, done.stdout) == (124, "")


def test_isolation_that_cannot_be_had_is_refused(boxlite):
    done = boxlite("run", "--rm", "--engine", "qemu", "--isolation", "hardware", IMAGE, "true")
    assert done.returncode == 125
    assert "hardware" in done.stderr


def test_hardware_isolation_is_what_the_host_has(boxlite, engine):
    done = boxlite("run", "--rm", "--isolation", "hardware", IMAGE, "echo", "isolated")
    if engine == "kvm":
        assert (done.returncode, done.stdout) == (0, "isolated\n")
    else:
        assert (done.returncode, done.stdout) == (125, "")
        assert "hardware isolation cannot be had on this host: " in done.stderr
        assert "/dev/kvm" in done.stderr


def test_pull_always_asks_the_registry(boxlite, registry):
    place = ("--registry", f"http://{registry}")
    assert boxlite(*place, "run", "--rm", "--pull", "always", IMAGE, "echo", "x").stdout == "x\n"
    done = boxlite("--registry", "http://127.0.0.1:1", "run", "--rm", "--pull", "always", IMAGE, "true")
    assert done.returncode == 125


def test_a_box_killed_with_its_program_is_startable(boxlite, command, home):
    process = subprocess.Popen(
        [command, "--home", str(home), "run", "--name", "three", IMAGE, "sh", "-c", "echo up; sleep 1000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
        wait_until(lambda: field(boxlite, "three", "state") == "stopped", "the box ends with its program")
        assert boxlite("start", "three").returncode == 0
    finally:
        process.stdout.close()
        boxlite("rm", "-f", "three")


def test_limits_of_what_runs(boxlite):
    script = "ulimit -n; ulimit -f; ulimit -v; ulimit -t; cat /sys/fs/cgroup/box/pids.max"
    limits = ["--ulimit", "nofile=64", "--ulimit", "fsize=1048576", "--ulimit", "as=268435456", "--ulimit", "cpu=9"]
    done = boxlite("run", "--name", "limited", *limits, "--pids-limit", "50", IMAGE, "sh", "-c", script)
    assert done.stdout.split() == ["64", "2048", "262144", "9", "50"]
    (inspected,) = json.loads(boxlite("inspect", "limited").stdout)
    assert inspected["limits"] == {
        "max_open_files": 64,
        "max_file_size_bytes": 1048576,
        "max_memory_bytes": 268435456,
        "max_cpu_seconds": 9,
        "max_processes": 50,
    }
    assert boxlite("rm", "limited").returncode == 0


@pytest.mark.parametrize("limit", ["nofile", "nofile=", "nofile=x", "nofile=0", "other=1", "=1"])
def test_a_limit_that_is_none_is_named(boxlite, limit):
    done = boxlite("run", "--rm", "--ulimit", limit, IMAGE, "true")
    assert done.returncode == 125
    assert f"--ulimit: {limit} is not NAME=NUMBER" in done.stderr


def test_a_limit_out_of_range_is_named(boxlite):
    done = boxlite("run", "--rm", "--pids-limit", "3", IMAGE, "true")
    assert done.returncode == 125
    assert "max_processes is 3; it may be 8 to 4194304" in done.stderr
