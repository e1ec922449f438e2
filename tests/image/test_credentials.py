"""Credentials: who is told what. docker-registry checks passwords; the faulty registry sees what is sent."""

import base64
import crypt
import http.server
import json
import os
import select
import signal
import subprocess
import threading
import time
import urllib.parse

import job
import pytest
from conftest import ROOT, output
from registry import FaultyRegistry, send

USER, PASSWORD = "alice", "s3cret:with/odd=characters"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
AUTH = BASIC.removeprefix("Basic ")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, layout):
    """The address of a real registry that gives nothing to anybody but USER."""
    directory = tmp_path_factory.mktemp("guarded")
    passwords = directory / "htpasswd"
    passwords.write_text(f"{USER}:{crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))}\n")
    script = ROOT / "scripts/local-registry"
    auth = f'{{htpasswd: {{realm: boxlite, path: "{passwords}"}}}}'
    address = output(script, "start", "--dir", directory / "registry", "--auth", auth)
    address = address.removeprefix("http://")
    try:
        name = f"docker://{address}/private:1"
        credentials = f"{USER}:{PASSWORD}"
        output(
            "skopeo",
            "copy",
            "--quiet",
            "--dest-tls-verify=false",
            "--dest-creds",
            credentials,
            f"oci:{layout}:latest",
            name,
        )
        yield address
    finally:
        output(script, "stop", "--dir", directory / "registry")


def docker_config(directory, content):
    """The environment of a user whose docker's config.json has that."""
    (directory / "docker").mkdir(exist_ok=True)
    (directory / "docker/config.json").write_text(json.dumps(content))
    return {"DOCKER_CONFIG": str(directory / "docker"), "PATH": os.environ["PATH"]}


def fetch(work, address, environment, config=None):
    return work.fetch(f"{address}/private:1", [f"http://{address}"], environment=environment, config=config)


def assert_silent(error):
    """Nothing of a secret is in what users see."""
    shown = error.message + error.hint
    assert PASSWORD not in shown and AUTH not in shown and "sec-token" not in shown


@pytest.mark.parametrize(
    "entry", [{"auth": AUTH}, {"username": USER, "password": PASSWORD}, {"auth": AUTH, "email": "a@example.com"}]
)
def test_registry_gets_the_password_of_dockers_config(work, tmp_path, guarded, entry):
    image = fetch(work, guarded, docker_config(tmp_path, {"auths": {guarded: entry}}))
    assert image.error.code == "ok", image.error


@pytest.mark.parametrize("form", ["http://{}", "https://{}/v1/", "{}/private"])
def test_entry_may_name_the_registry_as_docker_does(work, tmp_path, guarded, form):
    content = {"auths": {form.format(guarded): {"auth": AUTH}}}
    assert fetch(work, guarded, docker_config(tmp_path, content)).error.code == "ok"


def test_config_is_looked_for_in_the_home_directory(work, tmp_path, guarded):
    docker_config(tmp_path, {"auths": {guarded: {"auth": AUTH}}})
    (tmp_path / "docker").rename(tmp_path / ".docker")
    assert fetch(work, guarded, {"HOME": str(tmp_path)}).error.code == "ok"


def test_boxlites_own_config_may_name_another_file(work, tmp_path, guarded):
    (tmp_path / "own.json").write_text(json.dumps({"auths": {guarded: {"auth": AUTH}}}))
    config = {"registries": {guarded: {"credentials": str(tmp_path / "own.json")}}}
    environment = docker_config(tmp_path, {"auths": {guarded: {"username": USER, "password": "another"}}})
    assert fetch(work, guarded, environment, config).error.code == "ok"


def test_without_credentials_the_hint_says_how_to_log_in(work, guarded):
    error = fetch(work, guarded, {}).error
    assert error.code == "permission"
    assert f"docker login {guarded}" in error.hint and guarded in error.message


def test_wrong_password_names_the_file_and_not_the_password(work, tmp_path, guarded):
    entry = {"username": USER, "password": "wr0ng-password"}
    error = fetch(work, guarded, docker_config(tmp_path, {"auths": {guarded: entry}})).error
    assert error.code == "permission" and f"docker login {guarded}" in error.hint
    assert str(tmp_path / "docker/config.json") in error.message
    assert "wr0ng-password" not in error.message + error.hint


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"auths": 5}',
        '{"auths": {"HOST": 5}}',
        '{"auths": {"HOST": {"auth": "%%%"}}}',
        '{"auths": {"HOST": {"auth": "bm9jb2xvbg=="}}}',
        '{"auths": {"HOST": {"username": "a\\nb", "password": "c"}}}',
        '{"credsStore": "../../bin/sh"}',
        '{"auths": {}, "auths": {}}',
    ],
)
def test_bad_docker_config_is_told_where_credentials_are_asked_for(work, tmp_path, guarded, text):
    environment = docker_config(tmp_path, {})
    (tmp_path / "docker/config.json").write_text(text.replace("HOST", guarded))
    error = fetch(work, guarded, environment).error
    assert error.code == "permission" and str(tmp_path / "docker/config.json") in error.message, error


