import json
import os
import pathlib
import shutil
import ssl
import subprocess

import job
import pytest
from registry import FaultyRegistry

ROOT = pathlib.Path(__file__).resolve().parents[2]


def output(*command):
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture(scope="session")
def program():
    return os.environ["BOXLITE_IMAGE"]


@pytest.fixture(scope="session")
def layout(tmp_path_factory):
    """The OCI layout of a small real image; its tag is "latest"."""
    directory = tmp_path_factory.mktemp("layout") / "busybox"
    output(ROOT / "tests/images/make-busybox", "--output", directory)
    return directory


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """The address (host:port) of a real registry."""
    directory = tmp_path_factory.mktemp("registry")
    url = output(ROOT / "scripts/local-registry", "start", "--dir", directory)
    yield url.removeprefix("http://")
    output(ROOT / "scripts/local-registry", "stop", "--dir", directory)


@pytest.fixture(scope="session")
def push(registry):
    def push(layout, name, *options):
        output(
            "skopeo",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            *options,
            f"oci:{layout}",
            f"docker://{registry}/{name}",
        )

    return push


@pytest.fixture
def faulty(layout):
    """A registry that has the small image as `image:latest` and does wrong what the test asks it to."""
    with FaultyRegistry(layout) as server:
        yield server


