"""FETCH: from registries, real ones and such as no one wants."""

import ctypes
import errno
import json
import os
import signal
import ssl
import struct
import subprocess
import sys

import job
import pytest
from registry import FaultyRegistry, send


@pytest.fixture(scope="module")
def busybox(layout, push):
    push(f"{layout}:latest", "busybox:1")
    push(f"{layout}:latest", "library/lonely:1")
    push(f"{layout}:latest", "team/busybox:docker", "--format", "v2s2")


def assert_whole(work, image):
    """Everything that the answer names is staged and is what its name says; nothing else is there."""
    named = {image.digest, image.config_digest} | {layer.digest for layer in image.layers}
    for digest in named:
        hexadecimal = digest.removeprefix("sha256:")
        assert job.sha256((work.staging / "blobs/sha256" / hexadecimal).read_bytes()) == hexadecimal
    assert not [name for name in work.staged() if name.endswith(".part")]
    assert (work.staging / "result").read_bytes() == image.record


def test_short_name_comes_from_the_registry_that_is_named_first(work, registry, busybox):
    image = work.fetch("busybox:1", [f"http://{registry}"])
    assert image.error.code == "ok"
    assert image.reference == "docker.io/library/busybox:1"
    assert image.source == f"http://{registry}/busybox"
    assert image.cmd and len(image.layers) == 1
    assert_whole(work, image)


def test_short_name_is_also_searched_below_library(work, registry, busybox):
    image = work.fetch("lonely:1", [f"http://{registry}"])
    assert image.error.code == "ok"
    assert image.source == f"http://{registry}/library/lonely"


def test_registries_come_from_the_configuration_too(work, registry, busybox, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"image_registries": [f"http://{registry}"]}))
    assert work.fetch("busybox:1", config=config).error.code == "ok"
    config.write_text('{"image_registries": 5}')
    error = work.fetch("busybox:1", config=config).error
    assert error.code == "config" and "config.json" in error.message


def test_name_with_host_and_digest(work, registry, busybox):
    by_tag = work.fetch(f"{registry}/busybox:1", [f"http://{registry}"])
    assert by_tag.error.code == "ok" and by_tag.reference == f"{registry}/busybox:1"
    by_digest = work.fetch(f"{registry}/busybox@{by_tag.digest}", [f"http://{registry}"])
    assert by_digest.error.code == "ok" and by_digest.digest == by_tag.digest


def test_docker_manifest(work, registry, busybox):
    image = work.fetch("team/busybox:docker", [f"http://{registry}"])
    assert image.error.code == "ok"
    assert "docker" in image.layers[0].media_type
    assert_whole(work, image)


def test_zstd_layer(work, registry, push, zstd_layout):
    push(f"{zstd_layout}:zstd", "zstd:1")
    image = work.fetch("zstd:1", [f"http://{registry}"])
    assert image.error.code == "ok"
    assert "zstd" in image.layers[0].media_type
    work.commit()
    assert work.convert(image.layers).code == "ok"


def test_index_gives_the_manifest_for_the_platform(work, registry, push, platforms):
    push(f"{platforms}:multi", "multi:1", "--all")
    image = work.fetch("multi:1", [f"http://{registry}"])
    assert image.error.code == "ok"
    error = work.fetch("multi:1", [f"http://{registry}"], platform=("linux", "s390x")).error
    assert error.code == "image"
    assert "linux/s390x" in error.message and "linux/arm64, linux/amd64" in error.message


def test_image_for_another_platform_is_refused_by_its_config(work, registry, busybox):
    error = work.fetch("busybox:1", [f"http://{registry}"], platform=("linux", "arm64")).error
    assert error.code == "image" and "linux/amd64" in error.message


def test_missing_tag_names_where_it_was_looked_for(work, registry, busybox):
    error = work.fetch(f"{registry}/busybox:nope", [f"http://{registry}"]).error
    assert error.code == "not_found"
    assert f"{registry}/busybox:nope" in error.message and error.hint
    assert not (work.staging / "result").exists()


def test_bad_reference_is_an_invalid_argument(work):
    error = work.fetch("Not A Name").error
    assert error.code == "invalid_argument" and "Not A Name" in error.message


def test_registry_that_is_down_is_named(work):
    error = work.fetch("busybox:1", ["http://127.0.0.1:9"]).error
    assert error.code == "network"
    assert "http://127.0.0.1:9" in error.message and error.hint


