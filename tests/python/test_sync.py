"""The synchronous classes: without a loop, in several threads, in a thread whose loop runs."""

import asyncio
import functools
import signal
import subprocess
import sys
import threading

import boxlite
import pytest
from conftest import wait_until


@pytest.fixture
def sync(home):
    with boxlite.SyncBoxlite(boxlite.Options(home_dir=home)) as opened:
        yield opened


def test_a_block_makes_and_removes_a_box(sync, image):
    with boxlite.SyncSimpleBox(rootfs_path=image, runtime=sync, memory=256) as box:
        result = box.exec("sh", "-c", "echo out; echo err >&2; exit 3")
        assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 3)
        box.write_file("/tmp/file", b"a\0b")
        assert box.read_file("/tmp/file") == b"a\0b"
        assert (box.info().status, box.metrics().commands_executed_total) == ("running", 1)
        with pytest.raises(boxlite.TimeoutError):
            box.exec("sleep", "1000", timeout=1)
        with pytest.raises(boxlite.ExecutionError):
            box.exec("no-such-command")
        box_id = box.id
    assert sync.get(box_id) is None


def test_a_runtime_s_boxes_stream(sync, image):
    made, is_new = sync.get_or_create(boxlite.BoxOptions(rootfs_path=image), name="streams")
    assert is_new and sync.get("streams").id == made.id and sync.get_info("streams").name == made.name == "streams"
    with made as box:
        execution = box.exec("sh", "-c", "read a; echo $a; echo two; echo three >&2; printf 4 >&2", stdin=True)
        execution.stdin().send_input("one\n")
        assert list(execution.stdout()) == ["one", "two"]
        assert b"".join(execution.stderr().chunks()) == b"three\n4"
        assert execution.wait().exit_code == 0
        sleeping = box.exec("sleep", "1000")
        sleeping.kill()
        assert sleeping.wait().exit_code == -9
        assert [info.id for info in sync.list() if info.state.running].count(box.id) == 1
    assert sync.get("streams") is None
    assert sync.metrics().total_exec_calls == 2


def test_code_without_asyncio(sync, python_image):
    with boxlite.SyncCodeBox(rootfs_path=python_image, runtime=sync) as box:
        assert box.run("print(6*7)") == "42\n"
        with pytest.raises(boxlite.NetworkError, match="no network"):
            box.run("import none_such")


def test_several_threads_use_one_box(sync, image):
    with boxlite.SyncSimpleBox(rootfs_path=image, runtime=sync) as box:
        results = {}

        def work(thread):
            results[thread] = [box.exec("echo", f"{thread}.{n}").stdout for n in range(5)]

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == {t: [f"{t}.{n}\n" for n in range(5)] for t in range(4)}


def test_a_thread_whose_loop_runs_may_call_too(sync, image):
    async def test():
        with boxlite.SyncSimpleBox(rootfs_path=image, runtime=sync) as box:
            assert box.exec("echo", "inside").stdout == "inside\n"
            # The asynchronous classes on the same runtime, in the same thread.
            other = sync.asynchronous.get(box.id)
            assert (await (await other.exec("echo", "awaited")).wait()).stdout == "awaited\n"

    asyncio.run(test())


def test_progress_is_told_on_the_thread_that_pulls(home, image, tmp_path):
    seen = set()

    def progress(_news):
        seen.add(threading.current_thread())
        raise KeyError("mine")

    with boxlite.SyncBoxlite(boxlite.Options(home_dir=tmp_path)) as sync:
        with pytest.raises((KeyError, boxlite.BoxliteError)):
            sync.images.pull("127.0.0.1:1/nothing:none", progress)
        assert sync.images.list() == []
    assert seen <= {threading.current_thread()}


def test_the_synchronous_classes_have_what_the_others_have():
    for name in ("Box", "SimpleBox", "CodeBox", "Boxlite", "Images", "Execution", "ExecStdin", "Files"):
        public = {each for each in vars(getattr(boxlite, name)) if not each.startswith("_")}
        there = set(dir(getattr(boxlite, f"Sync{name}")))
        # What the classes themselves use; the box below a SimpleBox is not for waiting threads.
        assert public - there <= {"keep_stdin", "kill_quietly", "resize_quietly", "box"}, name


INTERRUPTED = """
import sys
import boxlite
with boxlite.SyncBoxlite(boxlite.Options(home_dir=sys.argv[1])) as sync:
    with boxlite.SyncSimpleBox(rootfs_path=sys.argv[2], runtime=sync) as box:
        print(box.id, flush=True)
        try:
            box.exec("sleep", "4712")
        except KeyboardInterrupt:
            while "4712" in box.exec("ps").stdout:
                pass
            print("killed", flush=True)
            raise
"""


def test_an_interrupt_ends_the_call_and_its_command(sync, home, image):
    program = [sys.executable, "-c", INTERRUPTED, home, image]
    # A shell's background job ignores SIGINT, and so would what it starts.
    default = functools.partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=default
    ) as child:
        box_id = child.stdout.readline().strip()
        box = sync.get(box_id)
        wait_until(lambda: "4712" in box.exec("ps").wait().stdout, "the command runs")
        child.send_signal(signal.SIGINT)
        shown, errors = child.communicate(timeout=120)
    assert shown == "killed\n" and "KeyboardInterrupt" in errors
    assert sync.get(box_id) is None


def test_the_thread_of_the_calls_cannot_wait_for_itself(sync):
    from boxlite import _sync

    async def call():
        sync.remove("nothing")

    with pytest.raises(boxlite.WouldDeadlockError):
        _sync.finish(call())
