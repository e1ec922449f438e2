"""The KVM rig as its callers meet it: every test boots machines."""

import contextlib
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = ROOT / "tests/rig/run"
NOBODY = 65534
# For waits that end early: how long a busy host may take.
PATIENCE = 120
TIME_LIMIT_PASSED = 124


def rig(*command, options=(), run=RUN, **arguments):
    arguments = {"capture_output": True, "check": False, "cwd": ROOT, "timeout": 600} | arguments
    return subprocess.run([run, *options, "--", *command], **arguments)


def output(*command, **arguments):
    """What a command that ends well writes; it writes no errors."""
    done = rig(*command, **arguments)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def counted_output(*command):
    """The same while time counts instructions. Now and then such a machine stands still (docs/rig.md)."""
    for _ in range(3):
        done = rig(*command, options=["--icount", "--timeout", "60"])
        if done.returncode != TIME_LIMIT_PASSED:
            break
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


def of_session(session):
    """The processes of a session."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = entry.read_text().rpartition(")")[2].split()
            if words[0] != "Z" and int(words[3]) == session:
                found.append(entry.parent.name)
    return found


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Started:
    """A rig in a session of its own, by which its processes are known, with an empty place for temporary files."""

    def __init__(self, directory, *command):
        self.directory = directory
        self.mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        environment = os.environ | {"TMPDIR": str(directory)}
        arguments = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}
        arguments |= {"start_new_session": True, "preexec_fn": self.heed_signals}
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, **arguments)

    @staticmethod
    def heed_signals():
        """Whatever nohup or a shell's background told this process to ignore."""
        for number in signal.SIGINT, signal.SIGHUP:
            signal.signal(number, signal.SIG_DFL)

    def wait_for_output(self, wanted):
        read = b""
        while len(read) < len(wanted):
            read += self.process.stdout.read(len(wanted) - len(read)) or pytest.fail("the output ended")
        assert read == wanted

    def expect_nothing_left(self):
        wait_until(lambda: not of_session(self.process.pid))
        assert list(self.directory.iterdir()) == []
        assert pathlib.Path("/proc/self/mountinfo").read_text() == self.mounts

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def start(tmp_path):
    with contextlib.ExitStack() as stack:
        yield lambda *command: stack.enter_context(Started(tmp_path, *command))


# --- The command's end, output, arguments, environment


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -KILL $$"], 128 + signal.SIGKILL),
        (["no-such-program"], 127),
        (["/etc/passwd"], 126),
    ],
)
def test_the_commands_exit_code_is_the_rigs(command, status):
    assert rig(*command).returncode == status


def test_output_and_errors_arrive_apart_and_byte_for_byte(tmp_path):
    first, second = os.urandom(1 << 20), os.urandom(1 << 20)
    (tmp_path / "first").write_bytes(first)
    (tmp_path / "second").write_bytes(second)
    script = f"cat {tmp_path}/first & cat {tmp_path}/second >&2; wait"
    done = rig("sh", "-c", script, options=["--share", tmp_path])
    assert done.returncode == 0
    assert done.stdout == first
    assert done.stderr == second


def test_a_reader_who_is_late_loses_nothing(start):
    started = start(RUN, "sh", "-c", "head -c 8000000 /dev/zero; echo written >&2; exit 3")
    started.wait_for_output(b"\0")
    # The pipe is full, and so is everything before it: the command cannot end while nobody reads.
    with pytest.raises(subprocess.TimeoutExpired):
        started.process.wait(2)
    rest, errors = started.process.communicate(timeout=PATIENCE)
    assert (len(rest), errors, started.process.returncode) == (7_999_999, b"written\n", 3)


def test_a_reader_who_leaves_ends_the_rig(start):
    started = start(RUN, "cat", "/dev/zero")
    started.wait_for_output(b"\0")
    started.process.stdout.close()
    assert started.process.wait(PATIENCE) == 128 + signal.SIGPIPE
    started.expect_nothing_left()