def test_bad_docker_config_is_nothing_to_an_image_for_everybody(work, tmp_path, faulty):
    environment = docker_config(tmp_path, {})
    (tmp_path / "docker/config.json").write_text("{")
    assert work.fetch("image", [faulty.url], environment=environment).error.code == "ok"


# ---------------------------------------------------------------- helpers


def helper(directory, name, script):
    """docker-credential-NAME, a shell script, and the environment in which it is found."""
    program = directory / "bin" / f"docker-credential-{name}"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{program.parent}:{os.environ['PATH']}"}


def with_helper(directory, name, script, content):
    return docker_config(directory, content) | helper(directory, name, script)


ANSWER = json.dumps({"ServerURL": "x", "Username": USER, "Secret": PASSWORD})


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_helper_is_asked_for_the_registry(work, tmp_path, guarded, key):
    content = {key: "mine" if key == "credsStore" else {guarded: "mine"}}
    script = f"echo $1 > {tmp_path}/asked; cat >> {tmp_path}/asked; echo $FLAVOUR >> {tmp_path}/asked; echo '{ANSWER}'"
    environment = with_helper(tmp_path, "mine", script, content) | {"FLAVOUR": "vanilla"}
    assert fetch(work, guarded, environment).error.code == "ok"
    assert (tmp_path / "asked").read_text().split() == ["get", guarded, "vanilla"]


def test_helper_that_knows_nothing_leaves_the_file(work, tmp_path, guarded):
    content = {"credsStore": "mine", "auths": {guarded: {"auth": AUTH}}}
    script = "echo 'credentials not found in native keychain'; exit 1"
    assert fetch(work, guarded, with_helper(tmp_path, "mine", script, content)).error.code == "ok"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (f"echo {PASSWORD}; exit 3", "exit code 3"),
        (f'echo \'{{"Username": 5, "Secret": "{PASSWORD}"}}\'', "Username"),
        ("echo nonsense", "not a JSON object"),
        ("kill -9 $$", "signal"),
        ("head -c 100000 /dev/zero; sleep 60", "more than 65536 bytes"),
    ],
)
def test_failing_helper_is_named_with_its_registry(work, tmp_path, guarded, script, said):
    error = fetch(work, guarded, with_helper(tmp_path, "mine", script, {"credsStore": "mine"})).error
    assert error.code == "permission"
    assert "docker-credential-mine" in error.message and guarded in error.message and said in error.message
    assert f"echo {guarded} | docker-credential-mine get" in error.hint
    assert_silent(error)


def test_helper_that_is_missing_is_named(work, tmp_path, guarded):
    error = fetch(work, guarded, docker_config(tmp_path, {"credsStore": "nowhere"})).error
    assert error.code == "permission" and "docker-credential-nowhere" in error.message and "PATH" in error.message


def test_failing_helper_is_nothing_to_an_image_for_everybody(work, tmp_path, faulty):
    environment = with_helper(tmp_path, "mine", "exit 1", {"credsStore": "mine"})
    assert work.fetch("image", [faulty.url], environment=environment).error.code == "ok"


def test_cancel_ends_a_helper_that_hangs(work, tmp_path, guarded):
    script = f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; sleep 600"
    environment = with_helper(tmp_path, "mine", script, {"credsStore": "mine"})
    process = work.start_fetch(environment=environment)
    process.client.open(job.fetch(f"{guarded}/private:1", [f"http://{guarded}"]))
    while not (tmp_path / "pid").exists():
        time.sleep(0.01)
    process.client.close()
    process.end()
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_killed_job_takes_its_helper_along(work, tmp_path, guarded):
    script = f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 600"
    environment = with_helper(tmp_path, "mine", script, {"credsStore": "mine"})
    process = work.start_fetch(environment=environment)
    process.client.open(job.fetch(f"{guarded}/private:1", [f"http://{guarded}"]))
    while not (tmp_path / "pid").exists():
        time.sleep(0.01)
    descriptor = os.pidfd_open(int((tmp_path / "pid").read_text()))
    os.kill(process.process.pid, signal.SIGKILL)
    process.end()
    assert select.select([descriptor], [], [], job.DEADLINE)[0]
    os.close(descriptor)


# ---------------------------------------------------------------- tokens


