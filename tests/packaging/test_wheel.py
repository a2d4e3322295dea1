"""A wheel, installed somewhere else: storms, targets, documents and images are in it, and it runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow  # it builds and installs


def patchstorm(elsewhere: Path, folder: Path, *arguments: str) -> str:
    """What the installed command prints; it must not see this checkout."""
    done = subprocess.run(
        [sys.executable, "-m", "patchstorm", *arguments],
        cwd=folder, env=environment(elsewhere), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment(elsewhere: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(elsewhere)}


def below(wheel: Path, folder: str, suffix: str) -> set[str]:
    names = zipfile.ZipFile(wheel).namelist()
    return {
        name.removeprefix(folder)
        for name in names
        if name.startswith(folder) and name.endswith(suffix)
    }


@pytest.mark.parametrize(
    ("inside", "checkout", "suffix"),
    [
        ("patchstorm/scenarios/", "scenarios", ".toml"),
        ("patchstorm/docs/", "docs", ".md"),
        ("patchstorm/target/bundled/", "harness/patchstorm/target/bundled", ".toml"),
    ],
)
def test_all_that_is_bundled_is_inside(
    wheel: Path, inside: str, checkout: str, suffix: str
) -> None:
    here = {path.relative_to(TOP / checkout).as_posix() for path in (TOP / checkout).rglob("*")}
    assert below(wheel, inside, suffix) == {name for name in here if name.endswith(suffix)} != set()


def test_types_templates_and_images_are_inside(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "patchstorm/py.typed" in names
    assert "patchstorm/report/assets/report.html.j2" in names
    assert [name for name in names if name.startswith("patchstorm/containers/")]
    assert not [name for name in names if name.startswith(("tests", "ci/", "benchmarks"))]


def test_the_installed_command_finds_what_came_with_it(elsewhere: Path, tmp_path: Path) -> None:
    assert patchstorm(elsewhere, tmp_path, "docs").startswith(
        str(elsewhere / "patchstorm" / "docs")
    )
    assert patchstorm(elsewhere, tmp_path, "docs", "cli").startswith("# The command")
    storms = patchstorm(elsewhere, tmp_path, "list", "scenarios").splitlines()
    assert len(storms) == len(list((TOP / "scenarios").glob("*.toml")))
    assert "reference" in patchstorm(elsewhere, tmp_path, "list", "targets")


def test_the_installed_command_storms_in_both_usual_worlds(elsewhere: Path, tmp_path: Path) -> None:
    told = patchstorm(
        elsewhere, tmp_path, "run", "sequential", "--schedules", "1", "--jobs", "2", "--no-corpus"
    )
    rows = [line.split()[:2] for line in told.splitlines() if line.startswith("sequential")]
    assert rows and all(row[1] == "safe" for row in rows)
    assert list(tmp_path.iterdir()) == []


def test_the_installed_plugin_is_the_wheels_own(elsewhere: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "--patchstorm-target", "reference", "--patchstorm-scenarios", "sequential",
            "--patchstorm-worlds", "sim", "--patchstorm-schedules", "1",
        ],
        cwd=tmp_path, env=environment(elsewhere), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
