"""A registry over https: pulled from where the machine trusts its certificate, refused by name where it does not."""

import os
import subprocess

import pytest
from conftest import SOURCE, run

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
IMAGE = "library/busybox:latest"


def openssl(*arguments, folder):
    run("openssl", *arguments, cwd=folder)


@pytest.fixture
def authority(tmp_path):
    """A folder with server.crt and server.key for 127.0.0.1 and the authority.crt that signed them."""
    new_key = ["req", "-newkey", "rsa:2048", "-nodes"]
    openssl(
        *new_key, "-x509", "-subj", "/CN=boxlite test", "-keyout", "authority.key", "-out", "authority.crt",
        folder=tmp_path,
    )  # fmt: skip
    openssl(*new_key, "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr", folder=tmp_path)
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(
        "x509", "-req", "-in", "server.csr", "-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial",
        "-extfile", "names", "-out", "server.crt", folder=tmp_path,
    )  # fmt: skip
    return tmp_path


@pytest.fixture
def registry(tmp_path, authority):
    """host:port of a registry that speaks https and has busybox."""
    script, folder = SOURCE / "scripts/local-registry", tmp_path / "registry"
    run(script, "start", "--dir", folder)
    try:
        address = run(script, "address", "--dir", folder).strip()
        layout = run(SOURCE / "tests/images/make-busybox").strip()
        run(SOURCE / "scripts/push-image", layout, f"{address}/{IMAGE}")
        run(script, "stop", "--dir", folder)
        tls = ["--certificate", authority / "server.crt", "--key", authority / "server.key"]
        url = run(script, "start", "--dir", folder, *tls).strip()
        assert url.startswith("https://")
        yield url.removeprefix("https://")
    finally:
        run(script, "stop", "--dir", folder)


def pull(prefix, home, registry, trusted):
    """Pulls in a mount namespace of its own, where `trusted` is what the machine trusts."""
    namespace = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    script = f'mount --bind "$1" {BUNDLE} && exec "$2" --home "$3" pull "$4"'
    command = [*namespace, "sh", "-c", script, "sh", trusted, prefix / "bin/boxlite", home, f"{registry}/{IMAGE}"]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def test_trusted_certificate_is_pulled_from(prefix, tmp_path, authority, registry):
    done = pull(prefix, tmp_path / "home", registry, authority / "authority.crt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{registry}/{IMAGE}@sha256:")


def test_unknown_certificate_is_refused_by_name(prefix, tmp_path, authority, registry):
    done = pull(prefix, tmp_path / "home", registry, BUNDLE)
    assert done.returncode == 125
    assert f"registry https://{registry}: SSL certificate problem" in done.stderr
    assert "hint: the registry's certificate is not trusted by this machine" in done.stderr
