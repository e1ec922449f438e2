"""cp and top."""

import bz2
import gzip
import io
import json
import lzma
import os
import subprocess
import tarfile

import pytest
from conftest import IMAGE


@pytest.fixture
def box(boxlite):
    started = boxlite("run", "-d", "--name", "copies", IMAGE, "sleep", "1000")
    assert started.returncode == 0, started.stderr
    yield "copies"
    boxlite("rm", "-f", "copies")


def inside(boxlite, *command):
    return boxlite("exec", "copies", *command).stdout


def test_files_in_and_out(boxlite, box, tmp_path):
    (tmp_path / "file").write_text("content")
    (tmp_path / "file").chmod(0o640)
    assert boxlite("cp", str(tmp_path / "file"), "copies:/tmp/new").returncode == 0
    assert inside(boxlite, "cat", "/tmp/new") == "content"
    assert inside(boxlite, "stat", "-c", "%a", "/tmp/new") == "640\n"
    assert boxlite("cp", str(tmp_path / "file"), "copies:tmp").returncode == 0
    assert inside(boxlite, "cat", "/tmp/file") == "content"
    assert boxlite("cp", "copies:/tmp/new", str(tmp_path)).returncode == 0
    assert (tmp_path / "new").read_text() == "content"


def test_directories(boxlite, box, tmp_path):
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "file").write_text("x")
    (tree / "link").symlink_to("sub/file")
    assert boxlite("cp", str(tree), "copies:/srv").returncode == 0
    assert inside(boxlite, "readlink", "/srv/link") == "sub/file\n"
    assert boxlite("cp", str(tree), "copies:/srv").returncode == 0
    assert inside(boxlite, "cat", "/srv/tree/sub/file") == "x"
    assert boxlite("cp", f"{tree}/.", "copies:/tmp").returncode == 0
    assert inside(boxlite, "cat", "/tmp/sub/file") == "x"
    assert boxlite("cp", "copies:/srv/.", str(tmp_path / "out")).returncode == 0
    assert (tmp_path / "out" / "tree" / "sub" / "file").read_text() == "x"
    assert os.readlink(tmp_path / "out" / "link") == "sub/file"


def test_archives_on_the_standard_streams(boxlite, box):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        member = tarfile.TarInfo("dir/file")
        content = os.urandom(3_000_000)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    done = boxlite("cp", "-", "copies:/tmp", input=data.getvalue(), text=False)
    assert done.returncode == 0, done.stderr
    taken = boxlite("cp", "copies:/tmp/dir", "-", text=False)
    assert taken.returncode == 0
    with tarfile.open(fileobj=io.BytesIO(taken.stdout)) as archive:
        assert archive.extractfile("dir/file").read() == content


def test_what_cannot_be_copied_is_named(boxlite, box, tmp_path):
    for arguments, named in [
        (("copies:/a", "copies:/b"), "one of SOURCE and DESTINATION"),
        ((str(tmp_path), str(tmp_path)), "one of SOURCE and DESTINATION"),
        ((str(tmp_path / "missing"), "copies:/tmp"), "missing"),
        (("copies:/missing", str(tmp_path)), "/missing"),
        (("nobody:/etc", str(tmp_path)), "nobody"),
    ]:
        done = boxlite("cp", *arguments)
        assert done.returncode == 125
        assert named in done.stderr
    done = boxlite("cp", "-", "copies:/tmp", input="no archive" * 1000)
    assert done.returncode == 125


def test_a_box_that_does_not_run_is_started_for_the_copy(boxlite, tmp_path):
    assert boxlite("run", "--name", "stopped", IMAGE, "touch", "/root/kept").returncode == 0
    try:
        assert boxlite("cp", "stopped:/root/kept", str(tmp_path)).returncode == 0
        assert (tmp_path / "kept").exists()
        assert boxlite("ps", "-q").stdout == ""
    finally:
        boxlite("rm", "-f", "stopped")


def test_a_detached_box_that_does_not_run_is_stopped_after_the_copy(boxlite, tmp_path):
    assert boxlite("run", "-d", "--name", "stopped", IMAGE, "sleep", "1000").returncode == 0
    try:
        boxlite("stop", "-t", "0", "stopped")
        assert boxlite("cp", "stopped:/etc/hostname", str(tmp_path)).returncode == 0
        assert boxlite("ps", "-q").stdout == ""
        assert boxlite("cp", "stopped:/missing", str(tmp_path)).returncode == 125
        assert boxlite("ps", "-q").stdout == ""
        assert boxlite("start", "stopped").returncode == 0
        assert "sleep 1000" in boxlite("top", "stopped").stdout
    finally:
        boxlite("rm", "-f", "stopped")


def test_a_reader_that_goes_away_ends_the_copy(boxlite, command, home):
    assert boxlite("run", "-d", "--name", "endless", IMAGE, "sleep", "1000").returncode == 0
    try:
        assert boxlite("exec", "endless", "sh", "-c", "yes | head -c 10000000 >/root/endless").returncode == 0
        reading = [command, "--home", home, "cp", "endless:/root", "-"]
        with subprocess.Popen(reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as copy:
            copy.stdout.read(100)
            copy.stdout.close()
            assert copy.wait(60) == 125
            assert b"standard output" in copy.stderr.read()
    finally:
        boxlite("rm", "-f", "endless")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda tar: b"", lambda tar: b"no tar"])
def test_an_archive_that_is_none_says_what_it_is(boxlite, box, pack):
    packed = pack(bytes(100_000))
    done = boxlite("cp", "-", f"{box}:/tmp", input=packed, text=False)
    assert done.returncode == 125
    assert (b"no tar archive" if packed[:2] in (b"", b"no") else b"is compressed") in done.stderr


def test_an_archive_for_what_is_no_directory_is_refused(boxlite, box):
    done = boxlite("cp", "-", f"{box}:/etc/passwd", input=bytes(1024), text=False)
    assert done.returncode == 125
    assert b"/etc/passwd is not a directory" in done.stderr


def test_top_lists_what_runs(boxlite, box):
    rows = json.loads(boxlite("top", "--json", box).stdout)
    sleep = next(row for row in rows if row["arguments"][-2:] == ["sleep", "1000"])
    assert sleep["user"] == "root" and sleep["state"] in "DRS"
    assert str(sleep["pid"]) in boxlite("top", "-q", box).stdout.split()
    table = boxlite("top", box).stdout.splitlines()
    assert table[0].split()[:3] == ["PID", "PPID", "USER"]
    assert any("sleep 1000" in line for line in table)
    done = boxlite("top", "nobody")
    assert done.returncode == 125
