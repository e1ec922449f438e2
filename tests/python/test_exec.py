"""Executions: arguments, results, streams, input, signals, time limits."""

import asyncio
import errno
import gc
import hashlib

import boxlite
import pytest
from conftest import until

MIB = 1024 * 1024


def run(coroutine):
    """Runs in an event loop of its own; a wait that hangs fails instead of the whole run."""
    return asyncio.run(asyncio.wait_for(coroutine, 120))


async def finish(box, *command, **options):
    return await (await box.exec(*command, **options)).wait()


def sh(box, script, **options):
    return finish(box, "sh", "-c", script, **options)


# ---- arguments


@pytest.mark.parametrize("command", [("echo", "a", "b c"), ("echo", ["a", "b c"]), (["echo", "a", "b c"],)])
def test_arguments_are_words_or_lists(box, command):
    result = run(finish(box, *command))
    assert (result.exit_code, result.stdout) == (0, "a b c\n")


def test_arguments_are_bytes(box):
    result = run(finish(box, "printf", "%s", b"\xff\xfe", "\udc80", "ä"))
    assert result.stdout_bytes == b"\xff\xfe\x80\xc3\xa4"


def test_environment_is_the_images_the_boxs_and_the_executions(box):
    result = run(sh(box, 'echo "$IMAGE $FROM $MINE"', env={"MINE": "exec"}))
    assert result.stdout == "busybox box exec\n"
    assert run(sh(box, 'echo "$FROM"', env=[("FROM", "exec")])).stdout == "exec\n"


def test_cwd_and_user(box):
    result = run(sh(box, "pwd; id -u; id -g", cwd="/tmp", user="guest"))
    assert result.stdout == "/tmp\n1000\n1000\n"


@pytest.mark.parametrize("argument", [1, None, 2.5])
def test_an_argument_of_another_type_is_a_type_error(box, argument):
    with pytest.raises(TypeError, match="argument 1"):
        run(finish(box, "echo", argument))


def test_a_nul_in_an_argument_is_an_invalid_argument(box):
    with pytest.raises(boxlite.InvalidArgumentError, match="argument 1"):
        run(finish(box, "echo", "a\0b"))


def test_no_command_is_an_invalid_argument(box):
    with pytest.raises(boxlite.InvalidArgumentError):
        run(finish(box, []))


@pytest.mark.parametrize("options", [{"cwd": "/not/there"}, {"user": "nobody-knows"}])
def test_a_cwd_or_user_that_is_not_there_is_an_invalid_argument(box, options):
    (value,) = options.values()
    with pytest.raises(boxlite.InvalidArgumentError, match=value):
        run(finish(box, "true", **options))


def test_a_command_that_is_not_there_is_an_execution_error_with_its_name(box):
    with pytest.raises(boxlite.ExecutionError, match="no-such-command") as caught:
        run(finish(box, "no-such-command"))
    assert caught.value.os_errno == errno.ENOENT
    assert caught.value.code == "execution_failed"


def test_a_file_that_is_no_program_is_an_execution_error(box):
    with pytest.raises(boxlite.ExecutionError, match="/etc/passwd") as caught:
        run(finish(box, "/etc/passwd"))
    assert caught.value.os_errno == errno.EACCES


# ---- results


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 42", 42), ("kill -TERM $$", -15), ("kill -9 $$", -9)]
)
def test_the_exit_code_is_the_commands_or_minus_the_signal(box, script, code):
    result = run(sh(box, script))
    assert (result.exit_code, result.returncode) == (code, code)
    assert not result.timed_out


def test_the_streams_are_kept_apart_and_as_bytes(box):
    result = run(sh(box, r"printf 'out\377'; printf err >&2"))
    assert (result.stdout_bytes, result.stderr_bytes) == (b"out\xff", b"err")
    assert (result.stdout, result.stderr, result.truncated) == ("out\ufffd", "err", False)


def test_waiting_again_gives_the_same_result(box):
    async def test():
        execution = await box.exec("echo", "once")
        return await asyncio.gather(execution.wait(), execution.wait()), await execution.wait()

    (first, second), third = run(test())
    assert first is second is third
    assert first.stdout == "once\n"


def test_output_beyond_max_output_keeps_both_ends(box):
    result = run(sh(box, "echo begin; head -c 5000000 /dev/zero; echo end", max_output=MIB))
    assert result.truncated
    assert len(result.stdout_bytes) == MIB
    assert result.stdout_bytes.startswith(b"begin\n")
    assert result.stdout_bytes.endswith(b"end\n")


def test_executions_have_ids_of_their_own(box):
    async def test():
        executions = await asyncio.gather(*(box.exec("true") for _ in range(5)))
        await asyncio.gather(*(execution.wait() for execution in executions))
        return {execution.id for execution in executions}

    assert len(run(test())) == 5


