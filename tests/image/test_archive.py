"""LOAD, SAVE, and IMPORT from a file: archives that skopeo writes and reads, and archives that nobody should write."""

import contextlib
import errno
import io
import json
import os
import resource
import subprocess
import tarfile
import threading

import job
import pytest
from test_convert import describe, e2fsck, unpack_image, unpack_with_umoci

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
NAME = "docker.io/library/busybox:1.0"


def skopeo(*arguments):
    return subprocess.run(
        ["skopeo", "--insecure-policy", *map(str, arguments)], check=True, stdout=subprocess.PIPE
    ).stdout


@pytest.fixture(scope="session")
def archives(layout, tmp_path_factory):
    """The small image as an archive of each form, named busybox:1.0."""
    directory = tmp_path_factory.mktemp("archives")
    made = {}
    for form in ("docker-archive", "oci-archive"):
        made[form] = directory / f"{form}.tar"
        skopeo("copy", "--quiet", f"oci:{layout}:latest", f"{form}:{made[form]}:busybox:1.0")
    made["nameless"] = directory / "nameless.tar"
    skopeo("copy", "--quiet", f"oci:{layout}:latest", f"oci-archive:{made['nameless']}")
    for program, suffix in (("gzip", "gz"), ("zstd", "zst")):
        made[suffix] = directory / f"docker.tar.{suffix}"
        with open(made["docker-archive"], "rb") as source, open(made[suffix], "wb") as target:
            subprocess.run([program, "-q", "-c"], check=True, stdin=source, stdout=target)
    return made


