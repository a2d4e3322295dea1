"""A storm whose fault came too late is run again: a moment that was not hit is no try."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patchstorm.campaign import single
from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.single import AIMS_MAX, run_storm
from patchstorm.check.tried import Point
from patchstorm.check.verdict import Verdict
from patchstorm.report.model import RunReport

LATE, HIT = ("crash-0",), ()


def came_to(verdict: Verdict, missed: tuple[str, ...]) -> StormResult:
    struck = Point(name="crash-0", reached=not missed, why="never triggered: phase publishing")
    report = RunReport(
        scenario="s", target="t", world="processes", seed=1, verdict=verdict, points=(struck,)
    )
    return StormResult(report=report, missed=missed)


def stormed(
    monkeypatch: pytest.MonkeyPatch, folder: Path, results: Iterator[StormResult]
) -> StormResult:
    """A storm whose runs come to these ``results``; each finds its directory as the first did."""

    async def run_in(own: Path, *_: Any) -> StormResult:
        assert list(own.iterdir()) == []
        (own / "history.jsonl").touch()
        return next(results)

    monkeypatch.setattr(single, "_run_in", run_in)
    return run_storm("crash-publishing", "reference", seed=1, out_dir=folder)


def test_a_storm_is_run_until_its_fault_hits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = iter([came_to("safe", LATE), came_to("safe", LATE), came_to("safe", HIT)])
    report = stormed(monkeypatch, tmp_path, results).report
    assert report.verdict == "safe"
    assert "run 3 times, until its faults hit the moments that they wait for" in report.notes
    assert next(results, None) is None


def test_what_was_violated_though_late_is_no_less_violated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = iter([came_to("violated", LATE), came_to("safe", HIT)])
    assert stormed(monkeypatch, tmp_path, results).report.verdict == "violated"


def test_a_storm_that_is_always_late_ends_and_is_unknown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    results = iter([came_to("safe", LATE)] * (AIMS_MAX + 1))
    report = stormed(monkeypatch, tmp_path, results).report
    assert report.verdict == "unknown"
    assert f"run {AIMS_MAX} times; each time too late: crash-0" in report.notes
    assert len(list(results)) == 1
