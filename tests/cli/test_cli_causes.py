"""What one missing line of a target's file did to many storms is told once."""

from __future__ import annotations

import io

from rich.console import Console

from patchstorm.check.model import Finding, Remedy
from patchstorm.report.console import tell
from patchstorm.report.model import Report, RunReport


def left(*patterns: str) -> Finding:
    return Finding(
        checker="residue",
        summary=f"{len(patterns)} paths were left after a sweep",
        story=("-> one of them",),
        remedy=Remedy(key="files.leftovers", patterns=patterns),
    )


def run(storm: str, *findings: Finding) -> RunReport:
    return RunReport(
        scenario=storm, target="mine", world="processes", seed=1, verdict="violated",
        findings=findings, failure=f"runs/{storm}/failure.json",
    )  # fmt: skip


def told(*runs: RunReport) -> str:
    file = io.StringIO()
    tell(Report(verdict="violated", runs=runs), Console(file=file, width=200), took="1 s")
    return file.getvalue()


REAL = Finding(checker="bytes", summary="the file holds other bytes", story=("-> a request",))


def test_one_cause_is_told_once_with_its_storms_and_the_line_to_add() -> None:
    storms = [run(f"storm-{number}", left("*.info")) for number in range(27)]
    said = told(*storms, run("real", REAL, left("*.info")))
    assert "residue, one cause in 28 storms (storm-0, storm-1, storm-2, storm-3, ...)" in said
    assert '[files]  leftovers = ["*.info"]' in said
    assert "storm-5 against mine" not in said, "nothing else was found there"
    assert said.count("paths were left after a sweep") == 0
    assert "real against mine" in said and "the file holds other bytes" in said


def test_what_only_one_storm_left_keeps_its_story() -> None:
    said = told(run("one", left("*.info")), run("two", left("*.info")), run("odd", left("*.tmp")))
    assert "one cause in 2 storms (one, two)" in said
    assert "odd against mine" in said and "1 paths were left after a sweep" in said
    assert "none, if the target's file may say so" in said


def test_a_storm_alone_tells_its_story() -> None:
    said = told(run("one", left("*.info")))
    assert "one cause" not in said and "1 paths were left after a sweep" in said