def test_https_to_a_plain_registry_says_what_to_write(work, registry):
    error = work.fetch(f"{registry}/busybox:1").error
    assert error.code == "network" and f"http://{registry}" in error.hint


def test_certificate_that_nobody_vouches_for_is_refused(work, layout, tmp_path):
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    command = "openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with FaultyRegistry(layout, context) as server:
        error = work.fetch("image", [server.url]).error
    assert error.code == "network" and server.url in error.message and "certificate" in error.hint
    assert server.requests == []


def test_blobs_that_are_there_are_not_fetched_again(work, faulty):
    assert work.fetch("image", [faulty.url]).error.code == "ok"
    work.commit()
    faulty.requests.clear()
    assert work.fetch("image", [faulty.url]).error.code == "ok"
    assert [path for path in faulty.requests if "/blobs/" in path] == []


def test_damaged_blob_in_the_store_is_fetched_again(work, faulty):
    image = work.fetch("image", [faulty.url])
    work.commit()
    blob = work.store / image.layers[0].digest.removeprefix("sha256:")
    blob.write_bytes(b"\0" * blob.stat().st_size)
    assert work.fetch("image", [faulty.url]).error.code == "ok"
    assert blob.name in work.staged()


@pytest.mark.parametrize("change", ["another byte", "another length", "none"])
@pytest.mark.parametrize("made", ["this image", "another"])
def test_blob_of_the_image_whose_disk_is_made_is_not_read_again(work, faulty, change, made):
    image = work.fetch("image", [faulty.url])
    work.commit()
    stored = work.store / image.layers[0].digest.removeprefix("sha256:")
    contents = stored.read_bytes()
    damaged = {"another byte": contents[:-1] + bytes([contents[-1] ^ 1]), "another length": contents[:-1]}
    stored.write_bytes(damaged.get(change, contents))
    faulty.requests.clear()
    digest = image.digest if made == "this image" else "sha256:" + "0" * 64
    again = work.fetch("image", [faulty.url], made=digest)
    assert again.error.code == "ok" and again.digest == image.digest
    asked = any(path.endswith(image.layers[0].digest) for path in faulty.requests)
    assert asked == (change == "another length" or (change == "another byte" and made == "another"))


def test_truncated_blob_is_tried_again_and_then_a_network_error(work, faulty):
    def truncate(handler, _):
        if not faulty.is_layer(handler):
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(faulty.blob())))
        handler.end_headers()
        handler.wfile.write(faulty.blob()[:1000])
        handler.close_connection = True
        return True

    faulty.fault = truncate
    error = work.fetch("image", [faulty.url]).error
    assert error.code == "network" and faulty.url in error.message
    assert len([path for path in faulty.requests if path.endswith(faulty.layers[0]["digest"])]) == 5
    assert not (work.staging / "result").exists()


def test_short_blob_with_an_honest_length_is_a_network_error(work, faulty):
    faulty.fault = lambda handler, _: faulty.is_layer(handler) and (send(handler, 200, faulty.blob()[:1000]) or True)
    error = work.fetch("image", [faulty.url]).error
    assert error.code == "network" and "ended after 1000" in error.message


def test_transfer_that_breaks_off_once_is_begun_again(work, faulty):
    broken = []

    def break_once(handler, _):
        if not faulty.is_layer(handler) or broken:
            return False
        broken.append(True)
        send(handler, 503, b"")
        return True

    faulty.fault = break_once
    image = work.fetch("image", [faulty.url])
    assert broken and image.error.code == "ok"
    assert_whole(work, image)


@pytest.mark.parametrize("change", [lambda blob: b"\0" + blob[1:], lambda blob: blob + b"more"])
def test_blob_with_other_content_is_an_image_error(work, faulty, change):
    faulty.fault = lambda handler, _: faulty.is_layer(handler) and (send(handler, 200, change(faulty.blob())) or True)
    error = work.fetch("image", [faulty.url]).error
    assert error.code == "image" and faulty.layers[0]["digest"] in error.message
    assert faulty.layers[0]["digest"].removeprefix("sha256:") not in work.staged()


def test_manifest_other_than_the_digest_asked_for_is_an_image_error(work, faulty):
    faulty.fault = lambda handler, kind: kind == "manifests" and (send(handler, 200, faulty.manifest + b" ") or True)
    error = work.fetch(f"image@{faulty.entry['digest']}", [faulty.url]).error
    assert error.code == "image" and faulty.entry["digest"] in error.message


