"""The image of the rows *-large: an OCI layout of 1 GB in ten layers, always with the same files.

A layer is like one of a distribution: 100 MB in 3 000 small files, a hundred of 200 kB and six of some 10 MB. Every
other file is words, which compress to a third, the rest is noise, which does not. A layer above the first also replaces
files of the one below it, and hides some. Layers are compressed by gzip.
"""

import gzip
import hashlib
import io
import json
import multiprocessing
import os
import pathlib
import random
import shutil
import tarfile

from common import WORK

LAYERS, LAYER_BYTES = 10, 100_000_000
SMALL, SMALL_MEDIAN, SMALL_SPREAD = 3000, 3000, 1.1  # a log-normal distribution
MEDIUM, MEDIUM_BYTES = 100, 200_000
LARGE = 6  # which share what the others leave
REPLACED, HIDDEN = 20, 10  # of the layer below
IN_FOLDER = 50
MEDIA_TYPE = "application/vnd.oci.image."


class Content:
    """Endless words and endless noise, a new piece for each file."""

    def __init__(self, source):
        self.source = source
        words = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 12))) for _ in range(4096)]
        self.text = " ".join(source.choices(words, k=400_000)).encode()

    def words(self, size):
        start = self.source.randrange(len(self.text))
        piece = self.text[start : start + size]
        while len(piece) < size:
            piece += self.text[: size - len(piece)]
        return piece

    def noise(self, size):
        return self.source.randbytes(size)


def sizes(source):
    small = [min(int(source.lognormvariate(0, SMALL_SPREAD) * SMALL_MEDIAN), MEDIUM_BYTES) for _ in range(SMALL)]
    rest = LAYER_BYTES - sum(small) - MEDIUM * MEDIUM_BYTES
    return small + [MEDIUM_BYTES] * MEDIUM + [rest // LARGE] * LARGE


def name_of(layer, number):
    return f"usr/lib/part{layer}/{number // IN_FOLDER:03}/file{number:05}"


def entries(layer):
    """(name, contents) of every file of the layer."""
    source = random.Random(layer)
    content = Content(source)
    for number, size in enumerate(sizes(source)):
        yield name_of(layer, number), (content.words if number % 2 else content.noise)(size)
    if layer == 0:
        return
    for number in range(REPLACED):
        yield name_of(layer - 1, number), content.words(SMALL_MEDIAN)
    for number in range(REPLACED, REPLACED + HIDDEN):
        folder, _, name = name_of(layer - 1, number).rpartition("/")
        yield f"{folder}/.wh.{name}", b""


class Hashed:
    """A file that is hashed as it is written."""

    def __init__(self, file):
        self.file, self.hash, self.size = file, hashlib.sha256(), 0

    def write(self, data):
        self.hash.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self):
        self.file.flush()


def descriptor(kind, sha256, size):
    return {"mediaType": MEDIA_TYPE + kind, "digest": f"sha256:{sha256}", "size": size}


def write_layer(blobs, layer):
    """The layer's descriptor and its diff id."""
    path = blobs / f"layer{layer}"
    with open(path, "wb") as file:
        packed = Hashed(file)
        with gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0, compresslevel=6) as zipped:
            plain = Hashed(zipped)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for name, contents in entries(layer):
                    info = tarfile.TarInfo(name)
                    info.size, info.mtime = len(contents), 1_700_000_000
                    tar.addfile(info, io.BytesIO(contents))
    path.rename(blobs / packed.hash.hexdigest())
    return descriptor("layer.v1.tar+gzip", packed.hash.hexdigest(), packed.size), plain.hash.hexdigest()


def write_document(blobs, kind, document):
    text = json.dumps(document).encode()
    sha256 = hashlib.sha256(text).hexdigest()
    (blobs / sha256).write_bytes(text)
    return descriptor(kind, sha256, len(text))


def make(directory):
    blobs = directory / "blobs/sha256"
    blobs.mkdir(parents=True)
    with multiprocessing.Pool(os.cpu_count()) as pool:
        layers = pool.starmap(write_layer, [(blobs, layer) for layer in range(LAYERS)], chunksize=1)
    diff_ids = [f"sha256:{diff_id}" for _, diff_id in layers]
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE + "manifest.v1+json",
        "config": write_document(blobs, "config.v1+json", config),
        "layers": [layer for layer, _ in layers],
    }
    top = write_document(blobs, "manifest.v1+json", manifest)
    top["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))


def layout():
    """The layout's directory; it is made where it is not there. Its tag is "latest"."""
    version = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:16]
    directory = WORK / f"large-image-{version}"
    if not directory.exists():
        unfinished = WORK / "large-image.tmp"
        shutil.rmtree(unfinished, ignore_errors=True)
        make(unfinished)
        unfinished.rename(directory)
    return directory
