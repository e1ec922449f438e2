"""FETCH where transfers break off, stall, or are sent elsewhere."""

import json
import os
import pathlib
import re
import signal
import socket
import threading
import time

import job
import pytest
from registry import CONFIG, LAYER, MANIFEST, FaultyRegistry, descriptor, first_of_range, send
from test_fetch import assert_whole, await_bytes, stall

QUICK = {"fetch": {"connect_timeout_ms": 1000, "idle_timeout_ms": 1000, "document_timeout_ms": 3000, "attempts": 2}}


def layer_requests(faulty):
    return [path for path in faulty.requests if path.endswith(faulty.layers[0]["digest"])]


def cut_at(faulty, places):
    """Each transfer of the layer ends at the next of the places; with none left it goes to its end."""
    places = list(places)
    ranges = []

    def cut(handler, _):
        if not faulty.is_layer(handler):
            return False
        start = first_of_range(handler) or 0
        ranges.append(start)
        if not places:
            return False
        blob, end = faulty.blob(), places.pop(0)
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(blob) - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(blob) - 1}/{len(blob)}")
        handler.end_headers()
        handler.wfile.write(blob[start:end])
        handler.close_connection = True
        return True

    faulty.fault = cut
    return ranges


# ---------------------------------------------------------------- going on


def test_connection_cut_at_every_tenth_is_gone_on_with(work, faulty):
    size = len(faulty.blob())
    places = [size * tenth // 10 for tenth in range(1, 10)]
    ranges = cut_at(faulty, places)
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok", image.error
    assert ranges == [0, *places]
    assert_whole(work, image)


@pytest.mark.parametrize("tenth", range(10))
def test_job_that_failed_at_any_tenth_is_gone_on_with_by_the_next(work, faulty, tenth):
    size = len(faulty.blob())
    place = size * tenth // 10
    cut_at(faulty, [place] * 10)
    error = work.fetch("image", [faulty.url], config={"fetch": {"attempts": 1}}).error
    assert error.code == "network" and faulty.url in error.message
    ranges = cut_at(faulty, [])
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok", image.error
    assert ranges == [place]
    assert_whole(work, image)


def test_killed_job_is_gone_on_with_by_the_next(work, faulty):
    stall(faulty)
    process = work.start_fetch()
    process.client.open(job.fetch("image", [faulty.url]))
    await_bytes(process.client)
    os.kill(process.process.pid, signal.SIGKILL)
    process.end()
    ranges = cut_at(faulty, [])
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok" and ranges[0] > 0
    assert_whole(work, image)


def test_registry_without_ranges_is_asked_for_the_whole(work, faulty):
    cuts = [1]

    def cut_once(handler, _):
        if not faulty.is_layer(handler):
            return False
        blob = faulty.blob()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(blob)))
        handler.end_headers()
        handler.wfile.write(blob[: len(blob) // 2] if cuts else blob)
        handler.close_connection = bool(cuts)
        cuts.clear()
        return True

    faulty.fault = cut_once
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok" and len(layer_requests(faulty)) == 2
    assert_whole(work, image)


def leave_piece(work, faulty, content):
    blobs = work.staging / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / (faulty.layers[0]["digest"].removeprefix("sha256:") + ".part")).write_bytes(content)


def test_damaged_piece_of_an_earlier_job_is_thrown_away(work, faulty):
    leave_piece(work, faulty, b"\0" * 5000)
    ranges = cut_at(faulty, [])
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok" and ranges == [5000, 0]
    assert_whole(work, image)


@pytest.mark.parametrize("change", [lambda blob: blob, lambda blob: b"\0" + blob[1:], lambda blob: blob + b"more"])
def test_piece_that_is_as_long_as_the_blob_or_longer(work, faulty, change):
    leave_piece(work, faulty, change(faulty.blob()))
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok", image.error
    assert_whole(work, image)


def test_piece_of_another_image_is_removed(work, faulty):
    (work.staging / "blobs/sha256").mkdir(parents=True)
    (work.staging / "blobs/sha256" / ("0" * 64 + ".part")).write_bytes(b"old")
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok"
    assert_whole(work, image)


@pytest.mark.parametrize(
    "content_range",
    [
        "",
        "bytes 0-4999/SIZE",
        "bytes 100-/SIZE",
        "bytes 100-LAST/5",
        "bytes 101-LAST/SIZE",
        "bytes 100-1/SIZE",
        "lines 1",
    ],
)
def test_answer_with_another_part_than_asked_for_is_not_taken(work, faulty, content_range):
    leave_piece(work, faulty, faulty.blob()[:100])
    size = len(faulty.blob())
    value = content_range.replace("SIZE", str(size)).replace("LAST", str(size - 1))

    def lie(handler, _):
        if not faulty.is_layer(handler) or not handler.headers.get("Range"):
            return False
        send(handler, 206, faulty.blob()[100:], {"Content-Range": value})
        return True

    faulty.fault = lie
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok", image.error
    assert len(layer_requests(faulty)) == 2
    assert_whole(work, image)


def test_range_that_cannot_be_satisfied_is_asked_for_as_a_whole(work, faulty):
    leave_piece(work, faulty, faulty.blob()[:100])
    faulty.fault = lambda handler, _: bool(handler.headers.get("Range")) and (send(handler, 416, b"") or True)
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok", image.error
    assert_whole(work, image)


# ---------------------------------------------------------------- trying again


@pytest.mark.parametrize("kind", ["manifests", "blobs"])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_busy_registry_is_asked_again(work, faulty, kind, status):
    left = [1, 1]
    faulty.fault = lambda handler, what: (
        what == kind and bool(left) and (left.pop(), send(handler, status, b""), True)[2]
    )
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok", image.error
    assert not left


def test_retry_after_is_kept(work, faulty):
    times = []

    def busy_once(handler, _):
        times.append(time.monotonic())
        if len(times) > 1:
            return False
        send(handler, 429, b"", {"Retry-After": "2"})
        return True

    faulty.fault = busy_once
    assert work.fetch("image", [faulty.url]).error.code == "ok"
    assert times[1] - times[0] >= 2


def test_retry_after_that_is_too_long_is_told(work, faulty):
    faulty.fault = lambda handler, _: send(handler, 429, b"", {"Retry-After": "3600"}) or True
    error = work.fetch("image", [faulty.url]).error
    assert error.code == "network" and faulty.url in error.message and "3600 s" in error.hint
    assert len(faulty.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 403, 410])