@pytest.mark.parametrize(
    ("status", "code"), [(401, "permission"), (403, "permission"), (429, "network"), (500, "network")]
)
def test_refusals_are_typed_and_name_the_registry(work, faulty, status, code):
    body = json.dumps({"errors": [{"message": "no such luck"}]}).encode()
    faulty.fault = lambda handler, _: send(handler, status, body) or True
    error = work.fetch("image", [faulty.url]).error
    assert error.code == code
    assert faulty.url in error.message and "no such luck" in error.message and error.hint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"schemaVersion": 2}',
        b'{"schemaVersion": 1, "fsLayers": []}',
        b'{"schemaVersion": 2, "manifests": [], "layers": []}',
        b'{"schemaVersion": 2, "manifests": []}',
        b'{"schemaVersion": 2, "config": {"digest": "sha256:x", "size": 1}, "layers": []}',
        b'{"schemaVersion": 2, "config": {"digest": 5, "size": 1}, "layers": []}',
        b" " * (5 << 20),
    ],
)
def test_bad_manifest_is_an_image_error(work, faulty, body):
    faulty.fault = lambda handler, kind: kind == "manifests" and (send(handler, 200, body) or True)
    error = work.fetch("image", [faulty.url]).error
    assert error.code == "image", error


def test_redirect_is_followed(work, faulty):
    def redirect(handler, kind):
        if kind != "blobs" or "elsewhere" in handler.path:
            return False
        send(handler, 307, b"", {"Location": f"{faulty.url}{handler.path}?elsewhere"})
        return True

    faulty.fault = redirect
    assert_whole(work, work.fetch("image", [faulty.url]))


def test_redirects_in_a_circle_end(work, faulty):
    faulty.fault = lambda handler, _: send(handler, 307, b"", {"Location": handler.path}) or True
    assert work.fetch("image", [faulty.url]).error.code == "network"
    assert len(faulty.requests) < 20


def test_redirect_to_a_file_is_not_followed(work, faulty):
    faulty.fault = lambda handler, _: send(handler, 307, b"", {"Location": "file:///etc/passwd"}) or True
    assert work.fetch("image", [faulty.url]).error.code == "network"


def ask_for_token(handler, faulty):
    challenge = f'Bearer realm="{faulty.url}/token",service="here",scope="repository:image:pull"'
    send(handler, 401, b"", {"WWW-Authenticate": challenge})


def test_anonymous_token_is_fetched_where_a_registry_asks_for_one(work, faulty):
    def guard(handler, _):
        if handler.path.startswith("/token"):
            assert "service=here" in handler.path and "scope=repository%3Aimage%3Apull" in handler.path
            send(handler, 200, b'{"token": "abc"}')
        elif handler.headers.get("Authorization") != "Bearer abc":
            ask_for_token(handler, faulty)
        else:
            return False
        return True

    faulty.fault = guard
    assert work.fetch("image", [faulty.url]).error.code == "ok"


def test_tokens_that_run_out_again_and_again_are_renewed(work, layers_layout):
    """Each token is good for a few blobs: transfers that run side by side are refused together."""
    tokens = []
    uses = {}

    def guard(handler, kind):
        token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
        if handler.path.startswith("/token"):
            tokens.append(f"token{len(tokens)}")
            send(handler, 200, json.dumps({"token": tokens[-1]}).encode())
            return True
        uses[token] = uses.get(token, 0) + 1
        if tokens and token == tokens[-1] and (kind != "blobs" or uses[token] <= 4):
            return False
        ask_for_token(handler, faulty)
        return True

    with FaultyRegistry(layers_layout) as faulty:
        faulty.fault = guard
        image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok", image.error
    assert len(tokens) >= 3
    assert_whole(work, image)


def test_registry_that_refuses_every_token_is_a_permission_error(work, faulty):
    asked = []

    def guard(handler, kind):
        if handler.path.startswith("/token"):
            asked.append(handler.path)
            send(handler, 200, json.dumps({"token": f"token{len(asked)}"}).encode())
        elif (kind == "blobs" and faulty.is_layer(handler)) or not asked:
            ask_for_token(handler, faulty)
        else:
            return False
        return True

    faulty.fault = guard
    assert work.fetch("image", [faulty.url]).error.code == "permission"
    assert len(asked) < 10


