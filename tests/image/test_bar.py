"""What a pull shows on a terminal. The layer is held back until the bar has been seen, however fast the machine is."""

import os
import pty
import threading

BOXLITE = os.path.join(os.environ["BOXLITE_PREFIX"], "bin/boxlite")
SECONDS = 60  # until the layer comes though nobody has seen a bar


def until_end(terminal, seen):
    """All that comes from `terminal`; `seen` is called with what there is so far."""
    output = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # EIO: the program has closed its end
            return output
        if not data:
            return output
        output += data
        seen(output)


def test_pull_on_a_terminal_has_a_bar(faulty, tmp_path):
    bar_is_shown = threading.Event()

    def hold_the_layer(handler, _):
        if faulty.is_layer(handler):
            bar_is_shown.wait(SECONDS)
        return False

    def look(output):
        if b": [....................] fetching" in output:
            bar_is_shown.set()

    faulty.fault = hold_the_layer
    child, terminal = pty.fork()
    if child == 0:
        command = [BOXLITE, "--home", str(tmp_path / "home"), "--registry", faulty.url, "pull", "image"]
        os.execve(BOXLITE, command, {**os.environ, "TERM": "xterm"})
    output = until_end(terminal, look)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, output
    assert bar_is_shown.is_set(), output
    assert output.rstrip().split(b"\x1b[K")[-1].startswith(b"docker.io/library/image:latest@sha256:")
