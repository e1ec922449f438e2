"""The rows of bench/run that are about images: pulls, what skopeo and umoci take for the same, memory of the jobs."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import large_image
from common import ROOT, STAGE, WORK, output, timed

sys.path.insert(0, str(ROOT / "tests/image"))

import job

PROGRAM = STAGE / "libexec/boxlite/boxlite-image"
SLIM, LARGE = "library/python:slim", "library/large:latest"


def image(name):
    """LAYOUT:TAG of the image, as scripts/push-image takes it."""
    if name == LARGE:
        return f"{large_image.layout()}:latest"
    return output(ROOT / "scripts/make-image").strip() + ":slim"


@contextlib.contextmanager
def registry(name):
    """host:port of a registry that holds the image."""
    folder = WORK / "registry"
    script = ROOT / "scripts/local-registry"
    output(script, "start", "--dir", folder)
    try:
        address = output(script, "address", "--dir", folder).strip()
        output(ROOT / "scripts/push-image", image(name), f"{address}/{name}", stderr=subprocess.DEVNULL)
        yield address
    finally:
        output(script, "stop", "--dir", folder)


def pull_command(home, address, name):
    short = name.removeprefix("library/")
    return [STAGE / "bin/boxlite", "--home", home, "--registry", f"http://{address}", "pull", "--quiet", short]


def pull(runs, name):
    """Pull and convert, into an empty home directory."""
    result = []
    with registry(name) as address:
        for _ in range(runs):
            with tempfile.TemporaryDirectory(dir=WORK) as home:
                result.append(timed(*pull_command(home, address, name)))
    return result


def pull_cached(runs):
    """Milliseconds of `boxlite pull` where everything is there and the tag has not moved."""
    with registry(SLIM) as address, tempfile.TemporaryDirectory(dir=WORK) as home:
        command = pull_command(home, address, SLIM)
        output(*command)
        return [timed(*command) * 1000 for _ in range(runs)]


def skopeo_umoci(runs, name):
    """The same image with skopeo copy and umoci unpack, one after the other."""
    result = []
    policy = WORK / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}\n')
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    with registry(name) as address:
        for _ in range(runs):
            with tempfile.TemporaryDirectory(dir=WORK) as folder:
                copy = ["skopeo", "--policy", policy, "copy", "--src-tls-verify=false"]
                copy += [f"docker://{address}/{name}", f"oci:{folder}/oci:image"]
                unpack = ["umoci", "unpack", *rootless, "--image", f"{folder}/oci:image", f"{folder}/bundle"]
                result.append(timed(*copy) + timed(*unpack))
                shutil.rmtree(f"{folder}/bundle", ignore_errors=True)
    return result


def run_job(directory, request, **files):
    """The record that answers, and the peak of boxlite-image's memory in MiB."""
    peak = directory / "peak"
    process = job.Job([WORK / "peak", peak, PROGRAM], directory, **files)
    record = process.run(request)
    error = job.Error(job.fields(record)[1][0])
    if error.code != "ok" or process.process.returncode != 0:
        sys.exit(f"bench/run: {error} {process.stderr}")
    return record, int(peak.read_text()) / 1024


def fetch_large(address, directory):
    (directory / "staging").mkdir()
    request = job.fetch(f"{address}/{LARGE}", [f"http://{address}"])
    return run_job(directory, request, staging=directory / "staging")


def fetch_memory(runs):
    """Peaks of a fetch of the large image."""
    result = []
    with registry(LARGE) as address:
        for _ in range(runs):
            with tempfile.TemporaryDirectory(dir=WORK) as directory:
                result.append(fetch_large(address, pathlib.Path(directory))[1])
    return result


def convert_memory(runs):
    """Peaks of a conversion of the large image."""
    with registry(LARGE) as address, tempfile.TemporaryDirectory(dir=WORK) as name:
        directory = pathlib.Path(name)
        request = job.convert(job.Image(fetch_large(address, directory)[0]).layers)
        files = {"blobs": directory / "staging/blobs/sha256", "output": directory / "disk"}
        return [run_job(directory, request, **files)[1] for _ in range(runs)]