def stall(faulty):
    """Half a layer, then nothing until the test is over."""

    def answer(handler, _):
        if not faulty.is_layer(handler):
            return False
        blob = faulty.blob()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(blob)))
        handler.end_headers()
        handler.wfile.write(blob[: len(blob) // 2])
        handler.wfile.flush()
        faulty.released.wait(60)
        handler.close_connection = True
        return True

    faulty.fault = answer


def await_bytes(client):
    """Until the progress shows that half of the layer has come."""
    while True:
        kind, _, payload = client.receive()
        assert kind in (job.ACCEPT, job.EVENT)
        if kind == job.EVENT and job.number(job.fields(payload), 20) > 0:
            return


def test_cancel_in_the_middle_ends_the_job_at_once(work, faulty):
    stall(faulty)
    process = work.start(staging=work.staging, blobs=work.store)
    process.client.open(job.fetch("image", [faulty.url]))
    await_bytes(process.client)
    process.client.send(job.CANCEL, 1)
    assert job.Error(job.fields(process.client.wait())[1][0]).code == "cancelled"
    assert process.end() == 0


def test_job_lives_as_long_as_somebody_waits(work, faulty):
    stall(faulty)
    process = work.start(staging=work.staging, blobs=work.store)
    process.client.open(job.fetch("image", [faulty.url]))
    await_bytes(process.client)
    second = process.attach()
    second.open(job.fetch("image", [faulty.url]), stream=7)
    await_bytes(second)
    process.client.close()
    faulty.fault = None
    faulty.released.set()  # The transfer breaks off and is begun again.
    image = job.Image(second.wait())
    assert image.error.code == "ok"
    assert process.end() == 0


def test_last_client_gone_ends_the_job(work, faulty):
    stall(faulty)
    process = work.start(staging=work.staging, blobs=work.store)
    process.client.open(job.fetch("image", [faulty.url]))
    await_bytes(process.client)
    process.client.close()
    assert process.end() == 0


def test_killed_job_leaves_staging_that_the_next_one_uses(work, faulty):
    stall(faulty)
    process = work.start(staging=work.staging, blobs=work.store)
    process.client.open(job.fetch("image", [faulty.url]))
    await_bytes(process.client)
    os.kill(process.process.pid, signal.SIGKILL)
    process.end()
    assert [name for name in work.staged() if name.endswith(".part")]
    faulty.fault = None
    image = work.fetch("image", [faulty.url])
    assert image.error.code == "ok"
    assert_whole(work, image)


def test_other_operation_is_refused_while_a_job_runs(work, faulty):
    stall(faulty)
    process = work.start(staging=work.staging, blobs=work.store)
    process.client.open(job.fetch("image", [faulty.url]))
    await_bytes(process.client)
    second = process.attach()
    second.open(job.blank(1 << 30))
    assert job.Error(job.fields(second.wait())[1][0]).code == "busy"
    process.client.open(job.fetch("image", [faulty.url]), stream=2)
    assert job.Error(job.fields(process.client.wait())[1][0]).code == "busy"
    second.close()
    process.client.close()
    assert process.end() == 0


def forbid_prctl():
    """By a system-call filter (classic BPF) that answers EPERM, for this process and what it executes."""
    load_number, equal, return_, prctl = 0x20, 0x15, 0x06, 157
    refuse, allow = 0x00050000 | errno.EPERM, 0x7FFF0000
    steps = [(load_number, 0, 0, 0), (equal, 0, 1, prctl), (return_, 0, 0, refuse), (return_, 0, 0, allow)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    pr_set_seccomp, filter_mode = 22, 2
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_seccomp, filter_mode, program) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def test_process_that_cannot_lock_itself_in_does_nothing_and_says_so(work, faulty):
    process = work.start(staging=work.staging, blobs=work.store, prepare=forbid_prctl)
    process.client.open(job.fetch("image", [faulty.url]))
    error = job.Error(job.fields(process.client.wait())[1][0])
    assert error.code != "ok" and error.message
    assert faulty.requests == []
    assert process.end() == 1


def test_client_that_breaks_the_protocol_is_dropped(work, faulty):
    process = work.start(staging=work.staging, blobs=work.store)
    process.client.connection.sendall(b"\xff" * 64)
    assert process.client.receive() is None
    assert process.end() == 1
    assert "went away" in process.stderr


GONE = """
import os, socket, sys
ours, theirs = socket.socketpair()
ours.close()
os.dup2(theirs.fileno(), 3)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_client_that_is_gone_before_it_is_greeted_ends_the_job(program):
    process = subprocess.run([sys.executable, "-c", GONE, program], stderr=subprocess.PIPE, text=True, timeout=60)
    assert process.returncode == 1 and "went away" in process.stderr
