"""Images that are not for everybody: the command takes the credentials that docker login left."""

import base64
import crypt
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest
from conftest import SOURCE

USER, PASSWORD = "alice", "s3cret"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a registry that gives `private:1` to USER alone."""
    folder, script = tmp_path_factory.mktemp("guarded"), str(SOURCE / "scripts/local-registry")
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)
    (folder / "passwords").write_text(f"{USER}:{crypt.crypt(PASSWORD, salt)}\n")
    auth = f'{{htpasswd: {{realm: boxlite, path: "{folder}/passwords"}}}}'

    def output(*command: object) -> str:
        return subprocess.run(
            [str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    address = output(script, "start", "--dir", folder / "registry", "--auth", auth).removeprefix("http://")
    try:
        layout = output(SOURCE / "tests/images/make-busybox")
        login = ["--dest-tls-verify=false", "--dest-creds", f"{USER}:{PASSWORD}"]
        output("skopeo", "copy", "--quiet", *login, f"oci:{layout}:latest", f"docker://{address}/private:1")
        yield address
    finally:
        output(script, "stop", "--dir", folder / "registry")


def pull(
    command: str, home: pathlib.Path, address: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    words = [command, "--home", str(home), "--registry", f"http://{address}", "pull", f"{address}/private:1"]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, env=os.environ | environment)


def test_pull_without_login_says_how_to_log_in(command: str, guarded: str, tmp_path: pathlib.Path) -> None:
    done = pull(command, tmp_path / "home", guarded, {"DOCKER_CONFIG": str(tmp_path)})
    assert done.returncode == 125
    assert f"docker login {guarded}" in done.stderr


def test_pull_takes_what_docker_login_left(command: str, guarded: str, tmp_path: pathlib.Path) -> None:
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {guarded: {"auth": auth}}}))
    done = pull(command, tmp_path / "home", guarded, {"DOCKER_CONFIG": str(tmp_path)})
    assert done.returncode == 0, done.stderr


def test_pull_asks_a_credential_helper(command: str, guarded: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {guarded: "test"}}))
    helper = tmp_path / "docker-credential-test"
    helper.write_text(f"""#!/bin/sh\nread -r host && printf '{{"Username": "{USER}", "Secret": "%s"}}' "$SECRET"\n""")
    helper.chmod(0o700)
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {"DOCKER_CONFIG": str(tmp_path), "PATH": path, "SECRET": PASSWORD}
    done = pull(command, tmp_path / "home", guarded, environment)
    assert done.returncode == 0, done.stderr
    environment["SECRET"] = "wr0ng"
    done = pull(command, tmp_path / "home", guarded, environment)
    assert done.returncode == 125 and "docker-credential-test" in done.stderr
    assert "wr0ng" not in done.stdout + done.stderr
