"""``patchstorm pin``: the test that it writes fails while the bug is there, and passes when it is gone."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from patchstorm.cli import main

FUSSY = "E,W,F,I,B,UP,SIM,RUF,PT,N,A,ISC,RET,D3,ANN"


@pytest.fixture(scope="module")
def found(appending_failure: Path) -> Path:
    return appending_failure


def edited(found: Path, folder: Path, **changes: object) -> Path:
    path = folder / "edited.json"
    path.write_text(json.dumps(json.loads(found.read_text()) | changes))
    return path


def pytest_on(folder: Path) -> subprocess.CompletedProcess[str]:
    """Plain pytest, as somebody else would type it."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "."],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def ruff(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--isolated", "--no-cache", "."],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.slow
def test_while_the_bug_is_there_it_fails_with_the_story(found: Path, tmp_path: Path) -> None:
    storms = tmp_path / "tests" / "storms"
    assert main(["pin", str(found), "-o", str(storms)]) == 0
    name = "test_replaying_reference_append_bytes"
    assert {path.name for path in storms.iterdir()} == {f"{name}.py", f"{name}.json"}
    done = pytest_on(storms)
    assert done.returncode == 1 and "1 failed" in done.stdout
    said = done.stdout.splitlines()
    assert "replaying against reference:append in sim, seed 1: violated" in said
    assert any(line.startswith("  -> step ") for line in said)
    assert f"patchstorm replay {storms / name}.json" in said
    assert "Traceback" not in done.stdout and "pytest.fail" not in done.stdout


@pytest.mark.slow
def test_once_it_is_repaired_it_passes(found: Path, tmp_path: Path) -> None:
    assert main(["pin", str(found), "-o", str(tmp_path)]) == 0
    (kept,) = tmp_path.glob("*.json")
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"target": "reference"}))
    done = pytest_on(tmp_path)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_ruff_says_nothing_and_three_lines_explain(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pin", str(found), "-o", str(tmp_path)]) == 0
    assert ruff("check", "--select", FUSSY, folder=tmp_path) == ""
    assert ruff("format", "--check", folder=tmp_path) == ""
    (written,) = tmp_path.glob("*.py")
    explained = ast.get_docstring(ast.parse(written.read_text()))
    assert explained is not None
    lines = [line for line in explained.splitlines() if line]
    assert len(lines) == 3
    assert lines[0] == "replaying against reference:append: bytes."
    assert json.loads(found.read_text())["findings"][0]["summary"] in lines[1]
    assert "patchstorm replay" in lines[2]


def test_what_a_server_says_is_no_code(found: Path, tmp_path: Path) -> None:
    nasty = 'it said """\nimport os\n\\" \\N{x} \u202e' + "and on " * 40 + "\\"
    findings = json.loads(found.read_text())["findings"]
    findings[0]["summary"] = nasty
    path = edited(found, tmp_path, findings=findings)
    storms = tmp_path / "storms"
    assert main(["pin", str(path), "-o", str(storms)]) == 0
    (written,) = storms.glob("*.py")
    body = ast.parse(written.read_text()).body
    kinds = [type(one).__name__ for one in body]
    assert kinds == ["Expr", "ImportFrom", "Import", "ImportFrom", "Assign", "FunctionDef"]
    assert ruff("check", "--select", FUSSY, folder=storms) == ""


def test_another_failure_gets_another_name_and_the_same_its_own(
    found: Path, tmp_path: Path
) -> None:
    storms = tmp_path / "storms"
    plan = json.loads(found.read_text())["plan"]
    other = edited(found, tmp_path, plan=plan | {"seed": 99})
    for path in (found, other, found, other):
        assert main(["pin", str(path), "-o", str(storms)]) == 0
    assert sorted(path.name for path in storms.glob("*.json")) == [
        "test_replaying_reference_append_bytes.json",
        "test_replaying_reference_append_bytes_2.json",
    ]


@pytest.mark.slow
def test_real_processes_are_pinned_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("sequential", "--world", "processes", "--target", "bug:no-offset")
    assert main(["run", *wrong, "--out", str(tmp_path / "runs")]) == 1
    (path,) = (tmp_path / "runs").glob("*/failure.json")
    assert main(["pin", str(path), "-o", str(tmp_path / "storms")]) == 0
    done = pytest_on(tmp_path / "storms")
    assert done.returncode == 1 and "protocol: " in done.stdout
    (kept,) = (tmp_path / "storms").glob("*.json")
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"target": "reference"}))
    assert pytest_on(tmp_path / "storms").returncode == 0


def test_a_store_without_a_name_is_refused_with_a_remedy(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(found, tmp_path, own=True, target="mine")
    assert main(["pin", str(path), "-o", str(tmp_path / "storms")]) == 2
    assert "patchstorm.api.came_back(path, subject=...)" in capsys.readouterr().err
    assert not (tmp_path / "storms").exists()
