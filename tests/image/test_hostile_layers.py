"""Layers that nobody should write, and what is made of each: a sound file system, the one that umoci unpacks where that
is defined, or an error that names the layer and the entry."""

import io
import json
import os
import subprocess
import tarfile
import time

import job
import pytest
from test_convert import describe, e2fsck, unpack_image

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


def entry(name, contents=b"", **fields):
    """A TarInfo and its contents; `fields` are TarInfo's."""
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.mtime = 0o644, len(contents), 1000000000
    for key, value in fields.items():
        setattr(info, key, value)
    return info, contents


def folder(name):
    return entry(name, type=tarfile.DIRTYPE, mode=0o755)


def symlink(name, target):
    return entry(name, type=tarfile.SYMTYPE, linkname=target)


def hardlink(name, target):
    return entry(name, type=tarfile.LNKTYPE, linkname=target)


def layer(*entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as tar:
        for info, contents in entries:
            tar.addfile(info, io.BytesIO(contents))
    return out.getvalue()


class StoredLayer:
    """A layer that is in the store, as CONVERT is told of it."""

    def __init__(self, work, contents, unpacked=None):
        self.digest = f"sha256:{job.sha256(contents)}"
        (work.store / job.sha256(contents)).write_bytes(contents)
        diff_id = f"sha256:{job.sha256(unpacked or contents)}"
        size = job.u64(3, len(contents))
        self.record = job.field(1, self.digest) + job.field(2, LAYER_TYPE) + size + job.field(4, diff_id)


def convert(work, *layers):
    error = work.convert([StoredLayer(work, contents) for contents in layers])
    if error.code == "ok":
        e2fsck(work.image)
    return error


def unpacked(work, directory):
    unpack_image(work.image, directory)
    return {path: found[0] == 0o040000 for path, found in describe(directory).items() if path != "lost+found"}


def umoci(layers, directory):
    """What umoci unpacks of these layers."""
    blobs = directory / "layout/blobs/sha256"
    blobs.mkdir(parents=True)

    def put(contents, media_type):
        digest = job.sha256(contents)
        (blobs / digest).write_bytes(contents)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(contents)}

    descriptors = [put(contents, LAYER_TYPE) for contents in layers]
    diff_ids = [descriptor["digest"] for descriptor in descriptors]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    manifest = {"schemaVersion": 2, "layers": descriptors}
    manifest["config"] = put(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json")
    top = put(json.dumps(manifest).encode(), "application/vnd.oci.image.manifest.v1+json")
    top["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
    (directory / "layout/oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (directory / "layout/index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    image, target = f"{directory / 'layout'}:latest", directory / "umoci"
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    subprocess.run(["umoci", "raw", "unpack", *rootless, "--image", image, target], check=True)
    return describe(target)


SAME_AS_UMOCI = {
    "an absolute name": [[entry("/absolute", b"3")]],
    "a parent that is a link out": [
        [symlink("out", "/etc"), folder("etc"), entry("out/passwd", b"inside")],
        [symlink("up", "../../../.."), entry("up/top", b"inside")],
    ],
    "a link out in a lower layer": [[symlink("out", "/tmp")], [entry("out/file", b"inside")]],
    "a hard link through a link": [[folder("d"), entry("d/f", b"1"), symlink("l", "d"), hardlink("h", "l/f")]],
    "one name twice": [[entry("f", b"first"), entry("f", b"second"), folder("f2"), entry("f2/x", b"1"), folder("f2")]],
    "children before their folder": [[entry("a/b/c", b"1"), folder("a/b"), folder("a")]],
    "a file over a folder": [[folder("d"), entry("d/x", b"1")], [entry("d", b"file")]],
    "a folder over a file": [[entry("d", b"file")], [folder("d"), entry("d/x", b"1")]],
    "a link over a full folder": [[folder("d"), entry("d/x", b"1")], [symlink("d", "elsewhere")]],
    "a whiteout of a folder that is filled again": [
        [folder("d"), entry("d/old", b"1"), entry("d/kept", b"1")],
        [entry(".wh.d")],
        [folder("d"), entry("d/new", b"2")],
    ],
    "an opaque folder": [
        [folder("d"), entry("d/old", b"1"), folder("d/sub"), entry("d/sub/x", b"1")],
        [folder("d"), entry("d/.wh..wh..opq"), entry("d/new", b"2")],
    ],
    "a whiteout of what is not there": [[entry(".wh.nothing"), entry("f", b"1")]],
    "names that are no UTF-8": [[entry("caf\udce9\udcff", b"1"), folder("\udc80"), entry("\udc80/x", b"2")]],
    "names that differ in case": [[entry("Readme", b"1"), entry("README", b"2"), entry("readme", b"3")]],
    "names with controls in them": [[entry("new\nline", b"1"), entry("tab\t", b"2"), entry("\x1b[31m", b"3")]],
    "many slashes and dots": [[entry(".//a//./b", b"1"), entry("a/././c", b"2")]],
}


@pytest.mark.parametrize("what", SAME_AS_UMOCI)
def test_a_hostile_layer_gives_what_umoci_unpacks(work, tmp_path, what):
    layers = [layer(*entries) for entries in SAME_AS_UMOCI[what]]
    error = convert(work, *layers)
    assert error.code == "ok", error
    unpack_image(work.image, tmp_path / "ours")
    ours = describe(tmp_path / "ours")
    ours.pop("lost+found", None)

    def plain(found):
        # umoci gives missing parents the time of the unpacking: kind, permissions and contents count.
        return {path: [*entry[:2], entry[-1] if entry[0] != 0o040000 else None] for path, entry in found.items()}

    assert plain(ours) == plain(umoci(layers, tmp_path))


def pax(name, **headers):
    info, contents = entry(name)
    info.pax_headers = headers
    return info, contents


def lying(size):
    """A tar whose only entry says that it has `size` bytes, and has none."""
    info = tarfile.TarInfo("liar")
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


REFUSED = {
    "a name that leaves": (layer(entry("../../escaped", b"1")), "../../escaped"),
    "a name that leaves in the middle": (layer(folder("a"), entry("a/../../also", b"1")), "a/../../also"),
    "a hard link to the outside": (layer(hardlink("h", "/etc/passwd")), "h"),
    "a hard link that leaves": (layer(hardlink("h", "../../etc/passwd")), "h"),
    "a hard link to a folder": (layer(folder("d"), hardlink("h", "d")), "h"),
    "a size that lies": (lying(1 << 20), "damaged"),
    "a size beyond the limit": (lying(1 << 50), "liar"),
    "a name of 256 bytes": (layer(entry("n" * 256, b"1")), "nnn"),
    "a path of 5000 bytes": (layer(entry("/".join(["d" * 100] * 50), b"1")), "ddd"),
    "a link of 4096 bytes": (layer(symlink("l", "t" * 4096)), "l"),
    "an attribute of 64 kB": (layer(pax("x", **{"SCHILY.xattr.user.big": "v" * 65536})), "x"),
    "200 attributes": (layer(pax("x", **{f"SCHILY.xattr.user.a{n}": "v" for n in range(200)})), "x"),
    "an attribute with a long name": (layer(pax("x", **{"SCHILY.xattr.user." + "n" * 300: "v"})), "x"),
    "a device number out of range": (layer(entry("dev", type=tarfile.CHRTYPE, devmajor=5000, devminor=1)), "dev"),
    "links in a circle as a parent": (layer(symlink("a", "b"), symlink("b", "a"), entry("a/x", b"1")), "a/x"),
    "a whiteout of nothing": (layer(entry(".wh.", b"")), ".wh."),
    "a whiteout that leaves": (layer(entry("d/.wh...", b"")), ".wh..."),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_layer_beyond_the_rules_is_refused_by_name(work, what):
    contents, named = REFUSED[what]
    stored = StoredLayer(work, contents)
    error = convert(work, contents)
    assert error.code == "image", error
    assert f"layer 1 of 1 ({stored.digest})" in error.message and named in error.message, error


def test_device_nodes_are_kept_but_for_overlays(work):
    devices = [entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), entry("fifo", type=tarfile.FIFOTYPE)]
    devices += [entry("disk", type=tarfile.BLKTYPE, devmajor=8, devminor=1), entry("wh", type=tarfile.CHRTYPE)]
    assert convert(work, layer(*devices)).code == "ok"
    listing = subprocess.run(
        ["debugfs", "-R", "ls -l /", work.image], check=True, capture_output=True, text=True
    ).stdout
    kinds = {line.split()[-1]: line.split()[1] for line in listing.splitlines() if len(line.split()) > 7}
    assert (kinds["null"][:2], kinds["disk"][:2], kinds["fifo"][:2]) == ("20", "60", "10")
    assert "wh" not in kinds


def test_an_attribute_of_ours_does_not_reach_the_overlay(work):
    hostile = {"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.kept": "1"}
    assert convert(work, layer(pax("x", **hostile))).code == "ok"
    listed = subprocess.run(
        ["debugfs", "-R", "ea_list /x", work.image], check=True, capture_output=True, text=True
    ).stdout
    assert "user.kept" in listed and "overlay" not in listed


def test_a_zstd_window_beyond_the_limit_is_refused(work, tmp_path):
    plain = layer(entry("f", os.urandom(1 << 20)))
    command = ["zstd", "-q", "-c", "--ultra", "-22", "--long=24"]
    # Through a pipe, so that the frame cannot know its size and shrink its window.
    contents = subprocess.run(command, check=True, input=plain, stdout=subprocess.PIPE).stdout
    stored = StoredLayer(work, contents, plain)
    error = work.convert([stored])
    assert error.code == "image" and "window larger than 8 MiB" in error.message, error
    assert "zstd_window_mib" in error.hint and stored.digest in error.message
    config = tmp_path / "config.json"
    config.write_text('{"zstd_window_mib": 16}')
    process = work.start(blobs=work.store, output=work.image, config=config)
    assert job.Error(job.fields(process.run(job.convert([stored])))[1][0]).code == "ok"
    e2fsck(work.image)


def test_a_hundred_thousand_names_in_one_folder(work):
    contents = layer(folder("many"), *(entry(f"many/{number:06}") for number in range(100_000)))
    stored = StoredLayer(work, contents)
    begin = time.monotonic()
    assert work.convert([stored]).code == "ok"
    print(f"100000 entries in one directory: {time.monotonic() - begin:.1f} s")
    e2fsck(work.image)
    listed = subprocess.run(
        ["debugfs", "-R", "stat /many/099999", work.image], check=True, capture_output=True, text=True
    )
    assert "regular" in listed.stdout


def test_a_full_disk_ends_a_conversion_and_the_next_one_works(work):
    import resource

    stored = StoredLayer(work, layer(entry("f", os.urandom(1 << 20))))
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))  # noqa: E731
    process = work.start(blobs=work.store, output=work.image, prepare=limit)
    error = job.Error(job.fields(process.run(job.convert([stored])))[1][0])
    assert error.code in ("storage", "resource_exhausted"), error
    assert work.convert([stored]).code == "ok"
    e2fsck(work.image)