def test_what_the_command_leaves_running_ends_with_it():
    done = rig("sh", "-c", "setsid sleep 100000 & echo started", options=["--timeout", "300"])
    assert (done.returncode, done.stdout) == (0, b"started\n")


def test_arguments_arrive_as_they_are():
    words = ["a b", "", "'", '"', "$HOME", "back\\slash", "two\nlines", "--", "-x", "*", b"\xff\xfe\x01"]
    wanted = b"\0".join(map(os.fsencode, words)) + b"\0"
    assert output("printf", "%s\\0", *words) == wanted


def test_the_environment_is_the_named_part_of_the_callers():
    passed = {"BOXLITE_TEST": "a 'b'\n\"$c\"", "GTEST_FILTER": "x*", "ASAN_OPTIONS": "a=1"}
    passed |= {"UBSAN_OPTIONS": "b=2", "TSAN_OPTIONS": "c=3"}
    given = {name: value for name, value in os.environ.items() if not name.startswith(("BOXLITE_", "GTEST_"))}
    told = output("env", "-0", env=given | passed | {"OTHER": "1", "LD_DEBUG_NOT": "1"}).decode()
    variables = dict(entry.split("=", 1) for entry in told.rstrip("\0").split("\0"))
    assert {name: variables.pop(name) for name in passed} == passed
    assert sorted(variables) == ["HOME", "LANG", "PATH", "PWD"]


def test_standard_input_is_empty():
    assert output("wc", "-c", input=b"something") == b"0\n"


def test_the_kernels_words_come_only_when_asked_for():
    assert b"Linux version" in rig("true", options=["--kernel-log"]).stderr
    assert rig("true").stderr == b""


# --- What the machine is


def test_only_named_directories_are_there(tmp_path):
    share, other = tmp_path / "share", tmp_path / "other"
    for directory in share, other:
        directory.mkdir()
        (directory / "file").write_text("text\n")
    script = "pwd; cat $0/share/file; ls -A $0 /root /mnt /var/tmp; echo; ls -A /"
    told = output("sh", "-c", script, tmp_path, options=["--share", share], cwd=ROOT / "docs").decode()
    named, _, top = told.rpartition("\n\n")
    assert named.split() == [str(ROOT / "docs"), "text", "/mnt:", "/root:", f"{tmp_path}:", "share", "/var/tmp:"]
    own = {".rig", "dev", "mnt", "proc", "root", "run", "sys", "tmp", "var"}
    system = {"bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr"}
    assert own | {"usr", "etc"} <= set(top.split()) <= own | system | {share.parts[1], ROOT.parts[1]}


