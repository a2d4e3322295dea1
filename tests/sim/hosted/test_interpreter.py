"""A target's file may name the Python that simulates its server; the command goes on there."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from patchstorm import api
from patchstorm.cli import main
from patchstorm.errors import OtherPythonError

from .running import SERVERS

SERVER = SERVERS / "race_aiohttp.toml"
PATHS = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
"""Another Python of the same version finds there what this one has."""


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it."""
    place = tmp_path_factory.mktemp("other") / "venv"
    venv.create(place, symlinks=True)
    return place / "bin" / "python"


def described(here: Path, python: object) -> Path:
    head, _, rest = SERVER.read_text().partition("[start]")
    text = head + rest[rest.index("[simulate]") :]
    text = text.replace("[simulate]", f'[simulate]\npython = "{python}"')
    (here / "race_aiohttp.py").write_text((SERVERS / "race_aiohttp.py").read_text())
    (here / "named.toml").write_text(text)
    return here / "named.toml"


@pytest.mark.slow
def test_the_command_goes_on_with_the_python_that_is_named(tmp_path: Path, other: Path) -> None:
    target = described(tmp_path, other)
    ran = subprocess.run(
        [sys.executable, "-m", "patchstorm", "target", "check", str(target)],
        env={**os.environ, **PATHS}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert f"race-aiohttp is simulated by {other}, Python {sys.version.split()[0]}\n" in ran.stderr
    assert "simulated: yes" in ran.stdout


def test_a_python_without_patchstorm_is_an_error_with_the_line_that_installs_it(
    tmp_path: Path, other: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", "")
    target = described(tmp_path, os.path.relpath(other, tmp_path))
    assert main(["explore", "replaying", "--target", str(target), "--schedules", "1"]) == 2
    assert f"{other} -m pip install patchstorm==" in capsys.readouterr().err


def test_a_python_that_is_not_there_is_an_error_that_says_how_to_make_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = described(tmp_path, "venv/bin/python")
    assert main(["explore", "replaying", "--target", str(target), "--schedules", "1"]) == 2
    assert f"python3 -m venv {tmp_path}/venv" in capsys.readouterr().err


def test_the_python_that_runs_may_be_named_as_well(tmp_path: Path) -> None:
    target = described(tmp_path, sys.executable)
    assert api.run("sequential", str(target), world="sim", storage="tmpfs").report.verdict == "safe"


def test_a_program_is_told_which_python_to_use(
    tmp_path: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", PATHS["PYTHONPATH"])
    with pytest.raises(OtherPythonError, match=f"Run this with it: {other}"):
        api.run("sequential", str(described(tmp_path, other)), world="sim", storage="tmpfs")
