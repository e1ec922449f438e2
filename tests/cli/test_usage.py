"""Wrong usage: one line that names what is wrong and where to read on; exit code 125. No box is made here."""

import os
import subprocess

import pytest


@pytest.fixture
def wrong(command, tmp_path):
    """Runs the command in an empty home; returns what it says."""

    def run(*arguments, **options):
        done = subprocess.run(
            [command, "--home", str(tmp_path / "home"), *arguments], capture_output=True, text=True, **options
        )
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr.startswith("boxlite: ")
        assert done.stderr.count("\n") == 1
        return done.stderr.removeprefix("boxlite: ").rstrip("\n")

    return run


@pytest.mark.parametrize("value", ["abc", "0", "-1", "1s", "nan", "2e9"])
def test_timeout_that_is_none_says_what_is_accepted(wrong, value):
    assert wrong("exec", f"--timeout={value}", "box", "true") == (
        f"--timeout: {value} is not a number of seconds above 0 and at most 1e9; see boxlite exec --help"
    )


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("--memory", "abc", "a whole number of MiB above 0, as 512, 512m or 1g"),
        ("--memory", "0.5g", "a whole number of MiB above 0, as 512, 512m or 1g"),
        ("--memory", "0", "a whole number of MiB above 0, as 512, 512m or 1g"),
        ("--memory", "4194304g", "a whole number of MiB above 0, as 512, 512m or 1g"),
        ("--cpus", "1.5", "a whole number from 1 to 64"),
        ("--pids-limit", "0", "a whole number from 1 to "),
    ],
)
def test_number_that_is_none_says_what_is_accepted(wrong, option, value, accepted):
    assert wrong("run", option, value, "image").startswith(f"{option}: {value} is not {accepted}")


def test_help_names_the_units(command):
    shown = subprocess.run([command, "exec", "--help"], capture_output=True, text=True).stdout
    assert "--timeout SECONDS  " in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nosuch"], "unknown option --nosuch; see boxlite --help"),
        (["-v"], "unknown option -v; see boxlite --help"),
        (["nosuch", "run"], "unknown command nosuch; see boxlite --help"),
        (["system", "nosuch"], "unknown command nosuch; see boxlite system --help"),
        (["ps", "--no-trunc"], "unknown option --no-trunc; see boxlite ps --help"),
        (["inspect", "-f"], "unknown option -f; see boxlite inspect --help"),
        (["doctor", "--nosuch"], "unknown option --nosuch; see boxlite doctor --help"),
        (["system", "df", "--nosuch"], "unknown option --nosuch; see boxlite system df --help"),
        (["ps", "box"], "unexpected argument box; see boxlite ps --help"),
        ([], "COMMAND is missing; see boxlite --help"),
        (["help", "nosuch"], "there is no such command; see boxlite --help"),
        (["run", "--nosuch", "image"], "unknown option --nosuch; see boxlite run --help"),
        (["exec"], "BOX and COMMAND are missing; see boxlite exec --help"),
        (["exec", "nosuch"], "COMMAND is missing; see boxlite exec --help"),
    ],
)
def test_what_is_not_known_or_missing_is_named(wrong, arguments, said):
    assert wrong(*arguments) == said


@pytest.mark.parametrize(
    "option",
    ["-v", "-p", "--network", "--platform", "--read-only", "--privileged", "--tmpfs", "--restart", "--init"],
)
def test_option_that_docker_has_is_refused_with_a_reason(wrong, option):
    assert wrong("run", option, "image").startswith(f"unknown option {option}: ")


def test_help_of_a_command(command):
    shown = subprocess.run([command, "help", "system", "df"], capture_output=True, text=True)
    asked = subprocess.run([command, "system", "df", "--help"], capture_output=True, text=True)
    assert (shown.returncode, shown.stdout) == (0, asked.stdout)


def test_line_of_an_env_file_with_a_blank_in_the_name(wrong, tmp_path):
    file = tmp_path / "env"
    file.write_text("# comment\n  GOOD=a b\nbad line\n")
    said = wrong("run", "--env-file", str(file), "image")
    assert said.startswith(f'--env-file: {file} line 3: "bad line" has a blank in the name')


@pytest.mark.parametrize("arguments", [["ps"], ["images"]])
def test_field_that_no_row_has_is_refused_without_rows(wrong, arguments):
    said = wrong(*arguments, "--format", "{{.Nosuch}}")
    assert said.startswith("--format: there is no field .Nosuch; there are .")
    said = wrong(*arguments, "--format", "{{if .ID}}x{{end}}")
    assert said.startswith("--format: {{if .ID}} is not understood")


def test_name_of_nothing(command, tmp_path):
    def run(*arguments):
        done = subprocess.run([command, "--home", str(tmp_path), *arguments], capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr

    assert run("inspect", "nosuch") == "boxlite: there is neither a box nor an image nosuch\n"
    assert run("inspect", "NoSuch") == "boxlite: there is neither a box nor an image NoSuch\n"
    assert "pull" in run("inspect", "--type", "image", "nosuch")
    assert run("rmi", "nosuch") == "boxlite: image docker.io/library/nosuch:latest is not stored here\n"


def test_reader_that_goes_away_is_no_news_and_a_full_disk_is(command, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as nobody, open("/dev/full", "wb") as full:
        for arguments in (["images"], ["ps", "--json"]):
            line = [command, "--home", str(tmp_path), *arguments]
            done = subprocess.run(line, stdout=nobody, stderr=subprocess.PIPE, text=True)
            assert (done.returncode, done.stderr) == (125, "")
            done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True)
            assert done.returncode == 125
            assert done.stderr == "boxlite: cannot write to standard output: No space left on device\n"
