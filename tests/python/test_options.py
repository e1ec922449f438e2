"""Options: spellings, defaults, and how values become bytes. Needs no library."""

import pathlib
import pickle

import boxlite
import pytest
from boxlite import _constants, _marshal
from boxlite._options import refuse_unsupported
from boxlite.errors import _BY_STATUS, error_of_status


@pytest.mark.parametrize(
    ("alias", "name", "value"),
    [
        ("cpu", "cpus", 2),
        ("memory", "memory_mib", 1024),
        ("workdir", "working_dir", "/w"),
        ("cwd", "working_dir", "/w"),
        ("mounts", "volumes", [("/a", "/b", "ro")]),
    ],
)
def test_an_alias_is_the_option(alias, name, value):
    options = boxlite.BoxOptions(**{alias: value})
    assert getattr(options, name) == value
    assert getattr(options, alias) == value
    assert getattr(boxlite.BoxOptions(**{alias: value, name: value}), name) == value
    setattr(options, alias, None)
    assert getattr(options, name) is None


@pytest.mark.parametrize(
    "given",
    [
        {"cpus": 1, "cpu": 2},
        {"memory_mib": 512, "memory": 1024},
        {"working_dir": "/a", "cwd": "/b"},
        {"workdir": "/a", "cwd": "/b"},
        {"disk_size_gb": 10, "disk_size": 1024},
        {"auto_remove": True, "auto_delete": 1},
    ],
)
def test_two_spellings_with_different_values_are_a_type_error(given):
    with pytest.raises(TypeError):
        boxlite.BoxOptions(**given)


def test_disk_size_is_the_same_in_both_units():
    assert boxlite.BoxOptions(disk_size=10240, disk_size_gb=10).disk_size_gb == 10


def test_auto_remove_depends_on_the_disk():
    assert boxlite.BoxOptions().auto_remove is True
    assert boxlite.BoxOptions(disk_size_gb=1).auto_remove is False
    assert boxlite.BoxOptions(disk_size_gb=1, auto_remove=True).auto_remove is True
    assert boxlite.BoxOptions(auto_delete=0).auto_remove is False
    assert boxlite.BoxOptions(auto_delete=60).auto_remove is True


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("volumes", [("/host", "/guest", "ro")]),
        ("ports", [(8080, 80)]),
        ("secrets", {"KEY": "value"}),
        ("disk_size_gb", 1),
        ("network", boxlite.NetworkSpec()),
        ("network", boxlite.NetworkSpec(outbound=boxlite.OutboundNetworkSpec("disabled"))),
        ("security", boxlite.SecurityOptions(close_fds=False)),
    ],
)
def test_what_is_not_there_yet_is_refused_by_name(option, value):
    with pytest.raises(boxlite.UnsupportedError, match=option) as caught:
        refuse_unsupported(boxlite.BoxOptions(**{option: value}))
    assert caught.value.code == "unsupported"
    assert caught.value.status == 13


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"volumes": [], "ports": {}, "secrets": []},
        {"network": "off"},
        {"network": boxlite.NetworkSpec(mode="disabled")},
        {"security": boxlite.SecurityOptions.standard()},
        {"security": boxlite.SecurityOptions(network_enabled=False)},
        {"security": boxlite.SecurityOptions.maximum()},
        {"advanced": boxlite.AdvancedBoxOptions()},
    ],
)
def test_what_asks_for_nothing_is_accepted(given):
    refuse_unsupported(boxlite.BoxOptions(**given))


def test_a_network_is_spelled_in_one_way():
    with pytest.raises(ValueError):
        boxlite.NetworkSpec(mode="enabled", inbound=boxlite.InboundNetworkSpec())


@pytest.mark.parametrize("env", [{"A": "1", "B": "ä"}, [("A", "1"), ("B", "ä")], (("A", b"1"), ("B", "ä"))])
def test_env_is_a_dict_or_pairs(env):
    assert _marshal.assignments("env", env) == [b"A=1", "B=ä".encode()]


@pytest.mark.parametrize("env", [{"": "x"}, {"A=B": "x"}, {"A": "x\0y"}])
def test_an_impossible_variable_is_an_invalid_argument(env):
    with pytest.raises(boxlite.InvalidArgumentError, match="env"):
        _marshal.assignments("env", env)


@pytest.mark.parametrize("env", [["A=1"], [("A",)], {"A": 1}])
def test_a_variable_of_another_type_is_a_type_error(env):
    with pytest.raises(TypeError, match="env"):
        _marshal.assignments("env", env)