def test_what_is_written_stays_in_the_machine(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "directory").mkdir()
    script = "cd $0 && echo new >file && mv directory renamed && touch added renamed/x && cat file && ls"
    told = output("sh", "-c", script, tmp_path, options=["--share", tmp_path])
    assert told.decode().split() == ["new", "added", "file", "renamed"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["directory", "file"]
    assert (tmp_path / "file").read_text() == "old"


HOST = r"""
set -e
python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); socket.create_connection(s.getsockname())'
echo text >/tmp/file && [ "$(stat -f -c %T /tmp)" = tmpfs ] && rm /tmp/file
[ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
mkdir /sys/fs/cgroup/test
[ "$(stat -f -c %T /dev/shm)" = tmpfs ]
python3 -c 'import os; os.openpty()'
unshare --user --map-root-user --mount --pid --net --fork true
setpriv --reuid=1000 --regid=1000 --clear-groups sh -c 'exec 3<>/dev/kvm'
setpriv --reuid=1000 --regid=1000 --clear-groups unshare --user --map-root-user true
echo all of it
"""


def test_it_is_a_host_for_boxes():
    assert output("sh", "-c", HOST) == b"all of it\n"


def test_kvm_runs_a_guest():
    assert output(os.environ["BOXLITE_FIRST_GUEST"]) == b"42 by the port, 42 in memory\n"


def test_kvm_runs_guests_while_time_counts_instructions():
    assert counted_output(os.environ["BOXLITE_FIRST_GUEST"]) == b"42 by the port, 42 in memory\n"


def test_several_processors_and_memory_are_there():
    script = "nproc; sed -n 's/MemTotal: *//p' /proc/meminfo; for n in 1 2 3 4; do $0 & done; wait"
    told = output("sh", "-c", script, os.environ["BOXLITE_FIRST_GUEST"], options=["--cpus", "3", "--memory", "1024"])
    cpus, memory, *guests = told.decode().splitlines()
    assert cpus == "3"
    assert 800 < int(memory.split()[0]) / 1024 < 1024
    assert guests == ["42 by the port, 42 in memory"] * 4


# Of rounds that allocate nothing: what that costs depends on where the memory lies.
LOOP = """
import itertools
import time
def loop(rounds):
    started = time.monotonic_ns()
    for _ in itertools.repeat(None, rounds):
        pass
    return time.monotonic_ns() - started
loop(100_000)
print(loop(1_000_000), loop(2_000_000))
"""


def test_time_counts_instructions_where_asked_to():
    quiet = [int(word) for word in counted_output("python3", "-c", LOOP).split()]
    with contextlib.ExitStack() as stack:
        # Time would take notice of these.
        for _ in range(2 * os.cpu_count()):
            busy = stack.enter_context(subprocess.Popen(["sh", "-c", "while :; do :; done"]))
            stack.callback(busy.kill)
        disturbed = [int(word) for word in counted_output("python3", "-c", LOOP).split()]
    assert quiet == pytest.approx(disturbed, rel=0.02)
    assert quiet[1] == pytest.approx(2 * quiet[0], rel=0.02)


# --- Its ends


def test_the_time_limit_ends_everything(start):
    started = start(RUN, "--timeout", "15", "sleep", "100000")
    _, errors = started.process.communicate(timeout=PATIENCE)
    assert (started.process.returncode, errors) == (124, b"run: the time limit of 15 s passed\n")
    started.expect_nothing_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_everything(start, number):
    started = start(RUN, "sh", "-c", "echo up; exec sleep 100000")
    started.wait_for_output(b"up\n")
    assert len(of_session(started.process.pid)) == 2
    started.process.send_signal(number)
    assert started.process.wait(PATIENCE) == 128 + number
    started.expect_nothing_left()


def test_a_kill_ends_everything(start):
    started = start(RUN, "sh", "-c", "echo up; exec sleep 100000")
    started.wait_for_output(b"up\n")
    started.process.kill()
    started.expect_nothing_left()


def test_the_callers_end_ends_everything(start):
    started = start("sh", "-c", f"{RUN} sh -c 'echo up; exec sleep 100000'; true")
    started.wait_for_output(b"up\n")
    started.process.kill()
    started.expect_nothing_left()


def test_a_kernel_that_does_not_start_is_the_rigs_failure(tmp_path):
    kernel = tmp_path / "vmlinux"
    kernel.write_bytes(b"not a kernel")
    done = rig("true", options=["--kernel", kernel])
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"the machine did not come up; its last words:\nqemu: invalid kernel header\n" in done.stderr


def test_a_kernel_that_panics_is_the_rigs_failure():
    done = rig("sh", "-c", "echo before; sleep 2; echo c >/proc/sysrq-trigger")
    assert (done.returncode, done.stdout) == (125, b"before\n")
    assert b"the machine ended before the command did; its last words:\n" in done.stderr
    assert b"Kernel panic - not syncing: sysrq triggered crash" in done.stderr


def test_a_kernel_without_kvm_is_the_rigs_failure():
    kernel = subprocess.run([ROOT / "scripts/build-guest-kernel"], check=True, stdout=subprocess.PIPE).stdout.strip()
    done = rig("true", options=["--kernel", kernel])
    assert done.returncode == 125
    assert b"/dev/kvm: No such file" in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cpus", "none"], "argument --cpus: invalid positive value: 'none'"),
        (["--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["--share", "/no/such/directory"], "/no/such/directory is not a directory"),
        (["--share", "/tmp"], "'/tmp' cannot be shared"),
        (["--share", "/proc/self"], "cannot be shared"),
        (["--kernel", "/no/such/kernel"], "the kernel /no/such/kernel cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(options, words):
    done = rig("true", options=options)
    assert done.returncode == 125
    assert words in done.stderr.decode()


def test_a_working_directory_that_is_not_shared_is_refused(tmp_path):
    done = rig("true", cwd=tmp_path)
    assert done.returncode == 125
    assert f"the working directory {tmp_path} is not shared; add --share" in done.stderr.decode()


def test_a_program_that_is_missing_is_named(tmp_path):
    programs = {"python3": sys.executable, "busybox": shutil.which("busybox"), "unshare": shutil.which("unshare")}
    for name, path in programs.items():
        (tmp_path / name).symlink_to(os.path.realpath(path))
    done = rig("true", env={"PATH": str(tmp_path), "HOME": os.environ["HOME"]})
    assert done.returncode == 125
    assert b"qemu-system-x86_64 is not installed; install the package qemu-system-x86" in done.stderr


# --- Without root, and where KVM works


@pytest.fixture
def project_of_nobody():
    """A copy of what the rig is made of where a user without root can read it, with the kernel."""
    directory = pathlib.Path(tempfile.mkdtemp())
    try:
        directory.chmod(0o755)
        shutil.copytree(ROOT / "tests/rig", directory / "tests/rig")
        shutil.copy(os.environ["BOXLITE_FIRST_GUEST"], directory / "first_guest")
        build = [ROOT / "scripts/build-guest-kernel", "--fragment", ROOT / "tests/rig/kernel.config"]
        kernel = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        shutil.copy(kernel, directory / "vmlinux")
        for path in directory.rglob("*"):
            path.chmod(path.stat().st_mode | stat.S_IROTH | (path.stat().st_mode & stat.S_IXUSR) >> 6)
        yield directory
    finally:
        shutil.rmtree(directory)


def test_root_is_not_needed(project_of_nobody):
    user = []
    if os.geteuid() == 0:
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"]
    place = project_of_nobody
    command = [*user, place / "tests/rig/run", "--kernel", place / "vmlinux", place / "first_guest"]
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"42 by the port, 42 in memory\n", b"")


def with_kvm(probe, answer):
    probe.write_text(f'#!/bin/sh\n[ "$*" = --probe ] && echo "host: any" && echo "engine: {answer}"\n')
    probe.chmod(0o755)
    command = [ROOT / "tests/rig/with-kvm", probe, "--cpus", "2", "--", "sh", "-c", "uname -r; nproc; exit 9"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False, text=True)
    assert done.returncode == 9
    return done.stdout.split()


def test_with_kvm_runs_here_where_kvm_works(tmp_path):
    release, _ = with_kvm(tmp_path / "boxlite-vm", "kvm")
    assert release == os.uname().release


def test_with_kvm_runs_in_the_rig_where_kvm_does_not_work(tmp_path):
    release, cpus = with_kvm(tmp_path / "boxlite-vm", "qemu, because of engine: kvm")
    assert release.endswith("-boxlite-rig")
    assert cpus == "2"


@pytest.mark.parametrize("words", [[], ["/bin/true"], ["/bin/true", "--"], ["/no/boxlite-vm", "--", "true"]])
def test_with_kvm_refuses_what_is_not_whole(words):
    done = subprocess.run([ROOT / "tests/rig/with-kvm", *words], capture_output=True, check=False)
    assert done.returncode != 0
    assert done.stderr != b""
