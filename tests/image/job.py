"""Drives boxlite-image as the library does: its descriptors, frames and records, written down a second time.

docs/protocol.md is the specification that both follow.
"""

import contextlib
import hashlib
import os
import socket
import struct
import subprocess

HELLO, OPEN, ACCEPT, REFUSE, EVENT, CANCEL, CLOSE = 1, 2, 3, 4, 8, 9, 10
FETCH, CONVERT, BLANK, IMPORT, LOAD, SAVE = 0x0301, 0x0302, 0x0303, 0x0304, 0x0305, 0x0306
PROGRESS, FOUND = 3, 4  # events
CODES = {
    0: "ok",
    2: "not_found",
    5: "invalid_argument",
    6: "config",
    7: "storage",
    8: "image",
    9: "network",
    20: "resource_exhausted",
    22: "cancelled",
}
CODES |= {1: "internal", 4: "invalid_state", 13: "unsupported", 25: "permission", 26: "busy"}
DEADLINE = 60


def field(tag, value):
    if isinstance(value, str):
        value = value.encode()
    return struct.pack("<HI", tag, len(value)) + value


def u8(tag, number):
    return field(tag, struct.pack("<B", number))


def u16(tag, number):
    return field(tag, struct.pack("<H", number))


def u32(tag, number):
    return field(tag, struct.pack("<I", number))


def u64(tag, number):
    return field(tag, struct.pack("<Q", number))


def fields(record):
    """A record's values by tag, in order."""
    out, at = {}, 0
    while at < len(record):
        tag, length = struct.unpack_from("<HI", record, at)
        out.setdefault(tag, []).append(record[at + 6 : at + 6 + length])
        at += 6 + length
    return out


def number(values, tag):
    return int.from_bytes(values[tag][0], "little") if tag in values else 0


def text(values, tag):
    return values[tag][0].decode() if tag in values else ""


class Error:
    def __init__(self, record):
        values = fields(record)
        self.code = CODES[number(values, 1)]
        self.message, self.hint = text(values, 2), text(values, 3)

    def __repr__(self):
        return f"{self.code}: {self.message} [{self.hint}]"


class Layer:
    def __init__(self, record):
        self.record = record
        values = fields(record)
        self.digest, self.media_type, self.diff_id = text(values, 1), text(values, 2), text(values, 4)
        self.size = number(values, 3)


class Image:
    """ImageClosed: the answer to FETCH and IMPORT."""

    def __init__(self, record):
        values = fields(record)
        self.record = record
        self.error = Error(values[1][0])
        self.reference, self.digest, self.config_digest = (text(values, tag) for tag in (16, 17, 18))
        self.layers = [Layer(layer) for layer in values.get(20, [])]
        self.source = text(values, 21)
        config = fields(values[19][0]) if 19 in values else {}
        self.labels = [item.decode() for item in config.get(9, [])]
        self.history = [fields(step) for step in config.get(10, [])]
        self.cmd = [item.decode() for item in config.get(4, [])]
        self.env = [item.decode() for item in config.get(5, [])]


class Loaded:
    """LoadClosed."""

    def __init__(self, record):
        values = fields(record)
        self.error = Error(values[1][0])
        self.images = [Image(image) for image in values.get(16, [])]


def fetch(reference, registries=(), platform=("", ""), made=""):
    """`platform` is (os, architecture), `made` the digest of an image whose disk is made."""
    record = u16(1, FETCH) + field(16, reference) + b"".join(field(17, entry) for entry in registries)
    return record + field(18, platform[1]) + field(19, platform[0]) + field(20, made)


def import_layout(reference="", platform=("", "")):
    return u16(1, IMPORT) + field(16, reference) + field(17, platform[1]) + field(18, platform[0])


def load(name="", platform=("", "")):
    return u16(1, LOAD) + field(16, name) + field(17, platform[1]) + field(18, platform[0])


def save(*images):
    """Each is (digest, media type, references)."""
    records = [
        field(1, digest) + field(2, media_type) + b"".join(field(3, reference) for reference in references)
        for digest, media_type, references in images
    ]
    return u16(1, SAVE) + b"".join(field(16, record) for record in records)