def test_texts_are_bytes_also_where_they_are_not_utf8():
    assert _marshal.raw("x", "ä") == b"\xc3\xa4"
    assert _marshal.raw("x", b"\xff") == b"\xff"
    assert _marshal.raw("x", "\udcff") == b"\xff"
    assert _marshal.raw("x", pathlib.Path("/a/b")) == b"/a/b"
    with pytest.raises(boxlite.InvalidArgumentError, match="x"):
        _marshal.raw("x", "\ud800")


@pytest.mark.parametrize(("seconds", "expected"), [(None, 0), (1, 1000), (0.0001, 1), (1.5, 1500), (1e-9, 1)])
def test_seconds_become_milliseconds_and_never_none(seconds, expected):
    assert _marshal.milliseconds("timeout", seconds) == expected


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_timeout_that_cannot_be_is_an_invalid_argument(seconds):
    with pytest.raises(ValueError, match="timeout"):
        _marshal.milliseconds("timeout", seconds)


def test_box_options_reach_the_struct():
    options = boxlite.BoxOptions(
        "alpine",
        cpus=2,
        memory_mib=256,
        env={"A": "1"},
        working_dir="/w",
        user="1000:1000",
        entrypoint=[],
        cmd=["a", "b"],
        labels={"k": "v"},
        engine="qemu",
        isolation="hardware",
        detach=True,
        auto_remove=False,
    )
    struct = _marshal.box_options(options, "name")
    assert (struct.image, struct.rootfs_path, struct.name) == (b"alpine", None, b"name")
    assert (struct.cpus, struct.memory_mib, struct.working_dir, struct.user) == (2, 256, b"/w", b"1000:1000")
    assert (struct.env[: struct.env_count], struct.labels[: struct.label_count]) == ([b"A=1"], [b"k=v"])
    assert (struct.cmd[: struct.cmd_count], struct.entrypoint_count) == ([b"a", b"b"], 0)
    assert struct.flags == _constants.BOX_DETACHED | _constants.BOX_NO_ENTRYPOINT
    assert (struct.engine, struct.isolation) == (_constants.Engine.QEMU, _constants.Isolation.HARDWARE)


@pytest.mark.parametrize(
    "given", [{"cpus": 0}, {"cpus": -1}, {"memory_mib": 1 << 40}, {"engine": "fast"}, {"isolation": "none"}]
)
def test_a_value_that_cannot_be_is_named(given):
    (name,) = given
    with pytest.raises(boxlite.InvalidArgumentError, match=name):
        _marshal.box_options(boxlite.BoxOptions(**given), None)


def test_every_status_has_an_error_of_its_own():
    assert set(_BY_STATUS) == {int(status) for status in _constants.Status} - {0}
    assert len({error.code for error in _BY_STATUS.values()}) == len(_BY_STATUS)
    assert all(
        issubclass(error, RuntimeError) and issubclass(error, boxlite.BoxliteError) for error in _BY_STATUS.values()
    )


def test_a_status_of_a_newer_library_is_internal():
    error = error_of_status(99, "news")
    assert isinstance(error, boxlite.InternalError)
    assert (error.code, error.status, error.message) == ("internal", 99, "news")


def test_errors_have_the_builtin_bases_that_programs_catch():
    assert issubclass(boxlite.TimeoutError, TimeoutError)
    assert issubclass(boxlite.InvalidArgumentError, ValueError)
    assert not issubclass(boxlite.ExecError, RuntimeError)


@pytest.mark.parametrize(
    "error",
    [
        error_of_status(2, "no box", hint="look", os_errno=2),
        boxlite.ExecError("python", 3, "Traceback"),
        boxlite.TimeoutError("late", result=boxlite.ExecResult(-9)),
    ],
)
def test_errors_travel_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_an_error_says_what_to_do():
    assert str(error_of_status(2, "there is no box 'x'", hint="look at the list")) == (
        "there is no box 'x'\nhint: look at the list"
    )


def test_what_is_not_given_has_its_default():
    options = boxlite.BoxOptions()
    assert (options.image, options.cpus, options.memory_mib) == ("python:slim", 1, 512)
    assert (options.env, options.volumes, options.ports, options.auto_remove) == ([], [], [], True)
    assert options.security == boxlite.SecurityOptions.standard()
    assert (options.working_dir, options.rootfs_path, options.disk_size_gb) == (None, None, None)
    assert boxlite.BoxOptions(rootfs_path="/layout").image is None
    assert boxlite.BoxOptions().security is not boxlite.BoxOptions().security
    # A value that cannot be is refused, not taken for "not given".
    assert boxlite.BoxOptions(cpus=0).cpus == 0