def test_fifty_commands_run_at_once(box):
    async def test():
        results = await asyncio.gather(*(finish(box, "sh", "-c", f"echo {n}; exit {n}") for n in range(50)))
        return [(result.exit_code, result.stdout) for result in results]

    assert run(test()) == [(n, f"{n}\n") for n in range(50)]


# ---- streams


def test_lines_come_while_the_command_runs(box):
    async def test():
        execution = await box.exec("sh", "-c", "echo first; read answer; echo got $answer", stdin=True)
        lines = execution.stdout()
        first = await anext(lines)
        await execution.stdin().send_input(b"it\n")
        return first, [line async for line in lines], (await execution.wait()).exit_code

    assert run(test()) == ("first", ["got it"], 0)


def test_line_ends_are_taken_off_and_the_last_line_may_have_none(box):
    async def test():
        execution = await box.exec("printf", r"a\r\n\nb\nlast")
        return [line async for line in execution.stdout()]

    assert run(test()) == ["a", "", "b", "last"]


def test_both_streams_at_once(box):
    async def collect(stream):
        return [line async for line in stream]

    async def test():
        execution = await box.exec("sh", "-c", "for n in 1 2 3; do echo o$n; echo e$n >&2; done")
        return await asyncio.gather(collect(execution.stdout()), collect(execution.stderr()))

    assert run(test()) == [["o1", "o2", "o3"], ["e1", "e2", "e3"]]