def tar_of(*members):
    """A tar of (name, bytes) and of whole TarInfos."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            tar.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def docker_archive(layer, diff_id=None, tags=("a:1",), **changes):
    """A minimal archive as old versions of docker wrote it."""
    config = {"architecture": "amd64", "os": "linux", "config": {}}
    config["rootfs"] = {"type": "layers", "diff_ids": [diff_id or f"sha256:{job.sha256(layer)}"]}
    manifest = [{"Config": "config.json", "RepoTags": list(tags), "Layers": ["layer.tar"]} | changes]
    members = [("config.json", json.dumps(config).encode()), ("layer.tar", layer)]
    return [*members, ("manifest.json", json.dumps(manifest).encode())]


def put(directory, members, name="archive.tar"):
    path = directory / name
    path.write_bytes(tar_of(*members))
    return path


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "gz", "zst"])
def test_load_takes_what_skopeo_writes(work, archives, layout, tmp_path, form):
    loaded = work.load(archives[form])
    assert loaded.error.code == "ok", loaded.error
    (image,) = loaded.images
    assert (image.reference, image.source) == (NAME, "archive")
    assert "IMAGE=busybox" in image.env
    blobs = {name.split(":")[1] for name in (image.digest, image.config_digest, *(at.digest for at in image.layers))}
    assert set(work.staged()) == blobs, "what no image needs does not stay"
    work.commit()
    assert work.convert(image.layers).code == "ok"
    e2fsck(work.image)
    unpack_with_umoci(layout, tmp_path / "umoci")
    unpack_image(work.image, tmp_path / "ours")
    assert describe(tmp_path / "ours") == describe(tmp_path / "umoci")


def test_load_reads_a_pipe_that_does_not_block(work, archives):
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def feed():
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(archives["gz"].read_bytes())

    thread = threading.Thread(target=feed)
    thread.start()
    loaded = work.load(reader)
    thread.join()
    os.close(reader)
    assert loaded.error.code == "ok" and loaded.images[0].reference == NAME


def test_load_keeps_the_digest_of_an_oci_archive(work, archives):
    raw = skopeo("inspect", "--raw", f"oci-archive:{archives['oci-archive']}")
    assert work.load(archives["oci-archive"]).images[0].digest == f"sha256:{job.sha256(raw)}"


def test_load_asks_for_a_name_where_there_is_none(work, archives):
    error = work.load(archives["nameless"]).error
    assert error.code == "invalid_argument" and "name" in error.message and error.hint
    assert work.load(archives["nameless"], "docker.io/library/x:1").images[0].reference == "docker.io/library/x:1"


def test_load_takes_several_images_and_tags(work, tmp_path):
    one, two = tar_of(("one", b"1")), tar_of(("two", b"2"))
    members = docker_archive(one, tags=["a:1", "b"])
    config = json.loads(members[0][1])
    config["rootfs"]["diff_ids"] = [f"sha256:{job.sha256(two)}"]
    manifest = json.loads(members[2][1])
    manifest.append({"Config": "second.json", "RepoTags": ["c:2"], "Layers": ["two/layer.tar"]})
    # As docker wrote a layer that it had before: a link to it.
    folder = "f" * 64
    manifest[1]["Layers"] = [f"{folder}/layer.tar"]
    members[2] = ("manifest.json", json.dumps(manifest).encode())
    members += [
        ("second.json", json.dumps(config).encode()),
        ("two.tar", two),
        link(f"{folder}/layer.tar", "../two.tar"),
    ]
    loaded = work.load(put(tmp_path, members))
    assert loaded.error.code == "ok", loaded.error
    names = [image.reference.removeprefix("docker.io/library/") for image in loaded.images]
    assert names == ["a:1", "b:latest", "c:2"]


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
@pytest.mark.parametrize("reading", ["docker-archive", "oci-archive"])
def test_save_writes_what_skopeo_reads(work, archives, tmp_path, form, reading):
    image = work.load(archives[form]).images[0]
    work.commit()
    saved = tmp_path / "saved.tar"
    assert work.save(saved, (image.digest, MANIFEST_TYPE, [NAME])).code == "ok"
    config = json.loads(skopeo("inspect", "--config", f"{reading}:{saved}"))
    assert "IMAGE=busybox" in config["config"]["Env"]
    skopeo("copy", "--quiet", f"{reading}:{saved}", f"dir:{tmp_path / 'copied'}")
    if reading == "oci-archive":
        manifest = json.loads((tmp_path / "copied/manifest.json").read_text())
        assert manifest["config"]["digest"] == image.config_digest


def test_save_of_several_images_loads_again(work, archives, tmp_path):
    first = work.load(archives["oci-archive"]).images[0]
    work.commit()
    second = work.load(put(tmp_path, docker_archive(tar_of(("x", b"y"))))).images[0]
    work.commit()
    saved = tmp_path / "saved.tar"
    names = ["docker.io/library/a:1", "docker.io/library/a:2"]
    images = (first.digest, MANIFEST_TYPE, [NAME]), (second.digest, MANIFEST_TYPE, names)
    assert work.save(saved, *images).code == "ok"
    loaded = work.load(saved)
    assert loaded.error.code == "ok", loaded.error
    assert {(at.reference, at.digest) for at in loaded.images} == {
        (NAME, first.digest),
        *((name, second.digest) for name in names),
    }
    again = tmp_path / "again.tar"
    assert work.save(again, *images).code == "ok"
    assert again.read_bytes() == saved.read_bytes(), "the same images, the same bytes"


def test_save_to_a_pipe_whose_reader_goes_is_a_storage_error(work, archives):
    image = work.load(archives["oci-archive"]).images[0]
    work.commit()
    reader, writer = os.pipe()
    os.close(reader)
    error = work.save(writer, (image.digest, MANIFEST_TYPE, [NAME]))
    os.close(writer)
    assert error.code == "storage" and "reader" in error.hint


def test_save_of_a_damaged_blob_names_it(work, archives, tmp_path):
    image = work.load(archives["oci-archive"]).images[0]
    work.commit()
    blob = work.store / image.layers[0].digest.removeprefix("sha256:")
    contents = blob.read_bytes()
    blob.write_bytes(contents[:-1] + bytes([contents[-1] ^ 1]))
    error = work.save(tmp_path / "saved.tar", (image.digest, MANIFEST_TYPE, [NAME]))
    assert error.code == "image" and image.layers[0].digest in error.message


def test_a_full_disk_ends_a_save_and_leaves_the_store(work, archives, tmp_path):
    image = work.load(archives["oci-archive"]).images[0]
    work.commit()
    before = sorted(os.listdir(work.store))
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))  # noqa: E731
    process = work.start(blobs=work.store, output=tmp_path / "saved.tar", prepare=small)
    error = job.Error(job.fields(process.run(job.save((image.digest, MANIFEST_TYPE, [NAME]))))[1][0])
    assert error.code in ("storage", "resource_exhausted"), error
    assert sorted(os.listdir(work.store)) == before
    assert work.save(tmp_path / "saved.tar", (image.digest, MANIFEST_TYPE, [NAME])).code == "ok"


def test_a_full_disk_ends_a_load_and_the_next_one_works(work, archives):
    small = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))  # noqa: E731
    process = work.start(staging=work.staging, blobs=work.store, layout=archives["docker-archive"], prepare=small)
    error = job.Loaded(process.run(job.load())).error
    assert error.code in ("storage", "resource_exhausted"), error
    assert os.strerror(errno.EFBIG) in error.message
    assert work.load(archives["docker-archive"]).error.code == "ok"


# ---- archives that nobody should write

LAYER = tar_of(("file", b"contents"))

BAD = {
    "not a tar": (b"this is no archive" * 100, "damaged"),
    "an empty file": (b"", "names no image"),
    "a plain root file system": (tar_of(("bin/sh", b"#!")), "bin/sh"),
    "a name that leaves": (tar_of(("../../etc/passwd", b"x")), "etc/passwd"),
    "no manifest": (tar_of(("layer.tar", LAYER)), "names no image"),
    "a manifest that is no JSON": (tar_of(("manifest.json", b"[")), "manifest.json"),
    "a manifest of another kind": (tar_of(("manifest.json", b'{"Config": 1}')), "manifest.json"),
    "a config that is missing": (tar_of(*docker_archive(LAYER)[1:]), "config.json"),
    "a layer that is missing": (tar_of(*docker_archive(LAYER, Layers=["other.tar"])), "other.tar"),
    "a layer that is another": (tar_of(*docker_archive(LAYER, diff_id="sha256:" + "0" * 64)), "sha256:" + "0" * 64),
    "links in a circle": (
        tar_of(*docker_archive(LAYER, Layers=["a.tar"]), link("a.tar", "b.tar"), link("b.tar", "a.tar")),
        "a.tar",
    ),
    "a link to the host": (
        tar_of(*docker_archive(LAYER, Layers=["a.tar"]), link("a.tar", "/etc/passwd", tarfile.LNKTYPE)),
        "a.tar",
    ),
    "a blob that the index alone has": (
        tar_of(
            ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'),
            (
                "index.json",
                json.dumps(
                    {
                        "schemaVersion": 2,
                        "manifests": [{"mediaType": MANIFEST_TYPE, "digest": "sha256:" + "1" * 64, "size": 3}],
                    }
                ).encode(),
            ),
        ),
        "sha256:" + "1" * 64,
    ),
    "a member that is cut off": (tar_of(*docker_archive(LAYER))[:2000], "damaged"),
}


@pytest.mark.parametrize("what", BAD)
def test_load_of_a_bad_archive_is_an_image_error_that_names_it(work, tmp_path, what):
    contents, named = BAD[what]
    path = tmp_path / "bad.tar"
    path.write_bytes(contents)
    error = work.load(path).error
    assert error.code == "image" and named in error.message, error


# ---- IMPORT from a file


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "nameless"])
def test_import_of_an_archive_gives_its_image(work, archives, form):
    image = work.import_layout(archives[form])
    assert image.error.code == "ok" and "IMAGE=busybox" in image.env, image.error
    work.commit()
    assert work.convert(image.layers).code == "ok"
    e2fsck(work.image)


@pytest.mark.parametrize("compress", [None, ["gzip", "-c"], ["zstd", "-q", "-c"]])
def test_import_of_a_plain_tar_makes_one_layer_of_it(work, tmp_path, compress):
    contents = tar_of(("./etc/hostname", b"plain\n"), ("./bin/sh", b"#!"))
    if compress:
        contents = subprocess.run(compress, check=True, input=contents, stdout=subprocess.PIPE).stdout
    path = tmp_path / "rootfs.tar"
    path.write_bytes(contents)
    image = work.import_layout(path)
    assert image.error.code == "ok", image.error
    assert [layer.digest for layer in image.layers] == [f"sha256:{job.sha256(contents)}"]
    work.commit()
    assert work.convert(image.layers).code == "ok"
    e2fsck(work.image)
    unpack_image(work.image, tmp_path / "ours")
    assert (tmp_path / "ours/etc/hostname").read_text() == "plain\n"
    assert work.import_layout(path).digest == image.digest, "the same tar, the same image"


def test_import_of_an_archive_with_several_images_names_them(work, tmp_path):
    members = docker_archive(LAYER, tags=["a:1"])
    manifest = json.loads(members[2][1])
    members[2] = ("manifest.json", json.dumps([*manifest, manifest[0] | {"RepoTags": ["b:2"]}]).encode())
    error = work.import_layout(put(tmp_path, members)).error
    assert error.code == "image" and "docker.io/library/a:1" in error.hint and "b:2" in error.hint


def test_killed_load_leaves_the_store_and_the_next_one_works(work, archives):
    reader, writer = os.pipe()
    process = work.start(staging=work.staging, blobs=work.store, layout=reader)
    process.client.open(job.load())
    contents = archives["docker-archive"].read_bytes()
    os.write(writer, contents[: 32 * 1024])
    process.process.kill()
    process.process.wait()
    with contextlib.suppress(BrokenPipeError):
        os.close(writer)
    os.close(reader)
    assert not list(work.store.iterdir())
    assert work.load(archives["docker-archive"]).error.code == "ok"
