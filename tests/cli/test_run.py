"""boxlite run and exec: streams, exit codes, signals, terminals."""

import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import time

import pytest
from conftest import IMAGE, wait_until


def test_run_prints_output_and_exits_with_the_commands_code(boxlite):
    done = boxlite("run", "--rm", IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 7)


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["no-such-command"], 127, "no-such-command"),
        (["/etc/passwd"], 126, "/etc/passwd"),
        (["sh", "-c", "kill -TERM $$"], 128 + 15, ""),
    ],
)
def test_run_exit_codes_are_dockers(boxlite, argv, code, says):
    done = boxlite("run", "--rm", IMAGE, *argv)
    assert done.returncode == code
    assert says in done.stderr


def test_run_of_an_image_that_does_not_exist_is_125(boxlite, registry):
    done = boxlite("--registry", f"http://{registry}", "run", "--rm", f"{registry}/nobody:none", "true")
    assert done.returncode == 125
    assert "nobody" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", ""],
        ["run", "--no-such-option", IMAGE],
        ["run", "--memory", "lots", IMAGE],
        ["run", "--cpus", "0", IMAGE, "true"],
        ["nonsense"],
        [],
    ],
)
def test_wrong_usage_is_125(boxlite, arguments):
    done = boxlite(*arguments)
    assert done.returncode == 125
    assert "nonsense" not in arguments or "unknown command nonsense" in done.stderr


@pytest.mark.parametrize(("option", "value"), [("--memory", "1"), ("--cpus", "100000")])
def test_values_out_of_range_name_the_option(boxlite, option, value):
    done = boxlite("run", option, value, IMAGE, "true")
    assert done.returncode == 125
    assert option.strip("-") in done.stderr


def test_options_reach_the_command(boxlite):
    script = 'echo "$A|$(pwd)|$(id -un)|$(nproc)"'
    done = boxlite("run", "--rm", "-e", "A=x y", "-w", "/tmp", "-u", "guest", "--cpus", "2", IMAGE, "sh", "-c", script)
    assert done.stdout == "x y|/tmp|guest|2\n"


def test_options_after_the_image_belong_to_the_command(boxlite):
    assert boxlite("run", "--rm", IMAGE, "echo", "--rm", "-e", "--json").stdout == "--rm -e --json\n"


def test_stdin_is_forwarded_and_ends(boxlite):
    data = os.urandom(3 * 1024 * 1024)
    done = boxlite("run", "--rm", "-i", IMAGE, "cat", input=data, text=False)
    assert done.returncode == 0
    assert done.stdout == data


def test_without_i_stdin_is_empty(boxlite):
    assert boxlite("run", "--rm", IMAGE, "cat", input="not for the box").stdout == ""


def start_with_trap(command, home, on_interrupt):
    """The command line, with a script in the box that runs `on_interrupt` when it is interrupted."""
    script = f"trap '{on_interrupt}' INT; echo ready; while :; do sleep 0.1; done"
    process = subprocess.Popen(
        [command, "--home", str(home), "run", "--rm", IMAGE, "sh", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def test_ctrl_c_reaches_the_command(boxlite, command, home):
    process = start_with_trap(command, home, "echo caught; exit 3")
    process.send_signal(signal.SIGINT)
    assert process.stdout.read() == "caught\n"
    assert process.wait(60) == 3


def test_ctrl_c_again_and_again_while_the_image_is_pulled_leaves_nothing(boxlite, command, home):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            [command, "--home", str(home), "--registry", f"http://{address}", "run", "--rm", f"{address}/never:1"],
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.002)
        connection.close()
    assert process.returncode == 130, process.stderr.read()
    process.stderr.close()


def test_ctrl_c_after_the_command_has_ended_lets_the_box_be_removed(boxlite, command, home):
    process = start_with_trap(command, home, "exit 3")
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.002)
    assert process.returncode in (3, 137)  # the third one kills, where it comes before the trap
    process.stdout.close()


def machine_of(box, engine):
    """The process in which the guest runs: QEMU's, or boxlite-vm itself."""
    children = pathlib.Path(f"/proc/{box}/task/{box}/children").read_text().split()
    assert len(children) == (0 if engine == "kvm" else 1)
    return int(children[0]) if children else box


