"""The command from end to end, as a newcomer types it.

``ci/pythons.sh`` runs this file with other Pythons, ``ci/lowest.sh`` with the lowest versions of all else; it
needs pytest and nothing of the extra ``dev``.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # other tests show all of it in more detail


def patchstorm(folder: Path, *arguments: str, code: int = 0, module: str = "patchstorm") -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and "Warning" not in done.stderr, done.stderr
    return done.stdout


def test_help_and_lists_are_told(tmp_path: Path) -> None:
    assert "explore" in patchstorm(tmp_path, "--help")
    assert "--schedules" in patchstorm(tmp_path, "run", "--help")
    assert "reference" in patchstorm(tmp_path, "list", "targets")
    assert patchstorm(tmp_path, "schema", "report").startswith("{")


def test_both_usual_worlds_and_both_reports(tmp_path: Path) -> None:
    asked = ("run", "sequential", "--schedules", "2", "--jobs", "2", "--junit", "here.xml")
    told = patchstorm(tmp_path, *asked, "--out", "runs")
    assert told.count("safe") >= 2
    assert (tmp_path / "here.xml").is_file()


def test_what_is_planted_is_found_and_comes_back(tmp_path: Path) -> None:
    patchstorm(
        tmp_path, "explore", "sequential", "--target", "bug:chunks-left", "--schedules", "2",
        "--out", "found", code=1,
    )  # fmt: skip
    (failure, *_) = (tmp_path / "found").rglob("failure.json")
    assert "residue" in patchstorm(tmp_path, "replay", str(failure), code=1)


def test_the_plugin_storms(tmp_path: Path) -> None:
    told = patchstorm(
        tmp_path, "-q", "-p", "no:cacheprovider", "--patchstorm-target", "reference",
        "--patchstorm-scenarios", "sequential", "--patchstorm-worlds", "sim,processes",
        "--patchstorm-schedules", "2", "--patchstorm-no-corpus", module="pytest",
    )  # fmt: skip
    assert "2 passed" in told