def test_what_will_not_change_is_asked_once(work, faulty, status):
    faulty.fault = lambda handler, _: send(handler, status, b"") or True
    work.fetch(f"{faulty.address}/image", [faulty.url])
    assert len(faulty.requests) == 1


def test_connection_that_is_reset_is_made_again(work, faulty):
    left = [1, 1, 1]

    def reset(handler, _):
        if not left:
            return False
        left.pop()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        handler.connection.close()
        handler.close_connection = True
        return True

    faulty.fault = reset
    assert work.fetch("image", [faulty.url]).error.code == "ok"


def test_registry_that_gains_a_little_each_time_is_given_up(work, faulty):
    """Each answer is cut one byte later than the one before."""
    cut_at(faulty, range(1, 1000))
    assert work.fetch("image", [faulty.url]).error.code == "network"
    assert len(layer_requests(faulty)) == 5


# ---------------------------------------------------------------- time limits


class Listener:
    """A server that takes connections and does with them what it is told."""

    def __init__(self, serve, backlog=16):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.connections, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.run, args=(serve,), daemon=True)
        self.thread.start()

    def run(self, serve):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=serve, args=(connection, self.over), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
        for connection in self.connections:
            connection.close()


def say_nothing(_, over):
    over.wait()


def drip(beginning):
    """One byte in a while, for ever."""

    def serve(connection, over):
        try:
            connection.sendall(beginning)
            while not over.wait(0.2):
                connection.sendall(b"x")
        except OSError:
            pass

    return serve


