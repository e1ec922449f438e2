"""--json, --format and filters of the commands that list; colours; what goes to which stream."""

import json
import os
import pty
import subprocess

import pytest
from conftest import IMAGE


@pytest.fixture(scope="module")
def boxes(command, registry, tmp_path_factory):
    """Runs the command in a home of its own, where a box "sample" has been made and has ended."""
    home = str(tmp_path_factory.mktemp("home"))

    def run(*arguments):
        return subprocess.run([command, "--home", home, *arguments], capture_output=True, text=True)

    run("--registry", f"http://{registry}", "pull", IMAGE)
    done = run("run", "--name", "sample", "-l", "team=a b", "busybox", "sh", "-c", "exit 7")
    assert done.returncode == 7, done.stderr
    return run


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("{{.Name}}: {{.Status}}", "sample: stopped (7)\n"),
        ("{{ .name }}", "sample\n"),
        ("{{.Labels.team}}|{{.ExitCode}}|{{.exit_code}}", "a b|7|7\n"),
        ("{{json .Labels}}", '{"team":"a b"}\n'),
        (r"{{.Name}}\t{{.AutoRemove}}", "sample\tfalse\n"),
        ("table {{.Name}}\t{{.ExitCode}}", "NAME     EXITCODE\nsample   7\n"),
        ("no field", "no field\n"),
    ],
)
def test_format(boxes, format_, expected):
    assert boxes("ps", "-a", "--format", format_).stdout == expected


def test_format_json_is_one_document_a_line(boxes):
    lines = boxes("ps", "-a", "--format", "json").stdout.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["sample"]
    assert json.loads(boxes("ps", "-a", "--json").stdout) == [json.loads(lines[0])]


@pytest.mark.parametrize(
    ("format_", "message"),
    [
        ("{{.Nmae}}", "there is no field .Nmae; there are .id .name"),
        ("{{.Labels.x}}", "there is no field .x; there are .team"),
        ("{{if .Name}}", "{{if .Name}} is not understood"),
        ("{{.Name", "a {{ has no }}"),
    ],
)
def test_format_that_is_wrong_says_how(boxes, format_, message):
    done = boxes("ps", "-a", "--format", format_)
    assert (done.returncode, done.stdout) == (125, "")
    assert message in done.stderr


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["name=amp"], True),
        (["name=other"], False),
        (["name=other", "name=sample"], True),
        (["status=stopped"], True),
        (["status=running"], False),
        (["label=team"], True),
        (["label=team=a b"], True),
        (["label=team", "label=none"], False),
        (["image=busybox", "status=stopped"], True),
    ],
)
def test_filters(boxes, filters, found):
    arguments = [word for filter_ in filters for word in ("-f", filter_)]
    assert boxes("ps", "-a", "--format", "{{.Name}}", *arguments).stdout == "sample\n" * found


def test_filter_that_is_not_known_is_named(boxes):
    done = boxes("ps", "-f", "colour=red")
    assert done.returncode == 125
    assert "colour=red" in done.stderr


def test_ps_shows_the_newest(boxes):
    assert boxes("ps", "-q").stdout == ""
    assert boxes("ps", "-l", "--format", "{{.Name}}").stdout == "sample\n"
    assert boxes("ps", "-n", "5", "--format", "{{.Name}}").stdout == "sample\n"


def test_inspect_shows_one_document_for_all(boxes):
    shown = json.loads(boxes("inspect", "sample").stdout)
    assert [entry["name"] for entry in shown] == ["sample"]
    assert boxes("inspect", "--format", "{{.Image}} {{.Cpus}}", "sample").stdout == "busybox 1\n"
    done = boxes("inspect", "sample", "nobody")
    assert done.returncode == 1
    assert json.loads(done.stdout)[0]["name"] == "sample"
    assert "nobody" in done.stderr


def test_images_with_a_template(boxlite):
    assert boxlite("images", "--format", "{{.Reference}}").stdout == "docker.io/library/busybox:latest\n"


def on_a_terminal(command, environment):
    """What `command` prints when its standard output is a terminal."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, environment)
    output = b""
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        output += data
    os.waitpid(child, 0)
    os.close(terminal)
    return output


def test_colours_on_terminals_only(boxlite, command, home):
    doctor = [command, "--home", str(home), "doctor"]
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    assert b"\x1b[32mok" in on_a_terminal(doctor, environment)
    assert b"\x1b" not in on_a_terminal(doctor, {**environment, "NO_COLOR": "1"})
    assert b"\x1b" not in on_a_terminal(doctor, {**environment, "TERM": "dumb"})
    assert "\x1b" not in boxlite("doctor").stdout