def test_chunks_are_every_byte(box):
    size = 4_000_000

    async def test():
        digest = hashlib.sha256()
        execution = await box.exec("sh", "-c", f"yes boxlite | head -c {size}")
        async for chunk in execution.stdout().chunks():
            digest.update(chunk)
        return digest.hexdigest(), await execution.wait()

    digest, result = run(test())
    assert digest == hashlib.sha256((b"boxlite\n" * (size // 8 + 1))[:size]).hexdigest()
    assert (result.exit_code, result.stdout_bytes) == (0, b"")


def test_the_result_has_what_nobody_streamed(box):
    async def test():
        execution = await box.exec("sh", "-c", "for n in 1 2 3; do echo $n; done; echo e >&2")
        async for line in execution.stdout():
            assert line == "1"
            break
        return await execution.wait()

    result = run(test())
    assert (result.stdout, result.stderr) == ("2\n3\n", "e\n")


def test_a_reader_that_starts_after_wait_gets_everything(box):
    async def test():
        execution = await box.exec("sh", "-c", "echo one; echo two")

        async def read():
            return [line async for line in execution.stdout()]

        reading = asyncio.create_task(read())
        await execution.wait()
        return await reading

    assert run(test()) == ["one", "two"]


def test_a_wait_goes_on_where_a_reader_stopped(box):
    async def test():
        execution = await box.exec("sh", "-c", "echo ready; head -c 3000000 /dev/zero")
        lines = execution.stdout()  # stays referenced, but reads no more
        assert await anext(lines) == "ready"
        return await execution.wait()

    result = run(test())
    assert len(result.stdout_bytes) == 3_000_000


def test_iterating_output_that_wait_had_to_drop_says_so(box):
    async def test():
        execution = await box.exec("sh", "-c", "head -c 3000000 /dev/zero", max_output=MIB)
        await execution.wait()
        chunks, got = execution.stdout().chunks(), 0
        with pytest.raises(boxlite.ResourceExhaustedError, match=str(3_000_000 - MIB)):
            async for chunk in chunks:
                got += len(chunk)
        async for chunk in chunks:
            got += len(chunk)
        return got

    assert run(test()) == MIB


def test_unread_output_holds_the_process_back(box):
    async def written():
        return int((await sh(box, "cat /tmp/written")).stdout or 0)

    async def test():
        script = "n=0; while [ $n -lt 200 ]; do head -c 100000 /dev/zero; n=$((n+1)); echo $n >/tmp/written; done"
        execution = await box.exec("sh", "-c", script)
        seen = -1

        async def stands_still():
            nonlocal seen
            before, seen = seen, await written()
            return before == seen > 0

        await until(stands_still, "the process is held back")
        held_at = await written()
        result = await execution.wait()
        return held_at, len(result.stdout_bytes), await written()

    held_at, size, end = run(test())
    assert held_at < 100
    assert (size, end) == (20_000_000, 200)


def test_a_forgotten_execution_is_not_held_back(box):
    async def test():
        await box.exec("sh", "-c", "rm -f /tmp/done; head -c 20000000 /dev/zero; touch /tmp/done")
        gc.collect()

        async def ended():
            return (await finish(box, "test", "-e", "/tmp/done")).exit_code == 0

        await until(ended, "the forgotten command ended")

    run(test())


def test_output_of_background_processes_does_not_hold_up_the_end(box):
    result = run(sh(box, "sleep 1000 & echo started"))
    assert (result.exit_code, result.stdout) == (0, "started\n")


# ---- input


def test_bytes_for_stdin_are_written_and_end(box):
    assert run(finish(box, "cat", stdin=b"some\0bytes")).stdout_bytes == b"some\0bytes"
    assert run(finish(box, "cat", stdin="text ä")).stdout == "text ä"
    assert run(finish(box, "wc", "-c", stdin=b"")).stdout.strip() == "0"


def test_much_input_passes_through(box):
    data = bytes(range(256)) * 40_000
    assert run(finish(box, "cat", stdin=data)).stdout_bytes == data


def test_stdin_is_empty_where_nobody_asked_for_it(box):
    assert run(finish(box, "cat")).exit_code == 0
    assert run(finish(box, "cat", stdin=False)).exit_code == 0


def test_input_is_sent_until_it_is_closed(box):
    async def test():
        execution = await box.exec("cat")
        stdin = execution.stdin()
        await stdin.send_input(b"one ")
        await stdin.send_input("two")
        await stdin.close()
        await stdin.close()
        return (await execution.wait()).stdout

    assert run(test()) == "one two"


def test_input_after_the_end_or_without_stdin_is_an_error(box):
    async def test():
        execution = await box.exec("true")
        stdin = execution.stdin()
        await execution.wait()
        with pytest.raises(boxlite.StoppedError):
            await stdin.send_input(b"late")
        execution = await box.exec("sleep", "1000", stdin=False)
        with pytest.raises(boxlite.InvalidStateError):
            await execution.stdin().send_input(b"nobody reads")
        await execution.kill()

    run(test())


# ---- terminals


def test_a_terminal_has_a_size_and_one_stream(box):
    async def test():
        execution = await box.exec("sh", tty=True)
        await execution.resize_tty(40, 120)
        stdin = execution.stdin()
        await stdin.send_input(b"stty size; test -t 0 && echo yes-a-tty >&2; exit 3\n")
        lines = [line async for line in execution.stdout()]
        return lines, await execution.wait()

    lines, result = run(test())
    assert "40 120" in lines
    assert "yes-a-tty" in lines
    assert (result.exit_code, result.stderr) == (3, "")


def test_resizing_without_a_terminal_is_an_invalid_state(box):
    async def test():
        execution = await box.exec("sleep", "1000")
        with pytest.raises(boxlite.InvalidStateError):
            await execution.resize_tty(24, 80)
        await execution.kill()

    run(test())


# ---- signals and time limits


async def still_runs(box, marker):
    result = await sh(box, f"ps | grep -v grep | grep -q {marker}")
    return result.exit_code == 0


async def is_gone(box, marker):
    return not await still_runs(box, marker)


def test_kill_ends_the_whole_tree(box):
    async def test():
        execution = await box.exec("sh", "-c", "sleep 4001 & sleep 4001")
        await until(lambda: still_runs(box, "4001"), "the tree runs")
        await execution.kill()
        result = await execution.wait()
        await until(lambda: is_gone(box, "4001"), "the tree ended")
        await execution.kill()
        return result.exit_code

    assert run(test()) == -9


def test_signal_goes_to_the_main_process(box):
    async def test():
        execution = await box.exec(
            "sh", "-c", "trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.1; done"
        )
        lines = execution.stdout()
        assert await anext(lines) == "ready"
        await execution.signal(10)
        return [line async for line in lines], (await execution.wait()).exit_code

    assert run(test()) == (["caught"], 5)


def test_a_signal_that_cannot_be_is_an_invalid_argument(box):
    async def test():
        execution = await box.exec("sleep", "1000")
        with pytest.raises(boxlite.InvalidArgumentError):
            await execution.signal(1000)
        await execution.kill()

    run(test())


def test_a_time_limit_shows_in_the_result(box):
    result = run(sh(box, "echo before; sleep 4002 & sleep 4002", timeout=1))
    assert (result.timed_out, result.exit_code, result.stdout) == (True, -9, "before\n")
    assert "1" in result.error_message
    run(until(lambda: is_gone(box, "4002"), "the tree ended"))


def test_a_cancelled_wait_leaves_the_process_alone(box):
    async def test():
        execution = await box.exec("sh", "-c", "read line; echo $line", stdin=True)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(execution.wait(), 0.2)
        await execution.stdin().send_input(b"still here\n")
        return (await execution.wait()).stdout

    assert run(test()) == "still here\n"


def test_a_helper_that_kills_on_timeout_leaves_nothing(box):
    async def guarded(*command, seconds):
        execution = await box.exec(*command)
        try:
            return await asyncio.wait_for(execution.wait(), seconds)
        except asyncio.TimeoutError:
            await execution.kill()
            raise

    async def test():
        with pytest.raises(asyncio.TimeoutError):
            await guarded("sleep", ["4003"], seconds=0.2)
        await until(lambda: is_gone(box, "4003"), "it ended")
        return (await guarded("echo", ["fine"], seconds=60)).stdout

    assert run(test()) == "fine\n"
