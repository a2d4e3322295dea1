"""Which release this is: told by the command, the package and the project's file, and the same in each."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from test_cli_startup import HEAVY, imported_by

import patchstorm
from patchstorm.cli import main
from patchstorm.commands import version

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]


def module(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "patchstorm", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_version_is_one_line_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"patchstorm {PROJECT['version']}\n", "")


def test_metadata_project_and_package_agree() -> None:
    assert metadata.version("patchstorm") == PROJECT["version"] == patchstorm.__version__


def test_the_version_told_is_the_installed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "version", lambda name: f"9.8.7 of {name}")
    assert version.installed() == "9.8.7 of patchstorm"


def test_code_that_was_only_copied_tells_its_own_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(version, "version", missing)
    assert version.installed() == patchstorm.__version__


def test_the_version_imports_nothing_heavy_and_no_other_command() -> None:
    imported = imported_by("--version")
    assert imported.isdisjoint(HEAVY)
    commands = {name for name in imported if name.startswith("patchstorm.commands.")}
    around_all = {f"patchstorm.commands.{name}" for name in ("ending", "signals", "streams")}
    assert commands - around_all == {"patchstorm.commands.version"}


def test_the_module_is_the_command() -> None:
    done = module("--version")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        f"patchstorm {PROJECT['version']}\n",
        "",
    )
    assert module("--help").stdout.startswith("Usage: patchstorm ")


def test_the_module_ends_with_the_commands_exit_code() -> None:
    done = module("list", "tables")
    assert done.returncode == 2
    assert done.stderr.startswith("patchstorm: ")
