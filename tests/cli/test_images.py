"""tag, history, rmi, load, save, prune and system, in a home directory of their own."""

import json
import os
import pty
import subprocess

import pytest
from conftest import IMAGE

BUSYBOX = "docker.io/library/busybox:latest"


@pytest.fixture
def images(command, registry, tmp_path):
    """Runs the command in a home that has busybox:latest and nothing else."""

    def run(*arguments, **options):
        options = {"text": True, "stdin": subprocess.DEVNULL, **options}
        return subprocess.run([command, "--home", str(tmp_path / "home"), *arguments], capture_output=True, **options)

    assert run("--registry", f"http://{registry}", "pull", IMAGE).returncode == 0
    return run


def references(images):
    return images("images", "-q").stdout.split()


def test_tag_and_rmi(images):
    assert images("tag", "busybox", "mine:1").returncode == 0
    assert references(images) == [BUSYBOX, "docker.io/library/mine:1"]
    assert images("run", "--rm", "--pull", "never", "mine:1", "echo", "x").stdout == "x\n"
    assert images("rmi", "busybox", "mine:1").stdout == "busybox\nmine:1\n"
    assert references(images) == []
    done = images("rmi", "busybox")
    assert (done.returncode, done.stdout) == (1, "")
    assert "busybox" in done.stderr
    done = images("run", "--rm", "--pull", "never", "busybox", "true")
    assert done.returncode == 125


def test_rmi_of_an_image_in_use_names_the_box(images):
    images("run", "--name", "user", IMAGE, "true")
    done = images("rmi", IMAGE)
    assert done.returncode == 1
    assert "user" in done.stderr
    images("rm", "user")
    assert images("rmi", IMAGE).returncode == 0


def test_inspect_of_an_image(images):
    image = json.loads(images("inspect", IMAGE).stdout)[0]
    assert image["references"] == [BUSYBOX]
    assert (image["os"], image["architecture"]) == ("linux", "amd64")
    assert len(image["layers"]) == 1
    assert image["size"] == image["layers"][0]["size"]
    assert image["unpacked_size"] > 0
    assert images("inspect", "--type", "box", IMAGE).returncode == 1
    digest = images("inspect", "--format", "{{.Digest}}", IMAGE).stdout.strip()
    assert json.loads(images("inspect", digest).stdout)[0]["digest"] == digest


def test_history(images):
    steps = json.loads(images("history", "--json", IMAGE).stdout)
    layers = json.loads(images("inspect", IMAGE).stdout)[0]["layers"]
    assert [step["layer"] for step in steps if step["layer"]] == [layers[0]["digest"]]
    assert images("history", IMAGE).stdout.startswith("CREATED")
    assert "nothing:here" in images("history", "nothing:here").stderr


@pytest.mark.parametrize("way", ["file", "pipe"])
def test_save_and_load(images, tmp_path, way):
    images("tag", IMAGE, "other:2")
    archive = tmp_path / "archive.tar"
    if way == "file":
        assert images("save", "-o", str(archive), IMAGE, "other:2").returncode == 0
    else:
        archive.write_bytes(images("save", IMAGE, "other:2", text=False).stdout)
    found = subprocess.run(["skopeo", "inspect", "--raw", f"oci-archive:{archive}:{BUSYBOX}"], capture_output=True)
    assert json.loads(found.stdout)["schemaVersion"] == 2
    images("rmi", IMAGE, "other:2")
    if way == "file":
        loaded = images("load", "-i", str(archive))
    else:
        loaded = images("load", text=False, stdin=None, input=archive.read_bytes())
        loaded.stdout = loaded.stdout.decode()
    assert sorted(loaded.stdout.split()) == [BUSYBOX, "docker.io/library/other:2"]
    assert images("run", "--rm", "--pull", "never", "other:2", "echo", "x").stdout == "x\n"


def test_save_that_fails_leaves_the_old_file(images, tmp_path):
    archive = tmp_path / "archive.tar"
    archive.write_text("old")
    done = images("save", "-o", str(archive), "nothing:here")
    assert done.returncode == 125
    assert "nothing:here" in done.stderr
    assert archive.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.tar", "home"]


def test_load_of_what_is_no_archive_says_so(images, tmp_path):
    file = tmp_path / "file"
    file.write_text("no archive")
    done = images("load", "-i", str(file))
    assert done.returncode == 125
    assert done.stdout == ""
    done = images("load", "-i", str(tmp_path / "missing"))
    assert (done.returncode, done.stderr) == (125, f"boxlite: {tmp_path}/missing: No such file or directory\n")


def test_prune_keeps_what_a_box_uses(images):
    images("run", "--name", "user", IMAGE, "true")
    assert images("images", "prune", "-a", "-f").returncode == 0
    assert references(images) == [BUSYBOX]
    images("rm", "-f", "user")
    done = images("images", "prune", "-a", "-f")
    assert done.stdout.splitlines()[0] == BUSYBOX
    assert done.stdout.splitlines()[-1].endswith(" are free again")
    assert references(images) == []


def test_system_prune_removes_boxes_that_do_not_run(images):
    images("run", "-d", "--name", "runs", IMAGE, "sleep", "1000")
    images("run", "--name", "over", IMAGE, "true")
    over = images("inspect", "--format", "{{.ID}}", "over").stdout.strip()
    assert images("system", "prune", "-f").stdout.splitlines()[0] == over
    assert images("ps", "-a", "--format", "{{.Name}}").stdout == "runs\n"
    assert references(images) == [BUSYBOX]
    images("rm", "-f", "runs")


def test_prune_asks_first(images, command, tmp_path):
    done = images("system", "prune")
    assert done.returncode == 1
    assert "--force" in done.stderr
    for answer, left in [(b"n\n", [BUSYBOX]), (b"\n", [BUSYBOX]), (b"y\n", [])]:
        child, terminal = pty.fork()
        if child == 0:
            os.execv(command, [command, "--home", str(tmp_path / "home"), "images", "prune", "-a"])
        os.write(terminal, answer)
        try:
            while os.read(terminal, 1024):
                pass
        except OSError:
            pass
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == (0 if not left else 1)
        assert references(images) == left


def test_system_df(images):
    rows = {row["type"]: row for row in json.loads(images("system", "df", "--json").stdout)}
    assert list(rows) == ["images", "root file systems", "boxes", "cache"]
    assert rows["images"]["total"] == 1
    assert rows["images"]["active"] == 0
    assert rows["images"]["reclaimable"] == rows["images"]["size"] > 0
    images("run", "--name", "user", IMAGE, "true")
    rows = {row["type"]: row for row in json.loads(images("system", "df", "--json").stdout)}
    assert rows["images"]["active"] == 1
    assert rows["boxes"]["total"] == 1
    assert images("system", "df").stdout.startswith("TYPE")
    images("rm", "user")