def test_client_of_a_box_that_does_not_answer_can_be_ended(boxlite, command, home, engine):
    boxlite("run", "-d", "--name", "mute", IMAGE, "sleep", "1000")
    machine = machine_of(json.loads(boxlite("ps", "--json").stdout)[0]["pid"], engine)
    process = subprocess.Popen(
        [command, "--home", str(home), "exec", "mute", "sh", "-c", "echo here; sleep 1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "here\n"
    os.kill(machine, signal.SIGSTOP)
    try:
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
    finally:
        os.kill(machine, signal.SIGCONT)
    assert "does not answer" in process.communicate()[1]
    assert process.returncode == 143
    assert boxlite("rm", "-f", "mute").returncode == 0


@pytest.mark.parametrize("size", [3, 3_000_000])
def test_output_that_cannot_be_written_is_a_failure(boxlite, command, home, size):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [command, "--home", str(home), "run", "--rm", IMAGE, "head", "-c", str(size), "/dev/zero"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert done.returncode == 125
    assert "standard output: No space left on device" in done.stderr


def test_closed_streams_are_an_end_and_a_failure(boxlite, command, home):
    def shell(streams, *arguments):
        line = f"exec '{command}' --home '{home}' run --rm -i {IMAGE} \"$@\" {streams}"
        return subprocess.run(["sh", "-c", line, "sh", *arguments], capture_output=True, text=True, timeout=120)

    done = shell("<&-", "sh", "-c", "cat; echo end")
    assert (done.stdout, done.returncode) == ("end\n", 0)
    done = shell(">&-", "echo", "lost")
    assert done.returncode == 125
    assert "standard output: Bad file descriptor" in done.stderr


def test_t_without_a_terminal_makes_no_box(boxlite):
    boxlite("run", "-it", "--name", "none", IMAGE, "sh", input="")
    assert boxlite("ps", "-a", "-q").stdout == ""


def test_t_without_a_terminal_is_refused(boxlite):
    done = boxlite("run", "--rm", "-it", IMAGE, "sh", input="")
    assert done.returncode == 125
    assert "terminal" in done.stderr


class Terminal:
    """The command on a pseudo-terminal, as a person would have it."""

    def __init__(self, arguments):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(arguments[0], arguments)
        self.seen = b""

    def resize(self, rows, columns):
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern, seconds=60):
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.seen)):
            assert time.monotonic() < deadline, f"{pattern!r} did not come: {self.seen!r}"
            if select.select([self.fd], [], [], 1)[0]:
                self.seen += os.read(self.fd, 65536)
        self.seen = self.seen[match.end() :]
        return match

    def send(self, data):
        os.write(self.fd, data)

    def wait(self, seconds=60):
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                if select.select([self.fd], [], [], 1)[0] and not os.read(self.fd, 65536):
                    break
        except OSError:
            pass  # the other side of a pseudo-terminal went away
        if time.monotonic() >= deadline:
            os.kill(self.pid, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_interactive_shell_has_job_control_and_window_size(boxlite, command, home):
    terminal = Terminal([command, "--home", str(home), "run", "--rm", "-it", IMAGE, "sh"])
    terminal.expect(rb"# ")
    terminal.resize(33, 101)
    # The size arrives by a signal, so ask until it is there.
    terminal.send(b"until [ \"$(stty size)\" = '33 101' ]; do sleep 0.1; done; echo size-$(stty size)\r")
    terminal.expect(rb"size-33 101")
    terminal.send(b"sleep 1000\r")
    terminal.expect(rb"sleep 1000")
    time.sleep(0.5)
    terminal.send(b"\x1a")
    terminal.expect(rb"Stopped")
    terminal.send(b"kill -9 %1; fg %1; echo still-$((40+2))\r")
    terminal.expect(rb"still-42")
    terminal.send(b"exit 5\r")
    assert terminal.wait() == 5


def test_detached_box_is_found_executed_in_and_stopped_by_others(boxlite):
    started = boxlite("run", "-d", "--rm", "--name", "sleeper", IMAGE, "sleep", "1000")
    assert started.returncode == 0, started.stderr
    box = started.stdout.strip()
    listed = json.loads(boxlite("ps", "--json").stdout)
    assert [(entry["id"], entry["name"], entry["state"]) for entry in listed] == [(box, "sleeper", "running")]
    done = boxlite("exec", "sleeper", "sh", "-c", "ps | grep -c '[s]leep 1000'")
    assert done.stdout == "1\n", done.stderr
    assert boxlite("exec", box[:20], "echo", "by prefix").stdout == "by prefix\n"
    assert boxlite("stop", "sleeper").returncode == 0
    assert boxlite("ps", "-a", "-q").stdout == ""


def test_detached_box_stops_with_its_command(boxlite):
    box = boxlite("run", "-d", IMAGE, "sh", "-c", "exit 9").stdout.strip()

    def entry():
        return json.loads(boxlite("ps", "-a", "--json").stdout)[0]

    wait_until(lambda: entry()["state"] == "stopped", "the box stops")
    assert (entry()["exit_code"], entry()["exit_reason"]) == (9, "main_exited")
    assert boxlite("rm", box).returncode == 0


def test_without_rm_a_stopped_box_stays_until_removed(boxlite):
    assert boxlite("run", "--name", "kept", IMAGE, "true").returncode == 0
    assert boxlite("ps", "-q").stdout == ""
    assert "kept" in boxlite("ps", "-a").stdout
    again = boxlite("run", "--name", "kept", IMAGE, "true")
    assert again.returncode == 125
    assert "kept" in again.stderr
    assert boxlite("rm", "kept").returncode == 0


def test_exec_exit_codes(boxlite):
    boxlite("run", "-d", "--rm", "--name", "codes", IMAGE, "sleep", "1000")
    assert boxlite("exec", "codes", "sh", "-c", "exit 4").returncode == 4
    assert boxlite("exec", "codes", "nothing-here").returncode == 127
    assert boxlite("exec", "-w", "/nowhere", "codes", "true").returncode == 125
    assert boxlite("exec", "-u", "nobody-knows", "codes", "true").returncode == 125
    assert boxlite("exec", "nosuchbox", "true").returncode == 125
    assert boxlite("exec", "-i", "codes", "wc", "-c", input="12345").stdout.strip() == "5"
    assert boxlite("rm", "codes").returncode == 1
    assert boxlite("rm", "-f", "codes").returncode == 0


def test_killed_box_shows_as_stopped_with_its_reason(boxlite):
    boxlite("run", "-d", "--name", "victim", IMAGE, "sleep", "1000")
    pid = json.loads(boxlite("ps", "--json").stdout)[0]["pid"]
    os.kill(pid, signal.SIGKILL)

    def entry():
        return json.loads(boxlite("ps", "-a", "--json").stdout)[0]

    wait_until(lambda: entry()["state"] == "stopped", "the killed box shows as stopped")
    assert entry()["exit_reason"] == "killed"
    assert boxlite("rm", "victim").returncode == 0


def test_output_whose_reader_goes_away_ends_the_command(boxlite, command, home):
    done = subprocess.run(
        f"'{command}' --home '{home}' run --rm {IMAGE} yes | head -n 2",
        shell=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout == "y\ny\n"


def test_output_that_does_not_block_waits_for_its_reader(boxlite, command, home):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    script = "head -c 1000000 /dev/zero"
    process = subprocess.Popen(
        [command, "--home", str(home), "run", "--rm", IMAGE, "sh", "-c", script],
        stdout=writing,
        stderr=subprocess.PIPE,
    )

    def full():
        return select.select([], [writing], [], 0)[1] == []

    wait_until(full, "the pipe is full")
    os.close(writing)
    with open(reading, "rb") as output:
        assert len(output.read()) == 1_000_000
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 0


def test_detached_start_says_nothing_but_the_boxs_id(boxlite):
    done = boxlite("run", "-d", "--name", "quiet", IMAGE, "sleep", "1000")
    assert done.stderr == ""
    assert boxlite("exec", "-d", "quiet", "sleep", "1000").stderr == ""
    assert boxlite("rm", "-f", "quiet").returncode == 0