def convert(layers):
    return u16(1, CONVERT) + b"".join(field(16, layer.record) for layer in layers)


def blank(size, journal=False):
    return u16(1, BLANK) + u64(16, size) + u8(17, journal)


class Client:
    """One connection to a boxlite-image."""

    def __init__(self, connection):
        self.connection = connection
        connection.settimeout(DEADLINE)
        self.buffer = b""
        self.send(HELLO, 0, u16(1, 1) + u16(2, 1) + u8(5, 1) + field(6, "test"))
        assert self.receive()[:2] == (HELLO, 0)

    def send(self, kind, stream, payload=b""):
        self.connection.sendall(struct.pack("<IIBBH", len(payload), stream, kind, 0, 0) + payload)

    def receive(self):
        """(kind, stream, payload), or None at the connection's end."""
        while True:
            if len(self.buffer) >= 12:
                length, stream, kind, _, _ = struct.unpack_from("<IIBBH", self.buffer)
                if len(self.buffer) >= 12 + length:
                    payload, self.buffer = self.buffer[12 : 12 + length], self.buffer[12 + length :]
                    return kind, stream, payload
            piece = self.connection.recv(1 << 16)
            if not piece:
                return None
            self.buffer += piece

    def open(self, request, stream=1):
        self.send(OPEN, stream, request)

    def wait(self):
        """The record of the CLOSE; progress goes to `self.progress`, the image that was found to `self.found`."""
        self.progress, self.found = [], None
        while True:
            frame = self.receive()
            assert frame is not None, "the connection ended before its CLOSE"
            kind, _, payload = frame
            if kind == EVENT and number(values := fields(payload), 1) == PROGRESS:
                self.progress.append(tuple(number(values, tag) for tag in range(16, 21)))
            elif kind == EVENT:
                assert number(values, 1) == FOUND
                self.found = Image(values[16][0])
            elif kind == REFUSE:
                return field(1, payload)
            elif kind == CLOSE:
                return payload

    def close(self):
        self.connection.close()


class Job:
    """A running boxlite-image. `program` may be a list with arguments, `files` are paths or descriptors by number of
    the protocol; `prepare` is called in the child."""

    def __init__(self, program, directory, prepare=None, **files):
        self.socket_path = os.path.join(directory, "s")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket_path)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self.socket_path)
        listening.listen()
        ours, theirs = socket.socketpair()
        lock = os.open(os.path.join(directory, "lock"), os.O_CREAT | os.O_RDWR, 0o600)
        wanted = {3: theirs.fileno(), 4: listening.fileno(), 5: lock}
        opened = [lock]
        for name, target in (
            ("staging", 6),
            ("blobs", 7),
            ("output", 8),
            ("layout", 9),
            ("config", 10),
            ("environment", 11),
        ):
            path = files.get(name)
            if path is None:
                continue
            flags = os.O_CREAT | os.O_RDWR | os.O_TRUNC if name == "output" else os.O_RDONLY
            opened.append(os.dup(path) if isinstance(path, int) else os.open(path, flags, 0o600))
            wanted[target] = opened[-1]
        self.process = subprocess.Popen(
            program if isinstance(program, list) else [program],
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: self._place(wanted, prepare),
        )
        theirs.close()
        listening.close()
        for descriptor in opened:
            os.close(descriptor)
        self.client = Client(ours)

    @staticmethod
    def _place(wanted, prepare):
        if prepare is not None:
            prepare()
        # Out of the way first: a target may be another's source.
        high = {target: os.dup2(source, 100 + target, inheritable=True) for target, source in wanted.items()}
        os.closerange(3, 100)
        for target, source in high.items():
            os.dup2(source, target, inheritable=True)
            os.close(source)

    def attach(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.socket_path)
        return Client(connection)

    def run(self, request):
        self.client.open(request)
        record = self.client.wait()
        self.client.close()
        self.end()
        return record

    def end(self):
        _, self.stderr = self.process.communicate(timeout=DEADLINE)
        self.stderr = self.stderr.decode()
        return self.process.returncode


def sha256(data):
    return hashlib.sha256(data).hexdigest()
