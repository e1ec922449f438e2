"""boxlite pull, images, version, doctor."""

import json

from conftest import IMAGE


def test_pull_and_images(boxlite, registry):
    pulled = boxlite("--registry", f"http://{registry}", "pull", IMAGE)
    assert pulled.returncode == 0
    assert pulled.stdout.startswith("docker.io/library/busybox:latest@sha256:")
    image = json.loads(boxlite("images", "--json").stdout)[0]
    assert image["reference"] == "docker.io/library/busybox:latest"
    assert registry in image["source"]
    assert image["digest"] in pulled.stdout
    assert "docker.io/library/busybox:latest" in boxlite("images").stdout


def test_pull_where_no_registry_answers_says_which(boxlite):
    done = boxlite("--registry", "http://127.0.0.1:1", "pull", "127.0.0.1:1/some/thing")
    assert done.returncode == 125
    assert "127.0.0.1:1" in done.stderr


def test_pull_of_a_malformed_reference_names_it(boxlite):
    done = boxlite("pull", "UPPER/Case:tag")
    assert done.returncode == 125
    assert "UPPER/Case" in done.stderr


def test_version(boxlite):
    version = json.loads(boxlite("version", "--json").stdout)["version"]
    assert boxlite("version").stdout.strip().endswith(version)
    assert boxlite("--version").stdout == boxlite("version").stdout


def test_doctor_names_every_part(boxlite, engine):
    report = json.loads(boxlite("doctor", "--json").stdout)
    names = {entry["name"] for entry in report}
    assert {"kvm", "qemu", "user namespaces", "cgroups", "disk", "kernel", "agent"} <= names
    assert all(entry["hint"] for entry in report if entry["state"] != "ok")
    (kvm,) = (entry["state"] for entry in report if entry["name"] == "kvm")
    assert kvm == ("ok" if engine == "kvm" else "warning")
    assert boxlite("doctor").returncode == 0


def test_doctor_of_an_engine_that_is_asked_for(boxlite, engine):
    assert "qemu (asked for)" in boxlite("--engine", "qemu", "doctor").stdout
    done = boxlite("--engine", "kvm", "doctor")
    if engine == "kvm":
        assert done.returncode == 0
    else:
        assert done.returncode == 1
        assert "kvm was asked for, and this host has only qemu (" in done.stdout


def test_doctor_with_a_part_missing_says_so(boxlite, tmp_path, monkeypatch):
    monkeypatch.setenv("BOXLITE_RUNTIME_DIR", str(tmp_path))
    done = boxlite("doctor")
    assert done.returncode == 1
    assert "vmlinux" in done.stdout


def test_home_that_cannot_be_made_is_named(command, tmp_path):
    import subprocess

    (tmp_path / "file").write_text("not a directory")
    home = str(tmp_path / "file" / "home")
    done = subprocess.run([command, "--home", home, "ps"], capture_output=True, text=True)
    assert done.returncode == 125
    assert home in done.stderr
