"""IMPORT, CONVERT and BLANK, compared with what umoci and e2fsprogs say."""

import hashlib
import json
import os
import resource
import shutil
import stat
import subprocess

import job
import pytest


def e2fsck(image):
    done = subprocess.run(["e2fsck", "-fn", image], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0 and "? no" not in done.stdout, done.stdout


def unpack_with_umoci(layout, directory):
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    subprocess.run(["umoci", "raw", "unpack", *rootless, "--image", f"{layout}:latest", directory], check=True)


def unpack_image(image, directory):
    directory.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump / {directory}", image], check=True, capture_output=True)


def describe(root):
    """What debugfs unpacks of each file: kind, permissions without the upper three bits, owner, time, contents."""
    found = {}
    for directory, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(directory, name)
            info = os.lstat(path)
            entry = [stat.S_IFMT(info.st_mode), info.st_mode & 0o777, info.st_uid, info.st_gid]
            if stat.S_ISLNK(info.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    entry += [int(info.st_mtime), hashlib.sha256(file.read()).hexdigest()]
            found[os.path.relpath(path, root)] = entry
    return found


def test_image_holds_what_umoci_unpacks(work, layout, tmp_path):
    image = work.import_layout(layout)
    assert image.error.code == "ok" and image.reference == "latest"
    work.commit()
    assert work.convert(image.layers).code == "ok"
    e2fsck(work.image)
    unpack_with_umoci(layout, tmp_path / "umoci")
    unpack_image(work.image, tmp_path / "ours")
    expected, ours = describe(tmp_path / "umoci"), describe(tmp_path / "ours")
    assert len(ours) > 100
    assert ours == expected
    tmp = subprocess.run(["debugfs", "-R", "stat /tmp", work.image], check=True, capture_output=True, text=True)
    assert "Mode:  01777" in tmp.stdout


def test_same_layers_give_the_same_bytes(work, layout):
    image = work.import_layout(layout)
    work.commit()
    digests = set()
    for _ in range(2):
        assert work.convert(image.layers).code == "ok"
        digests.add(job.sha256(work.image.read_bytes()))
    assert len(digests) == 1


def test_conversion_stays_small(work, layout):
    image = work.import_layout(layout)
    work.commit()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert work.convert(image.layers).code == "ok"
    assert max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) < 64 * 1024


def test_import_picks_by_name_and_says_what_there_is(work, layout, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(layout, copy)
    subprocess.run(["umoci", "tag", "--image", f"{copy}:latest", "other"], check=True)
    assert work.import_layout(copy, "other").error.code == "ok"
    several = work.import_layout(copy).error
    assert several.code == "image" and "latest, other" in several.hint
    missing = work.import_layout(copy, "nope").error
    assert missing.code == "not_found" and "latest" in missing.hint and "other" in missing.hint


def test_import_takes_an_index_by_platform(work, platforms):
    assert work.import_layout(platforms, "multi").error.code == "ok"
    error = work.import_layout(platforms, "multi", ("linux", "riscv64")).error
    assert error.code == "image" and "linux/arm64" in error.message


def test_import_of_something_else_says_what_it_needs(work, tmp_path):
    error = work.import_layout(tmp_path).error
    assert error.code == "image" and "oci-layout" in error.message and error.hint


@pytest.mark.parametrize("what", ["config", "layer"])
@pytest.mark.parametrize("damage", ["missing", "changed", "short"])
def test_damaged_layout_is_an_image_error(work, layout, tmp_path, what, damage):
    copy = tmp_path / "copy"
    shutil.copytree(layout, copy)
    entry = json.loads((copy / "index.json").read_text())["manifests"][0]
    manifest = json.loads((copy / "blobs/sha256" / entry["digest"][7:]).read_text())
    descriptor = manifest["config"] if what == "config" else manifest["layers"][0]
    blob = copy / "blobs/sha256" / descriptor["digest"][7:]
    blob.chmod(0o600)
    contents = blob.read_bytes()
    if damage == "missing":
        blob.unlink()
    else:
        blob.write_bytes(contents[:-1] if damage == "short" else contents[:-1] + bytes([contents[-1] ^ 1]))
    error = work.import_layout(copy).error
    assert error.code == "image" and descriptor["digest"] in error.message


def test_blob_changed_after_it_was_stored_is_refused(work, layout):
    image = work.import_layout(layout)
    work.commit()
    blob = work.store / image.layers[0].digest[7:]
    blob.write_bytes(blob.read_bytes() + b"x")
    error = work.convert(image.layers)
    assert error.code == "image" and image.layers[0].digest in error.message


@pytest.mark.parametrize("journal", [False, True])
def test_blank_disk_is_sound_and_takes_no_room(work, journal):
    assert work.blank(8 << 30, journal).code == "ok"
    info = os.stat(work.image)
    assert info.st_size == 8 << 30
    assert info.st_blocks * 512 < 1 << 20
    e2fsck(work.image)
    features = subprocess.run(["dumpe2fs", "-h", work.image], check=True, capture_output=True, text=True).stdout
    assert ("has_journal" in features) == journal


@pytest.mark.parametrize("size", [8 << 20, 100 << 20, (128 << 20) + 12345, 2 << 40])
def test_blank_disk_of_any_size_is_sound(work, size):
    assert work.blank(size, True).code == "ok"
    assert os.stat(work.image).st_size == size // 4096 * 4096
    e2fsck(work.image)


@pytest.mark.parametrize("size", [0, 4096, 1 << 60])
def test_blank_disk_of_a_senseless_size_is_refused(work, size):
    error = work.blank(size)
    assert error.code == "invalid_argument" and error.hint
