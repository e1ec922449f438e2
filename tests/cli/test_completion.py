"""What Tab offers, in the real shells, and the manual pages."""

import pathlib
import re
import shlex
import subprocess

import pytest
from conftest import IMAGE


@pytest.fixture
def complete(command, home):
    def ask(*words):
        done = subprocess.run([command, "__complete", "--home", str(home), *words], capture_output=True, text=True)
        assert done.returncode == 0
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    return ask


def test_commands_and_options(complete):
    assert complete("st") == ["stop", "start"]
    assert {"run", "exec", "ps", "images"} <= set(complete(""))
    assert "--filter" in complete("ps", "--")
    assert {"--json", "--home"} <= set(complete("ps", "--"))
    assert complete("run", "--engine", "q") == ["qemu"]
    assert complete("completion", "f") == ["fish"]


def test_boxes_and_images(boxlite, complete):
    boxlite("run", "--name", "worker", IMAGE, "true")
    try:
        assert complete("rm", "wo") == ["worker"]
        assert complete("rm", "worker", "w") == ["worker"]
        assert complete("exec", "-it", "w") == ["worker", ":files"]
        assert complete("run", "--rm", "busy") == ["busybox:latest", ":files"]
        assert complete("rmi", "busybox:l") == ["busybox:latest"]
        assert complete("inspect", "") == ["worker", "busybox:latest"]
        assert complete("exec", "worker", "cat", "/e") == [":files"]
    finally:
        boxlite("rm", "worker")


def quote(text):
    return shlex.quote(str(text))


def script(command, shell):
    return subprocess.run([command, "completion", shell], capture_output=True, text=True, check=True).stdout


def bash_replies(command, tmp_path, line):
    """COMPREPLY after Tab at the end of `line`, with bash's own way to break words."""
    (tmp_path / "boxlite.bash").write_text(script(command, "bash"))
    words = re.findall(r"'[^']*'|[^\s:=']+|[:=]|(?<=\s)$", line)
    program = f"""
        source {quote(tmp_path)}/boxlite.bash
        COMP_LINE={quote(line)}; COMP_POINT=${{#COMP_LINE}}
        COMP_WORDS=({" ".join(map(quote, words))}); COMP_CWORD={len(words) - 1}
        _boxlite
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    environment = {"PATH": f"{pathlib.Path(command).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, env=environment)
    return done.stdout.split()


def test_bash(command, home, tmp_path):
    assert bash_replies(command, tmp_path, "boxlite st") == ["stop", "start"]
    assert "--all" in bash_replies(command, tmp_path, "boxlite ps --a")
    for written in (quote(home), f"'{home}'", re.sub(r"([^\w/.-])", r"\\\1", str(home))):
        assert bash_replies(command, tmp_path, f"boxlite --home {written} rmi busybox:l") == ["latest"]
    assert bash_replies(command, tmp_path, "boxlite 'st'") == ["stop", "start"]
    assert bash_replies(command, tmp_path, "boxlite stop 'st") == []


def test_zsh(command, home, tmp_path):
    # The words as they are typed, which is what zsh hands over.
    words = f"{quote(quote(command))} --home {quote(quote(home))}"
    (tmp_path / "_boxlite").write_text(script(command, "zsh"))
    program = f"""
        compdef() {{ : }}
        _files() {{ print files }}
        _describe() {{ print -rl -- "${{(@P)2}}" }}
        source {quote(tmp_path)}/_boxlite
        words=({words} rmi busybox:l); CURRENT=$#words; _boxlite
        words=({words} run --rm --wor); CURRENT=$#words; _boxlite
        words=({words} exec box cat /etc/p); CURRENT=$#words; _boxlite
    """
    done = subprocess.run(["zsh", "-f", "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["busybox\\:latest", "--workdir:Directory to run in", "files"]


def test_fish(command, home, tmp_path):
    (tmp_path / "boxlite.fish").write_text(script(command, "fish"))
    program = f"""
        source {quote(tmp_path)}/boxlite.fish
        complete -C 'boxlite st'
        complete -C {quote(f"boxlite --home {quote(home)} rmi busy")}
    """
    environment = {"PATH": f"{pathlib.Path(command).parent}:/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    done = subprocess.run(["fish", "--no-config", "-c", program], capture_output=True, text=True, env=environment)
    found = [line.split("\t")[0] for line in done.stdout.splitlines()]
    assert found == ["start", "stop", "busybox:latest"]


def pages(command):
    return sorted((pathlib.Path(command).parents[1] / "share/man/man1").glob("*.1"))


def test_every_command_has_a_manual_page_without_mistakes(boxlite, command):
    commands = re.findall(r"^  ([a-z]+)  +\S", boxlite("--help").stdout, re.M)
    names = [page.stem for page in pages(command)]
    assert "boxlite" in names
    assert {f"boxlite-{name}" for name in commands} <= set(names)
    for page in pages(command):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", str(page)], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), page


def test_a_manual_page_says_what_help_says(boxlite, command):
    page = next(page for page in pages(command) if page.stem == "boxlite-run")
    text = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", str(page)], capture_output=True, text=True, check=True
    ).stdout
    text = re.sub(r".\x08", "", text)
    assert "boxlite run [OPTIONS] IMAGE [COMMAND] [ARGUMENT...]" in text
    for option in re.findall(r"--[a-z-]+", boxlite("run", "--help").stdout):
        assert option in text