class Authority:
    """A certificate authority of the test's own, and what a server at 127.0.0.1 shows that it signed."""

    def __init__(self, directory):
        self.certificate, self.directory = directory / "authority.crt", directory
        new_key = ["req", "-newkey", "rsa:2048", "-nodes"]
        self.openssl(*new_key, "-x509", "-subj", "/CN=test", "-keyout", "authority.key", "-out", "authority.crt")
        self.openssl(*new_key, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr")
        (directory / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        signing = ["-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial", "-extfile", "names"]
        self.openssl("x509", "-req", "-in", "server.csr", *signing, "-out", "server.crt")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)

    def context(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / "server.crt", self.directory / "server.key")
        return context


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


class Workplace:
    """A directory for jobs, as the store would have it."""

    def __init__(self, program, directory):
        self.program, self.directory = program, directory
        self.staging, self.store = directory / "staging", directory / "store"
        self.image = directory / "image.ext4"
        self.staging.mkdir()
        self.store.mkdir()

    def start(self, **files):
        return job.Job(self.program, self.directory, **files)

    def fetch(self, reference, registries=(), platform=("", ""), made="", **files):
        process = self.start_fetch(**files)
        return job.Image(process.run(job.fetch(reference, registries, platform, made)))

    def start_fetch(self, config=None, environment=None):
        """`config` is a path or what is to be in config.json, `environment` the user's variables."""
        if isinstance(config, dict):
            path = self.directory / "config.json"
            path.write_text(json.dumps(config))
            config = path
        if environment is not None:
            path = self.directory / "environment"
            path.write_bytes(b"".join(f"{name}={value}".encode() + b"\0" for name, value in environment.items()))
            environment = path
        return self.start(staging=self.staging, blobs=self.store, config=config, environment=environment)

    def import_layout(self, layout, reference="", platform=("", "")):
        process = self.start(staging=self.staging, blobs=self.store, layout=layout)
        return job.Image(process.run(job.import_layout(reference, platform)))

    def load(self, archive, name=""):
        """`archive` is a path or a descriptor."""
        process = self.start(staging=self.staging, blobs=self.store, layout=archive)
        return job.Loaded(process.run(job.load(name)))

    def save(self, output, *images):
        """`output` is a path or a descriptor."""
        process = self.start(blobs=self.store, output=output)
        return job.Error(job.fields(process.run(job.save(*images)))[1][0])

    def commit(self):
        """What the library does with the blobs of a job that went well."""
        for blob in (self.staging / "blobs/sha256").iterdir():
            blob.rename(self.store / blob.name)

    def convert(self, layers):
        process = self.start(blobs=self.store, output=self.image)
        return job.Error(job.fields(process.run(job.convert(layers)))[1][0])

    def blank(self, size, journal=False):
        process = self.start(output=self.image)
        return job.Error(job.fields(process.run(job.blank(size, journal)))[1][0])

    def staged(self):
        return sorted(path.name for path in (self.staging / "blobs/sha256").iterdir())


@pytest.fixture
def work(program, tmp_path):
    return Workplace(program, tmp_path)


@pytest.fixture(scope="session")
def platforms(layout, tmp_path_factory):
    """A layout whose image "multi" is an index of one real image and one said to be for another processor."""
    directory = tmp_path_factory.mktemp("platforms") / "multi"
    shutil.copytree(layout, directory)
    index = json.loads((directory / "index.json").read_text())
    entry = index["manifests"][0]
    manifests = [
        entry | {"platform": {"os": "linux", "architecture": "arm64"}, "annotations": {}},
        entry | {"platform": {"os": "linux", "architecture": "amd64"}, "annotations": {}},
    ]
    nested = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
    add_document(directory, nested, "multi")
    return directory


def copy_layout(layout, directory):
    """A copy to change: its folder of blobs, its index's first entry, and the manifest that it names."""
    shutil.copytree(layout, directory)
    blobs = directory / "blobs/sha256"
    entry = json.loads((directory / "index.json").read_text())["manifests"][0]
    return blobs, entry, json.loads((blobs / entry["digest"].removeprefix("sha256:")).read_text())


@pytest.fixture(scope="session")
def zstd_layout(layout, tmp_path_factory):
    """The small image with its layer compressed by zstd; its tag is "zstd"."""
    directory = tmp_path_factory.mktemp("zstd") / "busybox"
    blobs, entry, manifest = copy_layout(layout, directory)
    old = blobs / manifest["layers"][0]["digest"].removeprefix("sha256:")
    script = "gzip -dc < $1 | zstd -q"
    layer = subprocess.run(["sh", "-c", script, "sh", old], check=True, stdout=subprocess.PIPE).stdout
    digest = job.sha256(layer)
    (blobs / digest).write_bytes(layer)
    media_type = "application/vnd.oci.image.layer.v1.tar+zstd"
    manifest["layers"] = [{"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(layer)}]
    add_document(directory, {"mediaType": entry["mediaType"]} | manifest, "zstd")
    return directory


@pytest.fixture(scope="session")
def layers_layout(layout, tmp_path_factory):
    """The small image with a dozen more layers; its tag is "layers"."""
    directory = tmp_path_factory.mktemp("layers") / "busybox"
    blobs, entry, manifest = copy_layout(layout, directory)
    for number in range(12):
        name = f"layer{number}"
        tar = subprocess.run(
            ["sh", "-c", "echo $1 > $2/$1 && tar -C $2 -c $1", "sh", name, tmp_path_factory.mktemp(name)],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        (blobs / job.sha256(tar)).write_bytes(tar)
        media_type = "application/vnd.oci.image.layer.v1.tar"
        manifest["layers"].append({"mediaType": media_type, "digest": f"sha256:{job.sha256(tar)}", "size": len(tar)})
    config = json.loads((blobs / manifest["config"]["digest"].removeprefix("sha256:")).read_text())
    config["rootfs"]["diff_ids"] += [layer["digest"] for layer in manifest["layers"][-12:]]
    text = json.dumps(config).encode()
    (blobs / job.sha256(text)).write_bytes(text)
    manifest["config"] |= {"digest": f"sha256:{job.sha256(text)}", "size": len(text)}
    add_document(directory, {"mediaType": entry["mediaType"]} | manifest, "layers")
    return directory


def add_document(layout, document, name):
    """Puts a document into the layout as a blob and makes it the one image of index.json."""
    blob = json.dumps(document).encode()
    digest = job.sha256(blob)
    (layout / "blobs/sha256" / digest).write_bytes(blob)
    entry = {
        "mediaType": document["mediaType"],
        "digest": f"sha256:{digest}",
        "size": len(blob),
        "annotations": {"org.opencontainers.image.ref.name": name},
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