class TokenServer:
    """The token server of a faulty registry: who asked how, and what was given out."""

    def __init__(self, registry, accepts):
        self.registry, self.accepts = registry, accepts
        self.asked, self.given = [], []
        registry.fault = self

    def __call__(self, handler, kind):
        authorization = handler.headers.get("Authorization") or ""
        if handler.path.startswith("/token"):
            self.asked.append((handler.command, handler.path, authorization, getattr(handler, "body", "")))
            if not self.accepts(handler, authorization):
                send(handler, 401, b'{"errors": [{"message": "who are you"}]}')
                return True
            self.given.append(f"sec-token{len(self.given)}")
            send(handler, 200, json.dumps({"access_token": self.given[-1], "expires_in": 60}).encode())
            return True
        if self.given and authorization == f"Bearer {self.given[-1]}":
            return False
        bearer = f'Bearer realm="{self.registry.url}/token",service="a service",scope="repository:image:pull"'
        challenge = f'Basic realm="no, not this", {bearer}'
        send(handler, 401, b"", {"WWW-Authenticate": challenge})
        return True


def test_token_server_gets_the_password_and_the_registry_the_token(work, tmp_path, faulty):
    tokens = TokenServer(faulty, lambda _, authorization: authorization == BASIC)
    environment = docker_config(tmp_path, {"auths": {faulty.address: {"auth": AUTH}}})
    image = work.fetch("image", [faulty.url], environment=environment)
    assert image.error.code == "ok", image.error
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(tokens.asked[0][1]).query)
    assert query == {"service": ["a service"], "scope": ["repository:image:pull"]}
    assert len(tokens.asked) == 1


def test_identity_token_is_traded_for_a_token(work, tmp_path, faulty):
    tokens = TokenServer(faulty, lambda handler, _: handler.command == "POST")
    entry = {"auth": base64.b64encode(b"00000000-0000-0000-0000-000000000000:").decode(), "identitytoken": "id/tok=en"}
    environment = docker_config(tmp_path, {"auths": {faulty.address: entry}})
    assert work.fetch("image", [faulty.url], environment=environment).error.code == "ok"
    _, path, authorization, body = tokens.asked[0]
    form = urllib.parse.parse_qs(body)
    assert form["grant_type"] == ["refresh_token"] and form["refresh_token"] == ["id/tok=en"]
    assert form["scope"] == ["repository:image:pull"] and form["service"] == ["a service"]
    assert "id" not in path and authorization == ""


def test_helper_may_answer_with_an_identity_token(work, tmp_path, faulty):
    tokens = TokenServer(faulty, lambda handler, _: handler.command == "POST")
    answer = json.dumps({"Username": "<token>", "Secret": "idtoken"})
    environment = with_helper(tmp_path, "mine", f"echo '{answer}'", {"credsStore": "mine"})
    assert work.fetch("image", [faulty.url], environment=environment).error.code == "ok"
    assert "refresh_token=idtoken" in tokens.asked[0][3]


def test_token_server_that_refuses_the_password_is_a_permission_error(work, tmp_path, faulty):
    tokens = TokenServer(faulty, lambda *_: False)
    environment = docker_config(tmp_path, {"auths": {faulty.address: {"auth": AUTH}}})
    error = work.fetch("image", [faulty.url], environment=environment).error
    assert error.code == "permission" and "docker login" in error.hint and "who are you" in error.message
    assert len(tokens.asked) == 1
    assert_silent(error)


def test_token_that_runs_out_is_renewed(work, tmp_path, faulty):
    tokens = TokenServer(faulty, lambda _, authorization: authorization == BASIC)

    def run_out(handler, kind):
        if faulty.is_layer(handler) and len(tokens.given) == 1:
            tokens.given.append("sec-another")  # What was given is good no more.
        return tokens(handler, kind)

    faulty.fault = run_out
    environment = docker_config(tmp_path, {"auths": {faulty.address: {"auth": AUTH}}})
    assert work.fetch("image", [faulty.url], environment=environment).error.code == "ok"
    assert len(tokens.asked) == 2