@pytest.mark.parametrize(
    "serve",
    [say_nothing, drip(b"HTTP/1.1 200 OK\r\nX-Slow: "), drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")],
    ids=["silent", "slow headers", "slow body"],
)
def test_slow_registry_is_a_network_error(work, serve):
    with Listener(serve) as slow:
        error = work.fetch("image", [slow.url], config=QUICK).error
    assert error.code == "network" and slow.url in error.message and error.hint


def test_registry_that_takes_no_connections_is_a_network_error(work):
    """Its queue of connections is full: the kernel answers no more of them."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}"
        error = work.fetch("image", [url], config=QUICK).error
        for connection in waiting:
            connection.close()
    assert error.code == "network" and url in error.message and "config.json" in error.hint


def test_slow_blob_is_a_network_error(work, faulty):
    def serve(handler, _):
        if not faulty.is_layer(handler):
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(faulty.blob())))
        handler.end_headers()
        for byte in faulty.blob():
            if faulty.released.wait(0.1):
                break
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
        return True

    faulty.fault = serve
    error = work.fetch("image", [faulty.url], config=QUICK).error
    assert error.code == "network" and faulty.url in error.message


def test_document_that_never_ends_is_a_network_error(work):
    """Fast enough, but without end: the time for a whole document is limited as well."""

    def serve(connection, over):
        try:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not over.wait(0.05):
                connection.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
        except OSError:
            pass

    with Listener(serve) as endless:
        error = work.fetch("image", [endless.url], config=QUICK).error
    assert error.code in ("network", "not_found")


def test_headers_without_end_are_a_network_error(work):
    def serve(connection, _):
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            for number in range(100000):
                connection.sendall(f"X-{number}: {'x' * 1000}\r\n".encode())
        except OSError:
            pass

    with Listener(serve) as endless:
        error = work.fetch("image", [endless.url], config=QUICK).error
    assert error.code == "network" and endless.url in error.message


def test_cancel_ends_a_job_that_waits_to_try_again(work, faulty):
    asked = threading.Event()
    faulty.fault = lambda handler, _: (send(handler, 429, b"", {"Retry-After": "60"}), asked.set(), True)[2]
    process = work.start_fetch()
    process.client.open(job.fetch("image", [faulty.url]))
    assert asked.wait(job.DEADLINE)
    process.client.send(job.CANCEL, 1)
    assert job.Error(job.fields(process.client.wait())[1][0]).code == "cancelled"
    assert process.end() == 0


# ---------------------------------------------------------------- side by side


def test_layers_come_side_by_side_and_not_all_at_once(work, layers_layout):
    lock, state = threading.Lock(), {"now": 0, "most": 0}
    together = threading.Barrier(3)

    def count(handler, _):
        if not server.is_layer(handler):
            return False
        with lock:
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
        try:
            together.wait(5)
        except threading.BrokenBarrierError:
            pass
        with lock:
            state["now"] -= 1
        return False

    with FaultyRegistry(layers_layout) as server:
        server.fault = count
        image = work.fetch("image", [server.url], config={"fetch": {"parallel": 3}})
    assert image.error.code == "ok"
    assert state["most"] == 3
    assert_whole(work, image)


def layout_of_many(directory, count, size):
    """An image of `count` layers of `size` random bytes: nothing here reads what is in a layer."""
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)

    def put(blob, media_type):
        (blobs / job.sha256(blob)).write_bytes(blob)
        return descriptor(blob, media_type)

    layers = [put(os.urandom(size), LAYER) for _ in range(count)]
    rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
    config = put(json.dumps({"os": "linux", "architecture": "amd64", "rootfs": rootfs}).encode(), CONFIG)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
    entry = put(json.dumps(manifest).encode(), MANIFEST)
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    return directory


def test_memory_of_a_fetch_does_not_grow_with_its_layers(work, tmp_path, authority):
    """Its peak is looked at while the last of ten layers has not come, over https, which takes more."""
    with FaultyRegistry(layout_of_many(tmp_path / "many", 10, 16 << 20), authority.context()) as server:
        last = server.layers[-1]["digest"]
        server.fault = lambda handler, _: handler.path.endswith(last) and not server.released.wait(job.DEADLINE)
        config = {"registries": {server.address: {"ca": str(authority.certificate)}}}
        process = work.start_fetch(config=config)
        process.client.open(job.fetch("image", [server.url]))
        layers_done = 0
        while layers_done < 9:
            kind, _, payload = process.client.receive()
            layers_done = job.number(job.fields(payload), 18) if kind == job.EVENT else layers_done
        status = pathlib.Path(f"/proc/{process.process.pid}/status").read_text()
        server.released.set()
        image = job.Image(process.client.wait())
        process.client.close()
        process.end()
    assert image.error.code == "ok", image.error
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) <= 64 * 1024


def test_settings_beyond_the_bounds_are_a_config_error(work, faulty):
    for name, value in (("parallel", 0), ("parallel", 1000), ("attempts", -1), ("idle_timeout_ms", "x")):
        error = work.fetch("image", [faulty.url], config={"fetch": {name: value}}).error
        assert error.code == "config" and name in error.message and "config.json" in error.message
