"""FETCH by another way: mirrors, proxies, and whom to trust at the end of it."""

import pytest
from registry import FaultyRegistry, send
from test_fetch import assert_whole

QUICK = {"attempts": 1}


# ---------------------------------------------------------------- mirrors


def mirrored(faulty, *mirrors):
    return {"registries": {faulty.address: {"mirrors": list(mirrors)}}, "fetch": QUICK}


@pytest.fixture
def mirror(layout):
    with FaultyRegistry(layout) as server:
        yield server


def test_mirror_is_asked_in_place_of_the_registry(work, faulty, mirror):
    image = work.fetch(f"{faulty.address}/image", [faulty.url], config=mirrored(faulty, mirror.url))
    assert image.error.code == "ok", image.error
    assert image.source == f"{mirror.url}/image" and image.reference == f"{faulty.address}/image:latest"
    assert faulty.requests == []
    assert_whole(work, image)


def break_blobs(handler, kind):
    if kind == "blobs":
        send(handler, 500, b"")
    return kind == "blobs"


def lie(handler, kind):
    send(handler, 200, b"nonsense")
    return True


def miss(handler, kind):
    send(handler, 404, b"")
    return True


def keep_out(handler, kind):
    send(handler, 401, b"")
    return True


@pytest.mark.parametrize("fault", [break_blobs, lie, miss, keep_out])
def test_registry_is_asked_where_its_mirror_fails(work, faulty, mirror, fault):
    mirror.fault = fault
    image = work.fetch(f"{faulty.address}/image", [faulty.url], config=mirrored(faulty, mirror.url))
    assert image.error.code == "ok", image.error
    assert image.source == f"{faulty.url}/image" and mirror.requests
    assert_whole(work, image)


def test_mirror_that_is_down_is_passed_over(work, faulty):
    config = mirrored(faulty, "http://127.0.0.1:9", "http://127.0.0.1:9/prefix")
    assert work.fetch(f"{faulty.address}/image", [faulty.url], config=config).error.code == "ok"


def test_error_names_the_mirror_and_the_registry(work, faulty, mirror):
    mirror.fault = break_blobs
    faulty.fault = miss
    error = work.fetch(f"{faulty.address}/image", [faulty.url], config=mirrored(faulty, mirror.url)).error
    assert error.code == "not_found"


def test_prefix_of_a_mirror_stands_before_the_name(work, faulty, mirror):
    work.fetch(f"{faulty.address}/image", [faulty.url], config=mirrored(faulty, f"{mirror.url}/hub/copy"))
    assert mirror.requests[0] == "/v2/hub/copy/image/manifests/latest"


@pytest.mark.parametrize("value", ["x", ["not a registry"], 5, [5]])
def test_bad_mirrors_are_a_config_error(work, faulty, value):
    config = {"registries": {faulty.address: {"mirrors": value}}}
    error = work.fetch("image", [faulty.url], config=config).error
    assert error.code == "config" and faulty.address in error.message


# ---------------------------------------------------------------- redirects


def test_https_is_not_left_for_plain_http(work, layout, faulty, authority):
    with FaultyRegistry(layout, authority.context()) as server:
        server.fault = lambda handler, kind: (
            kind == "blobs" and (send(handler, 307, b"", {"Location": faulty.url + handler.path}) or True)
        )
        config = {"registries": {server.address: {"ca": str(authority.certificate)}}}
        error = work.fetch("image", [server.url], config=config).error
    assert error.code == "network" and "plain http" in error.message and server.url in error.message
    assert faulty.requests == []


@pytest.mark.parametrize("location", ["", "//", "http://", "http://[::1", "ftp://127.0.0.1/", "\x01"])
def test_redirect_to_nowhere_is_a_network_error(work, faulty, location):
    faulty.fault = lambda handler, _: send(handler, 307, b"", {"Location": location}) or True
    error = work.fetch("image", [faulty.url], config={"fetch": QUICK}).error
    assert error.code == "network" and faulty.url in error.message, error


def test_redirect_to_a_server_that_is_down_names_both(work, faulty):
    faulty.fault = lambda handler, _: send(handler, 307, b"", {"Location": "http://127.0.0.1:9/x"}) or True
    error = work.fetch("image", [faulty.url], config={"fetch": QUICK}).error
    assert error.code == "network" and faulty.url in error.message and "http://127.0.0.1:9" in error.message


def test_signature_in_a_redirect_is_not_shown(work, faulty):
    def redirect(handler, kind):
        if "signature" in handler.path:
            send(handler, 500, b"")
        elif kind == "blobs":
            send(handler, 307, b"", {"Location": handler.path + "?signature=sec-token"})
        else:
            return False
        return True

    faulty.fault = redirect
    error = work.fetch("image", [faulty.url], config={"fetch": QUICK}).error
    assert error.code == "network" and "sec-token" not in error.message + error.hint


# ---------------------------------------------------------------- whom to trust


