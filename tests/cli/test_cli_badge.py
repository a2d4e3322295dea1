"""``--badge``: what shields.io draws, of a run and of a report that a run left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import run_report, skipped, unknown, violated

from patchstorm.cli import main
from patchstorm.report.badge import badge, write_badge
from patchstorm.report.github import summary
from patchstorm.report.html import page
from patchstorm.report.model import RunReport, report_of

NAMED = {
    "brightgreen", "green", "yellowgreen", "yellow", "orange", "red", "blue", "lightgrey",
}  # fmt: skip
"""The colors that shields.io knows by name."""


def obeys(said: dict[str, Any]) -> None:
    """The endpoint's schema: what must be there, of what type, and nothing that it does not know."""
    assert type(said["schemaVersion"]) is int and said["schemaVersion"] == 1
    assert isinstance(said["label"], str) and isinstance(said["message"], str) and said["message"]
    assert said["color"] in NAMED
    assert said.keys() <= {"schemaVersion", "label", "message", "color", "isError"}
    assert said.get("isError", False) in (True, False)


@pytest.mark.parametrize(
    ("runs", "message", "color", "error"),
    [
        ([run_report(), run_report(scenario="b"), skipped()], "2 safe", "brightgreen", False),
        ([run_report(), violated(), unknown()], "1 violated, 1 unknown, 1 safe", "red", True),
        ([run_report(), unknown()], "1 unknown, 1 safe", "yellow", False),
        ([skipped()], "nothing ran", "lightgrey", False),
        ([], "nothing ran", "lightgrey", False),
    ],
)
def test_a_badge_says_how_many_and_has_the_color_of_the_worst(
    runs: list[RunReport], message: str, color: str, error: bool, tmp_path: Path
) -> None:
    report = report_of(tuple(runs))
    write_badge(report, tmp_path / "badge.json")
    said = json.loads((tmp_path / "badge.json").read_text())
    obeys(said)
    assert (said["message"], said["color"], said.get("isError", False)) == (message, color, error)
    assert badge(report).label == "patchstorm"


def test_what_was_interrupted_is_nowhere_safe() -> None:
    report = report_of((run_report(),), interrupted=True)
    assert (report.verdict, badge(report).color) == ("unknown", "yellow")
    assert badge(report).message == "1 safe, interrupted"
    assert "1 safe, then interrupted" in summary(report)
    assert "1 safe" in page(report) and ", then interrupted</p>" in page(report)
    assert report_of((violated(),), interrupted=True).verdict == "violated"
    whole = report_of((run_report(),))
    assert whole.verdict == "safe" and "interrupted" not in summary(whole) + page(whole)


def test_a_run_and_the_report_that_it_left_give_the_same_badge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ("--world", "sim", "--schedules", "1", "--jobs", "1", "--no-corpus", "--out", "out")
    assert main(["run", "sequential", *asked, "--badge", "one.json"]) == 0
    assert main(["report", "out", "--badge", "other.json"]) == 0
    one, other = (json.loads(Path(name).read_text()) for name in ("one.json", "other.json"))
    obeys(one)
    assert one == other and one["message"] == "1 safe"
    capsys.readouterr()
    for command in (["run", "sequential"], ["report", "out"]):
        assert main([*command, "--badge", "nowhere/b.json"]) == 2
        assert "--badge nowhere/b.json: cannot be written" in capsys.readouterr().err
