"""A registry that serves one real image layout and misbehaves on request.

What docker-registry cannot be made to do: break off, lie, stall, redirect in circles, ask for a token. It
answers ranges of blobs, and an absolute URI in place of a path, as a proxy is asked.
"""

import hashlib
import http.server
import json
import threading
import urllib.parse

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def descriptor(blob, media_type):
    return {"mediaType": media_type, "digest": f"sha256:{hashlib.sha256(blob).hexdigest()}", "size": len(blob)}


class FaultyRegistry:
    def __init__(self, layout, tls=None):
        self.layout, self.tls = layout, tls  # an ssl.SSLContext, or none for plain http
        index = json.loads((layout / "index.json").read_text())
        self.entry = index["manifests"][0]
        self.manifest = (layout / "blobs/sha256" / self.entry["digest"].removeprefix("sha256:")).read_bytes()
        self.layers = json.loads(self.manifest)["layers"]
        self.fault = None  # called with (handler, kind) before the ordinary answer; True: it has answered
        self.requests = []
        self.released = threading.Event()  # ends a stall

    def __enter__(self):
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.answer(self)

            def do_POST(self):
                self.body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                registry.answer(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.url = f"{'https' if self.tls else 'http'}://{self.address}"
        if self.tls:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, handler):
        self.requests.append(handler.path)
        kind = "manifests" if "/manifests/" in handler.path else "blobs" if "/blobs/" in handler.path else "other"
        if self.fault is not None and self.fault(handler, kind):
            return
        body, media_type = self.find(handler.path)
        if body is None:
            send(handler, 404, b'{"errors": [{"code": "NAME_UNKNOWN", "message": "repository not known"}]}')
        elif (start := first_of_range(handler)) is not None and kind == "blobs":
            content_range = f"bytes {start}-{len(body) - 1}/{len(body)}"
            send(handler, 206, body[start:], {"Content-Type": media_type, "Content-Range": content_range})
        else:
            send(handler, 200, body, {"Content-Type": media_type})

    def find(self, path):
        parts = urllib.parse.urlsplit(path).path.split("/")
        if parts[1:3] != ["v2", "image"]:
            return None, None
        if parts[3] == "manifests" and parts[4] in ("latest", self.entry["digest"]):
            return self.manifest, "application/vnd.oci.image.manifest.v1+json"
        blob = self.layout / "blobs/sha256" / parts[4].removeprefix("sha256:")
        if parts[3] == "blobs" and blob.exists():
            return blob.read_bytes(), "application/octet-stream"
        return None, None

    def blob(self, index=0):
        return (self.layout / "blobs/sha256" / self.layers[index]["digest"].removeprefix("sha256:")).read_bytes()

    def is_layer(self, handler):
        return any(handler.path.endswith(layer["digest"]) for layer in self.layers)


def first_of_range(handler):
    value = handler.headers.get("Range")
    return int(value.removeprefix("bytes=").removesuffix("-")) if value else None


def send(handler, status, body, headers=None):
    handler.send_response(status)
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)