def test_authority_of_a_registry_is_trusted_for_it(work, layout, authority):
    with FaultyRegistry(layout, authority.context()) as server:
        config = {"registries": {server.address: {"ca": str(authority.certificate)}}}
        image = work.fetch("image", [server.url], config=config)
        assert image.error.code == "ok", image.error
        assert_whole(work, image)


def test_authority_of_a_registry_is_not_trusted_for_another(work, layout, authority):
    config = {"registries": {"registry.example": {"ca": str(authority.certificate)}}}
    with FaultyRegistry(layout, authority.context()) as server:
        error = work.fetch("image", [server.url], config=config).error
    assert error.code == "network" and '"ca"' in error.hint and server.url in error.message


@pytest.mark.parametrize("variable", ["HOME", "XDG_CONFIG_HOME"])
def test_authority_in_dockers_folder_is_trusted_for_its_registry(work, layout, authority, tmp_path, variable):
    folder = tmp_path / ("user/.config" if variable == "HOME" else "user")
    with FaultyRegistry(layout, authority.context()) as server, FaultyRegistry(layout, authority.context()) as other:
        host = folder / "docker/certs.d" / server.address
        host.mkdir(parents=True)
        (host / "ca.crt").write_bytes(authority.certificate.read_bytes())
        environment = {variable: str(tmp_path / "user")}
        image = work.fetch("image", [server.url], environment=environment)
        assert image.error.code == "ok", image.error
        assert work.fetch("image", [other.url], environment=environment).error.code == "network"
        config = {"registries": {server.address: {"ca": str(folder / "none.crt")}}}
        error = work.fetch("image", [server.url], config=config, environment=environment).error
        assert error.code == "config"  # What config.json names comes first.


def test_ssl_cert_file_is_trusted(work, layout, authority):
    with FaultyRegistry(layout, authority.context()) as server:
        image = work.fetch("image", [server.url], environment={"SSL_CERT_FILE": str(authority.certificate)})
    assert image.error.code == "ok", image.error


@pytest.mark.parametrize("path", ["/does/not/exist", "relative"])
def test_missing_file_of_authorities_is_a_config_error(work, faulty, path):
    config = {"registries": {faulty.address: {"ca": path}}}
    error = work.fetch("image", [faulty.url], config=config).error
    assert error.code == "config" and faulty.address in error.message


# ---------------------------------------------------------------- proxies


@pytest.fixture
def proxy(layout):
    """It answers in place of a registry that there is not; a plain request's absolute URI says for which."""
    with FaultyRegistry(layout) as server:
        yield server


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxy_of_the_environment_is_used(work, proxy, name):
    image = work.fetch("images.test/image", ["http://images.test"], environment={name: proxy.url})
    assert image.error.code == "ok", image.error
    assert proxy.requests[0] == "http://images.test/v2/image/manifests/latest"


def test_proxy_may_be_named_without_scheme(work, proxy):
    environment = {"http_proxy": proxy.address}
    assert work.fetch("images.test/image", ["http://images.test"], environment=environment).error.code == "ok"


def test_user_and_password_of_a_proxy_go_to_it_alone(work, proxy):
    seen = []
    proxy.fault = lambda handler, _: seen.append(handler.headers.get("Proxy-Authorization")) and False
    environment = {"http_proxy": f"http://eve:p%40ss@{proxy.address}"}
    assert work.fetch("images.test/image", ["http://images.test"], environment=environment).error.code == "ok"
    assert set(seen) == {"Basic ZXZlOnBAc3M="}


def test_no_proxy_is_heeded(work, proxy):
    environment = {"http_proxy": proxy.url, "no_proxy": "example.com,0.0.0.0"}
    error = work.fetch("0.0.0.0:9/image", ["http://0.0.0.0:9"], environment=environment).error
    assert error.code == "network" and proxy.requests == []


def test_this_machine_is_reached_without_proxy(work, faulty, proxy):
    assert work.fetch("image", [faulty.url], environment={"http_proxy": proxy.url}).error.code == "ok"
    assert proxy.requests == []


@pytest.mark.parametrize("value", ["ftp://eve:sec-token@127.0.0.1", "http://eve:sec-token@[", "http://eve:sec-token@"])
def test_bad_proxy_names_the_variable_and_not_its_password(work, faulty, value):
    error = work.fetch("images.test/image", ["http://images.test"], environment={"HTTP_PROXY": value}).error
    assert error.code == "config" and "HTTP_PROXY" in error.message
    assert "sec-token" not in error.message + error.hint


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_that_refuses_is_told_without_its_password(work, proxy, scheme):
    proxy.fault = lambda handler, _: send(handler, 407, b"") or True
    environment = {f"{scheme}_proxy": f"http://eve:sec-token@{proxy.address}"}
    config = {"fetch": QUICK}
    error = work.fetch("images.test/image", [f"{scheme}://images.test"], environment=environment, config=config).error
    assert error.code == "network" and "images.test" in error.message
    assert "sec-token" not in error.message + error.hint


def test_bad_registry_does_not_show_its_password(work):
    error = work.fetch("image", ["https://eve:sec-token@images.test"]).error
    assert error.code == "invalid_argument" and "sec-token" not in error.message + error.hint