class RealTokenServer:
    """Gives docker-registry's kind of tokens (signed, for one repository) to USER."""

    def __init__(self, authority):
        self.authority, self.given = authority, 0
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                if self.headers.get("Authorization") != BASIC:
                    send(self, 401, b"{}")
                else:
                    send(self, 200, json.dumps({"token": server.token(query["scope"][0])}).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/token"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def token(self, scope):
        self.given += 1
        kind, name, actions = scope.split(":")
        now = int(time.time())
        claims = {"iss": "boxlite", "sub": USER, "aud": "registry", "nbf": now - 60, "iat": now, "jti": str(self.given)}
        claims |= {
            "exp": now + 60,
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        pem = (self.authority.directory / "server.crt").read_text()
        certificate = "".join(pem.split("-----")[2].split())
        header = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
        signed = b".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        key = self.authority.directory / "server.key"
        command = ["openssl", "dgst", "-sha256", "-sign", key]
        signature = subprocess.run(command, input=signed, stdout=subprocess.PIPE, check=True).stdout
        return b".".join((signed, encoded(signature))).decode()


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.fixture(scope="module")
def tokens(authority):
    server = RealTokenServer(authority)
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture(scope="module")
def token_registry(tmp_path_factory, layers_layout, authority, tokens):
    """The address of a real registry that asks for tokens of that server."""
    directory, script = tmp_path_factory.mktemp("tokens") / "registry", ROOT / "scripts/local-registry"
    auth = (
        f'{{token: {{realm: "{tokens.url}", service: registry, issuer: boxlite, '
        f'rootcertbundle: "{authority.certificate}"}}}}'
    )
    address = output(script, "start", "--dir", directory, "--auth", auth).removeprefix("http://")
    try:
        login = ["--dest-tls-verify=false", "--dest-creds", f"{USER}:{PASSWORD}"]
        output("skopeo", "copy", "--quiet", *login, f"oci:{layers_layout}:layers", f"docker://{address}/private:1")
        yield address
    finally:
        output(script, "stop", "--dir", directory)


def test_real_registry_takes_the_token_of_its_server(work, tmp_path, token_registry, tokens):
    tokens.given = 0
    image = fetch(work, token_registry, docker_config(tmp_path, {"auths": {token_registry: {"auth": AUTH}}}))
    assert image.error.code == "ok", image.error
    assert tokens.given == 1 and len(image.layers) == 13


def test_real_registry_without_credentials_is_a_permission_error(work, token_registry):
    error = fetch(work, token_registry, {}).error
    assert error.code == "permission" and f"docker login {token_registry}" in error.hint


def test_password_is_not_sent_before_it_is_asked_for(work, tmp_path, faulty):
    seen = []
    faulty.fault = lambda handler, _: seen.append(handler.headers.get("Authorization")) and False
    environment = docker_config(tmp_path, {"auths": {faulty.address: {"auth": AUTH}}})
    assert work.fetch("image", [faulty.url], environment=environment).error.code == "ok"
    assert set(seen) == {None}


def test_https_registry_may_not_have_its_token_server_over_plain_http(work, tmp_path, layout, faulty, authority):
    """Neither the password nor anything else goes there."""
    environment = docker_config(tmp_path, {})
    with FaultyRegistry(layout, authority.context()) as server:
        (tmp_path / "docker/config.json").write_text(json.dumps({"auths": {server.address: {"auth": AUTH}}}))
        challenge = f'Bearer realm="{faulty.url}/token",service="x"'
        server.fault = lambda handler, _: send(handler, 401, b"", {"WWW-Authenticate": challenge}) or True
        config = {"registries": {server.address: {"ca": str(authority.certificate)}}}
        error = work.fetch("image", [server.url], environment=environment, config=config).error
    assert error.code == "permission", error
    assert faulty.requests == []


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_redirect_to_another_host_takes_no_credentials_along(work, tmp_path, layout, faulty, scheme):
    seen = []

    def elsewhere(handler, _):
        seen.append(handler.headers.get("Authorization"))
        return False

    def guard(handler, _):
        authorization = handler.headers.get("Authorization")
        if handler.path.startswith("/token"):
            send(handler, 200, b'{"token": "sec-token"}')
        elif authorization is None:
            bearer = f'Bearer realm="{faulty.url}/token"'
            send(handler, 401, b"", {"WWW-Authenticate": 'Basic realm="x"' if scheme == "basic" else bearer})
        elif faulty.is_layer(handler):
            send(handler, 307, b"", {"Location": other.url.replace("//", "//eve:pass@") + handler.path})
        else:
            return False
        return True

    environment = docker_config(tmp_path, {"auths": {faulty.address: {"auth": AUTH}}})
    with FaultyRegistry(layout) as other:
        other.fault = elsewhere
        faulty.fault = guard
        image = work.fetch("image", [faulty.url], environment=environment)
    assert image.error.code == "ok", image.error
    assert seen == [None]


def test_registry_does_not_get_the_password_of_another(work, tmp_path, layout, faulty):
    """Of two registries that are searched, on two ports of one machine."""
    seen = []

    def curious(handler, _):
        seen.append(handler.headers.get("Authorization"))
        send(handler, 401, b"", {"WWW-Authenticate": 'Basic realm="give me all"'})
        return True

    environment = docker_config(tmp_path, {"auths": {faulty.address: {"auth": AUTH}}})
    with FaultyRegistry(layout) as other:
        other.fault = curious
        config = {"registries": {faulty.address: {"mirrors": [other.url]}}}
        assert work.fetch("image", [faulty.url], environment=environment, config=config).error.code == "ok"
    assert seen == [None]
