"""Terminals of any width: no word is broken, what goes on hangs, and how much is told."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass

import pytest
from cli_fakes import FAILURE, Terminal, finding, run_report, skipped, unknown, violated

from patchstorm.cli import main
from patchstorm.report.console import console_on, tell
from patchstorm.report.layout import hung
from patchstorm.report.loudness import NORMAL, QUIET, VERBOSE, Loudness
from patchstorm.report.model import RunReport, report_of
from patchstorm.report.progress import Bar, Lines, Silent, progress
from patchstorm.report.searching import Searching

LONG = "linearizable: no legal order of the requests exists, " + "and that is told at length " * 6
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(*runs: RunReport, loudness: Loudness = NORMAL) -> list[str]:
    file = Terminal()
    report = report_of(runs)
    tell(report, console_on(file), took="3 s", loudness=loudness)
    return [line.rstrip() for line in ESCAPES.sub("", file.getvalue()).splitlines()]


def in_pipe(*runs: RunReport, loudness: Loudness = NORMAL) -> list[str]:
    file = io.StringIO()
    tell(report_of(runs), console_on(file), took="3 s", loudness=loudness)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def many() -> list[RunReport]:
    told = (finding(checker="linearizable", summary=LONG, story=(f"-> op 3 PATCH {LONG}",)),)
    return [
        violated(scenario="conflicting-truncated", findings=told, world=world, shrinking_s=1.0)
        for world in ("sim", "processes")
    ] + [unknown(scenario="crash-receiving-power-loss", unknown=LONG)]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_no_word_is_broken_and_no_line_is_too_long(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = on_terminal(*many())
    known = {*re.split(r"\s+", " ".join(in_pipe(*many()))), *LONG.split(), "..."}
    words = {word for line in lines for word in line.split()}
    assert words - known == set()
    assert all(len(line) <= columns for line in lines if not line.startswith("patchstorm "))
    assert any("conflicting-truncated" in line for line in lines), "the name is whole"


def test_what_goes_on_hangs_below_where_it_began() -> None:
    first, *rest = hung("  -> " + "word " * 40, 60)
    assert first.startswith("  -> word") and rest
    assert all(line.startswith("         word") for line in rest)
    assert hung("  patchstorm replay " + "x" * 90, 60) == ("  patchstorm replay " + "x" * 90,)
    assert hung("a" * 90, 60) == ["a" * 90], "a path that is too long is left whole"


def test_a_pipe_gets_every_line_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert f"  linearizable: {LONG}".rstrip() in in_pipe(*many())


def test_quiet_tells_what_was_found_and_the_command() -> None:
    lines = in_pipe(run_report(), violated(), skipped(scenario="rivals"), loudness=QUIET)
    assert lines == [
        "replaying against reference:append in processes, seed 1: violated",
        "  bytes: the published file is 131072 bytes long, not 65536",
        f"patchstorm replay {FAILURE}",
        "1 of 2 that apply safe, 1 violated, 1 skipped in 3 s",
    ]


def test_verbose_tells_every_remark_of_every_storm() -> None:
    runs = (
        run_report(scenario="a", notes=("one remark", "checksum does not apply: nobody asked")),
        run_report(scenario="b", scaled=("u0: smaller",)),
    )
    lines = in_pipe(*runs, loudness=VERBOSE)
    for said in ("one remark", "checksum does not apply: nobody asked", "scaled: u0: smaller"):
        assert f"   {said}" in lines
        assert f"   {said}" not in in_pipe(*runs)


def test_both_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "replaying", "-q", "-v"]) == 2
    assert "-q and -v" in capsys.readouterr().err


def test_shrinking_and_its_share_are_told() -> None:
    run = violated(world="sim", seconds=6.0, shrinking_s=2.0)
    assert "Shrinking took 2.0 s, 25% of the work" in in_pipe(run)
    assert not any("Shrinking" in line for line in in_pipe(violated()))


def test_a_violation_has_a_line_when_it_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Lines(2) as shown:
        shown.began("a")
        shown.ended("a", "violated, 1.0 s", found="bytes: 7 too many\x1b[31m")
    assert capsys.readouterr().err == "[1/2] a: violated, 1.0 s: bytes: 7 too many\\x1b[31m\n"
    file = Terminal()
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setenv("COLUMNS", "60")
    with Bar(2) as bar:
        for name in ("a", "b"):
            bar.began(name)
        bar.ended("a", "violated, 1.0 s", found="bytes: 7 too many")
        told = ESCAPES.sub("", file.getvalue())
        assert "violated a: bytes: 7 too many\n" in told, "before the storms are through"
        bar.ended("b", "safe, 1.0 s")
    count, violated_, clock = (
        ESCAPES.sub("", file.getvalue()).rindex(said) for said in ("2/2", "1 violated", "0:00:0")
    )
    assert count < violated_ < clock


@dataclass
class Now:
    """What a search tells."""

    schedules: int = 12
    budget: int | None = 200
    seconds: float = 3.0
    rate: float = 4.0
    violations: int = 0
    found: str = ""
    shrinking: bool = False


def test_a_search_tells_count_violations_and_clock_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = Terminal()
    monkeypatch.setattr(sys, "stderr", file)
    monkeypatch.setenv("COLUMNS", "60")
    with Searching("a-storm-with-a-name-that-is-much-too-long-for-it") as shown:
        shown.told(Now())
        shown.told(Now(violations=1, found="bytes: 7 too many"))
        shown.told(Now(violations=2, found="bytes: 9 too many"))
        shown.told(Now(violations=2, shrinking=True))
    parts = [part for part in re.split(r"[\r\n]", ESCAPES.sub("", file.getvalue())) if part]
    assert parts[0].startswith("12/200 schedules, 0 violated, 3 s, 4 a second: a-storm")
    assert all(len(part) <= 60 for part in parts)
    told = [part for part in parts if part.startswith("violated a-storm")]
    assert len(told) == 1, "the same cause again is counted and has no line"
    assert any("making it small" in part for part in parts)


def test_quiet_has_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(progress(3, QUIET), Silent)
    with Searching("a", QUIET) as shown:
        shown.told(Now(seconds=99.0, violations=3))
    assert capsys.readouterr().err == ""
