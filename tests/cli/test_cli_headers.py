"""A header that is missing in every storm is told once; so is a world in which nothing runs."""

from __future__ import annotations

import io

from cli_fakes import finding, run_report, violated

from patchstorm.report.console import console_on, tell
from patchstorm.report.model import Report, RunReport

HEADER = finding(
    checker="protocol",
    summary="HEAD (op 3) without no-store",
    header="HEAD was answered without no-store",
)
BYTES = finding(checker="bytes", summary="7 bytes too long")


def said(*runs: RunReport) -> str:
    file = io.StringIO()
    tell(Report(verdict="violated", runs=runs), console_on(file), took="1 s")
    return file.getvalue()


def test_a_header_that_is_missing_everywhere_is_told_once() -> None:
    storms = [violated(scenario=name, findings=(HEADER,)) for name in ("parallel", "replaying")]
    worse = violated(scenario="rivals", findings=(HEADER, BYTES))
    text = said(*storms, worse)
    assert text.count("HEAD was answered without no-store") == 1
    assert "one cause in 3 storms (parallel, replaying, rivals)" in text
    assert "(op 3)" not in text
    assert text.count("protocol, about headers alone") == 2
    assert "7 bytes too long" in text, "what is wrong beside is told"


def test_a_header_of_one_storm_is_told_with_it() -> None:
    text = said(violated(scenario="parallel", findings=(HEADER,)), run_report())
    assert "one cause" not in text and "(op 3)" in text


def test_a_world_in_which_nothing_can_run_has_no_column() -> None:
    away = [
        run_report(scenario=name, world="sim", verdict=None, skipped="a program")
        for name in ("parallel", "replaying")
    ]
    here = [run_report(scenario=name, world="processes") for name in ("parallel", "replaying")]
    head = said(*away, *here).splitlines()[0].split()
    assert head == ["scenario", "processes", "seconds", "remark"]
    partly = run_report(scenario="parallel", world="sim")
    head = said(partly, *away[1:], *here).splitlines()[0].split()
    assert head[:3] == ["scenario", "sim", "processes"]
