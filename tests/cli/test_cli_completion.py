"""Shells complete commands, options and names; asking for it is no failure."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from patchstorm.cli import main
from patchstorm.cli.completing import ASKED, lists, schemas, storages, worlds
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


def test_the_script_of_a_shell_is_shown_with_exit_code_0(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Typer looks for a shell among the processes that this one was started by; there may be none.
    monkeypatch.setattr("shellingham.detect_shell", lambda *_: ("bash", "/bin/bash"))
    assert main(["--show-completion", "bash"]) == 0
    told = capsys.readouterr()
    assert "complete -o default -F _patchstorm_completion patchstorm" in told.out
    assert told.err == ""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_a_real_bash_completes_a_line(tmp_path: Path) -> None:
    script = tmp_path / "patchstorm"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m patchstorm "$@"\n')
    script.chmod(0o755)
    asked = """
        eval "$(patchstorm --show-completion bash)"
        COMP_WORDS=(patchstorm sel) COMP_CWORD=1
        _patchstorm_completion patchstorm
        echo "${COMPREPLY[@]}"
    """
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run(
        ["bash", "--norc", "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["selftest"]
