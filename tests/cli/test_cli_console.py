"""What people read: the table, the tally, and stories that end in the command that replays them."""

from __future__ import annotations

import io
from typing import Any

import pytest
from cli_fakes import FAILURE, Terminal, finding, run_report, skipped, unknown, violated

from patchstorm.report.console import console_on, tell
from patchstorm.report.model import RunReport, report_of
from patchstorm.report.story import idle_checkers, remark, story


def told(*runs: RunReport, file: io.StringIO | None = None) -> str:
    out = file or io.StringIO()
    tell(report_of(runs), console_on(out), took="3.5 s")
    return out.getvalue()


def lines_of(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def test_each_storm_is_one_row_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = lines_of(told(run_report(), unknown(scenario="late"), skipped(scenario="rivals")))
    assert lines[0].split() == ["scenario", "verdict", "operations", "seconds", "remark"]
    assert lines[1].split() == ["replaying", "safe", "412", "2.2"]
    assert lines[2].split()[:4] == ["late", "unknown", "412", "2.2"]
    assert lines[2].endswith("replica 1 did not start")
    assert lines[3].split() == ["rivals", "skipped", "needs", "termination"]
    assert lines[-1] == "1 of 2 that apply safe, 1 unknown, 1 skipped in 3.5 s"


def simulated(**changes: Any) -> RunReport:
    return run_report(**({"world": "sim", "schedules": 30, "steps": 9000} | changes))


def test_a_simulation_is_counted_in_schedules_and_steps() -> None:
    lines = lines_of(told(simulated()))
    assert lines[0].split() == ["scenario", "verdict", "schedules", "steps", "seconds", "remark"]
    assert lines[1].split() == ["replaying", "safe", "30", "9000", "2.2"]


def test_two_worlds_share_a_row() -> None:
    runs = (simulated(), simulated(scenario="late"), run_report(), unknown(scenario="late"))
    lines = lines_of(told(*runs))
    assert lines[0].split() == ["scenario", "sim", "processes", "seconds", "remark"]
    assert lines[1].split() == ["replaying", "safe", "30", "safe", "4.5"]
    assert lines[2].split()[:5] == ["late", "safe", "30", "unknown", "4.5"]
    assert lines[2].endswith("processes: replica 1 did not start")
    assert lines[-1] == "sim: 2 safe; processes: 1 unknown, 1 safe in 3.5 s"


def test_storms_skipped_for_the_same_reason_are_summed_up_below() -> None:
    names = ("a", "b", "c")
    runs = [simulated(scenario=name) for name in names]
    runs += [skipped(scenario=name) for name in names[:2]] + [run_report(scenario="c")]
    lines = lines_of(told(*runs))
    assert lines[1].split() == ["a", "safe", "30", "skipped", "2.2"]
    assert "Skipped in processes: a, b (needs termination)" in lines


def test_steps_are_told_once_and_each_checker_in_a_line() -> None:
    found = (finding(), finding(summary="a second one"), finding(checker="conflict"))
    steps = ("   step 1  replica 0  reads", "-> step 2  replica 1  writes   <- changed meanwhile")
    run = violated(world="sim", findings=found, story=steps, others=("out/other/failure.json",))
    lines = story(run)
    assert [line for line in lines if line.startswith(("  bytes: ", "  conflict: "))] == [
        "  bytes: the published file is 131072 bytes long, not 65536",
        "  conflict: the published file is 131072 bytes long, not 65536",
    ]
    assert "  -> step 2  replica 1  writes   <- changed meanwhile" in lines
    assert "  another cause: patchstorm replay out/other/failure.json" in lines
    assert lines[-1] == f"patchstorm replay {FAILURE}"
    assert not any("op 3 PATCH" in line for line in lines), "the steps stand for the requests"


def test_the_last_line_of_a_violation_replays_it() -> None:
    lines = lines_of(told(run_report(), violated()))
    assert lines[-1] == f"patchstorm replay {FAILURE}"
    assert "  bytes: the published file is 131072 bytes long, not 65536" in lines
    assert "    bytes [65536, 131072)" in lines
    assert "    -> op 4 PATCH [0, 65536): 204" in lines


def test_a_path_with_spaces_can_be_pasted() -> None:
    assert story(violated(failure="my runs/failure.json"))[-1] == (
        "patchstorm replay 'my runs/failure.json'"
    )


def test_brackets_in_a_story_are_text_and_not_markup() -> None:
    text = told(violated(findings=(finding(summary="[red]bytes[/red] [0, 5)"),)))
    assert "[red]bytes[/red] [0, 5)" in text


def test_of_many_findings_every_checker_is_told_first() -> None:
    many = [finding(summary=f"number {n}") for n in range(5)] + [finding(checker="conflict")]
    lines = story(violated(findings=tuple(many)))
    assert any("number 0" in line for line in lines)
    assert any("conflict: " in line for line in lines)
    assert f"  and 3 more findings; all are in {FAILURE}" in lines


@pytest.mark.parametrize("columns", ["30", "48", "80", "200"])
def test_every_width_holds_the_table_and_never_breaks_a_command(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = lines_of(told(run_report(), simulated(), violated(), skipped()))
    table = lines[: lines.index("")]
    assert all(len(line) <= int(columns) for line in table)
    assert lines[-1] == f"patchstorm replay {FAILURE}"


def test_a_pipe_gets_no_colour_and_a_terminal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[" not in told(violated())
    assert "\x1b[" in told(violated(), file=Terminal())


def test_no_color_is_obeyed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    coloured = [code for code in ("\x1b[31", "\x1b[32", "\x1b[1;31") if code in told(violated())]
    assert coloured == []
    assert "\x1b[3" not in told(violated(), file=Terminal())


def test_checkers_that_did_not_apply_are_summed_up_once() -> None:
    notes = ("replay does not apply: sequential", "status does not apply: none", "disk was small")
    runs = [run_report(notes=notes), run_report(notes=notes[:1]), run_report()]
    assert remark(runs[0]) == "disk was small"
    assert idle_checkers(runs) == (
        "Checkers that did not apply, to how many storms: replay to 2, status to 1"
    )
    assert idle_checkers(runs[2:]) is None


def test_a_reason_of_many_lines_is_told_below_the_table() -> None:
    lines = lines_of(told(unknown(unknown="replica 0 ended:\nlast words\nmore words")))
    assert lines[1].endswith("replica 0 ended: ...")
    assert lines[-2:] == ["last words", "more words"]


MANY_REMARKS = tuple(f"case {number} was not asked" for number in range(6))


def test_a_storm_run_alone_tells_all_its_remarks() -> None:
    text = told(simulated(notes=MANY_REMARKS))
    assert all(note in text for note in MANY_REMARKS)


def test_among_many_storms_a_talkative_one_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    text = told(simulated(notes=MANY_REMARKS), simulated(scenario="late"))
    assert MANY_REMARKS[0] in text
    assert "5 more remarks" in text
    assert MANY_REMARKS[-1] not in text
