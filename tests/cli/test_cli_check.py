"""``patchstorm check`` judges histories that it did not record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_fakes import one_upload

from patchstorm.cli import main
from patchstorm.history import write_history
from patchstorm.history.model import History


def stored(history: History, path: Path) -> str:
    with path.open("wb") as file:
        write_history(history, file)
    return str(path)


@pytest.fixture
def good(tmp_path: Path) -> str:
    return stored(one_upload(published=64), tmp_path / "good.jsonl")


@pytest.fixture
def short(tmp_path: Path) -> str:
    """The published file lacks the last half of what was acknowledged."""
    return stored(one_upload(published=32), tmp_path / "short.jsonl")


def test_a_good_history_is_safe(good: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", good]) == 0
    said = capsys.readouterr().out
    assert "by-hand against somebody in elsewhere, seed 7: safe, 2 operations" in said


def test_a_short_file_is_a_violation_with_its_story(
    short: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", short]) == 1
    said = capsys.readouterr().out
    assert "bytes: " in said
    assert "[32, 64)" in said


def test_every_checker_has_a_row_and_skips_have_a_reason(
    good: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check", good, "--json"])
    document = json.loads(capsys.readouterr().out)
    checkers = {one["checker"]: one for one in document["checkers"]}
    assert checkers["bytes"]["verdict"] == "safe"
    assert checkers["status"]["verdict"] is None
    assert checkers["status"]["skipped"]


def test_json_is_one_object_of_the_common_shape(
    short: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", short, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] == "violated"
    (run,) = document["runs"]
    assert (run["scenario"], run["world"], run["seed"]) == ("by-hand", "elsewhere", 7)
    assert "bytes" in {finding["checker"] for finding in run["findings"]}
