"""What the simulator makes smaller is told beside the verdict; who wants his sizes as they are has them."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as Xml

from patchstorm.campaign.explore import explore
from patchstorm.report.console import console_on, tell
from patchstorm.report.junit import write_junit
from patchstorm.report.model import Report, RunReport
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.schema import parse
from patchstorm.worlds.sim.scale import said, scaled

LINE = "u0: 40,000 bytes in 20 chunks of 2,000 became 5,952 bytes in 12 chunks of 496"


def mine(size: str = "40000", chunk: str = "2000", head: str = "") -> Scenario:
    return parse(
        f'title = "mine"\nwhy = "sizes"\n{head}\n[[upload]]\nsize = "{size}"\nchunk = "{chunk}"\n'
        '[[client]]\nkind = "sequential"\n',
        name="mine", file="mine.toml",
    )  # fmt: skip


def told(report: RunReport) -> str:
    shown = io.StringIO()
    tell(Report(verdict="safe", runs=(report,)), console_on(shown), took="1.0 s")
    return " ".join(shown.getvalue().split())


def test_ones_own_sizes_that_became_smaller_are_a_remark_a_field_and_a_property(
    tmp_path: Path,
) -> None:
    report = explore(mine(), "reference", schedules=2).report
    assert report.scaled == (LINE,)
    assert f"scaled: {LINE}" in told(report)
    write_junit(Report(verdict="safe", runs=(report,)), tmp_path / "junit.xml")
    case = Xml.parse(tmp_path / "junit.xml").getroot()[0][0]
    assert [one.attrib["value"] for one in case.iter("property")] == [LINE]


def test_of_a_shipped_storm_it_is_one_line_below_the_table() -> None:
    report = explore(load("sequential"), "reference", schedules=2).report
    assert report.scaled and not any("scaled" in note for note in report.notes)
    assert "Sizes were scaled down for the simulator in 1 storm" in told(report)


def test_small_sizes_are_not_scaled_and_nothing_is_said() -> None:
    report = explore(mine("1024", "256"), "reference", schedules=2).report
    assert report.scaled == ()
    assert "scaled" not in told(report)


def test_scale_false_leaves_sizes_as_they_are() -> None:
    storm = mine(head="scale = false")
    plan = draw_plan(storm, seed=1, capabilities=("sequential", "creation"))
    assert scaled(plan) == plan
    assert said(plan) == ()
    report = explore(storm, "reference", schedules=2).report
    assert (report.verdict, report.scaled) == ("safe", ())
