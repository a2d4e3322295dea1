"""Shells complete commands, options and names; asking for it is no failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import shellingham

from patchstorm.cli import main
from patchstorm.cli.completing import ASKED, SHELLS, lists, schemas, storages, worlds
from patchstorm.commands.schema import KINDS
from patchstorm.scenario.library import names
from patchstorm.target.registry import bundled_names


def offered(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[str]:
    """What bash is told when Tab is pressed at the end of ``line``."""
    monkeypatch.setenv(ASKED, "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    assert main([]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    return told.out.splitlines()


def test_commands_options_and_names_are_offered(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered("patchstorm expl", monkeypatch, capsys) == ["explore"]
    assert offered("patchstorm run --exitf", monkeypatch, capsys) == ["--exitfirst"]
    assert set(offered("patchstorm run ", monkeypatch, capsys)) == set(names())
    assert set(offered("patchstorm run --target ", monkeypatch, capsys)) == set(bundled_names())
    assert offered("patchstorm explore --world fu", monkeypatch, capsys) == ["fuse"]
    assert offered("patchstorm list wor", monkeypatch, capsys) == ["worlds"]


def test_names_go_on_after_a_comma(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered("patchstorm matrix --targets reference,tus-n", monkeypatch, capsys) == [
        "reference,tus-node"
    ]


def test_every_kind_of_name_is_known() -> None:
    assert set(schemas("")) == set(KINDS)
    assert {"sim", "processes", "fuse"} <= set(worlds(""))
    assert "tmpfs" in storages("tm") and list(storages("nfs"))
    assert list(lists("bug")) == ["bugs"]


SAYS = {
    "bash": "complete -o default -F _patchstorm_completion patchstorm",
    "zsh": "#compdef patchstorm",
    "fish": "complete --command patchstorm",
    "powershell": "Register-ArgumentCompleter",
    "pwsh": "Register-ArgumentCompleter",
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("form", ["--show-completion {}", "--show-completion={}"])
def test_the_script_of_the_shell_that_is_named_is_shown_whatever_shell_this_is(
    form: str, shell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    assert main(form.format(shell).split()) == 0
    told = capsys.readouterr()
    assert SAYS[shell] in told.out and told.err == ""


def test_without_a_name_it_is_the_shell_that_this_was_started_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # There may be no shell among the processes that this one was started by.
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("fish", "/usr/bin/fish"))
    assert main(["--show-completion"]) == 0
    assert SAYS["fish"] in capsys.readouterr().out


def test_a_shell_that_is_unknown_or_not_found_is_an_error_that_names_the_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> tuple[str, str]:
        raise shellingham.ShellDetectionFailure

    monkeypatch.setattr("shellingham.detect_shell", none)
    for asked in (["--show-completion", "tcsh"], ["--install-completion"], ["--show-completion"]):
        assert main(asked) == 2
        told = capsys.readouterr()
        assert "bash, zsh, fish" in told.err and told.out == ""


def test_the_part_of_a_shell_is_put_where_it_reads_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    assert main(["--install-completion", "fish"]) == 0
    (installed,) = (file for file in tmp_path.rglob("*") if file.is_file())
    assert installed.suffix == ".fish" and SAYS["fish"] in installed.read_text()
    assert str(installed) in capsys.readouterr().out


def in_shell(command: list[str], asked: str, tmp_path: Path) -> str:
    """What a shell says that has this Patchstorm on its path."""
    script = tmp_path / "patchstorm"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m patchstorm "$@"\n')
    script.chmod(0o755)
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    environment = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(tmp_path),
    }
    ran = subprocess.run(
        [*command, "-c", asked],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return ran.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_real_bash_completes_a_line(tmp_path: Path) -> None:
    asked = """
        eval "$(patchstorm --show-completion bash)"
        COMP_WORDS=(patchstorm sel) COMP_CWORD=1
        _patchstorm_completion patchstorm
        echo "${COMPREPLY[@]}"
    """
    assert in_shell(["bash", "--norc"], asked, tmp_path).split() == ["selftest"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_a_real_zsh_completes_a_line(tmp_path: Path) -> None:
    # Completion works in an interactive zsh alone: one in a terminal of the other's making.
    asked = r"""
        zmodload zsh/zpty
        zpty inner zsh -f -i
        zpty -w inner 'autoload -U compinit; compinit -u -D; eval "$(patchstorm --show-completion zsh)"'
        zpty -w inner 'print rea""dy'
        zpty -r inner said '*ready*'
        zpty -n -w inner $'patchstorm expl\t'
        zpty -r inner said '*patchstorm explore*'
        print -r -- $said
        zpty -d inner
    """
    assert "patchstorm explore" in in_shell(["zsh", "-f"], asked, tmp_path)


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_a_real_fish_completes_a_line(tmp_path: Path) -> None:
    asked = """
        patchstorm --show-completion fish | source
        complete -C 'patchstorm expl'
        complete -C 'patchstorm list wor'
    """
    said = in_shell(["fish", "--no-config"], asked, tmp_path)
    assert [line.split()[0] for line in said.splitlines() if line.strip()] == ["explore", "worlds"]
