"""The report and the matrix in a real Chromium: they fit, load nothing, say nothing, and print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patchstorm.check.model import Finding, Ruled
from patchstorm.check.tried import Point
from patchstorm.report.html import page
from patchstorm.report.measures import BINS, Dot, Measured, Struck
from patchstorm.report.model import Made, Pairs, Report, RunReport

from .browser import Opened
from .histories import WILD

pytestmark = pytest.mark.slow  # a browser takes seconds to start


def wild_report() -> tuple[Report, dict[str, Measured]]:
    """A report in which every text that a server, a storm or a host chose is hostile."""
    rule = Ruled(
        rule=WILD, level="must", section=WILD, says=WILD, held=False, case=WILD, request=WILD,
        answer=WILD, complaint=WILD,
    )  # fmt: skip
    pairs = Pairs(
        dimensions=("client", "fault"), cells=(("client", "fault", 1, 2),), never=((WILD, WILD),),
        never_all=1, apart={WILD: 3}, absent={WILD: WILD},
    )  # fmt: skip
    run = RunReport(
        scenario=WILD, target=WILD, world="processes", seed=1, verdict="violated",
        findings=(Finding(checker="bytes", summary=WILD, story=(WILD,)),), failure=WILD,
        notes=(WILD,), points=(Point(name=WILD, reached=False, why=WILD),), scaled=(WILD,),
        histories=(WILD,), rules=(rule,), pairs=pairs,
    )  # fmt: skip
    skipped = RunReport(
        scenario=f"{WILD}2", target=WILD, world="sim", seed=1, verdict=None, skipped=WILD
    )
    made = Made(patchstorm=WILD, python=WILD, machine=WILD, date=WILD, seconds=1.0)
    measures = Measured(
        span_ms=100.0,
        dots=(
            Dot(at_ms=1.0, took_ms=3.0, ended="done"),
            Dot(at_ms=9.0, took_ms=80.0, ended="refused"),
        ),
        flow=(4096,) * BINS,
        faults=(Struck(at_ms=5.0, end_ms=50.0, fault=WILD),),
        healed_ms=60.0,
    )
    return Report(verdict="violated", runs=(run, skipped), made=made), {WILD: measures}


@pytest.fixture(scope="module")
def wild_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    report, measures = wild_report()
    file = tmp_path_factory.mktemp("wild") / "report.html"
    file.write_text(page(report, {WILD: WILD}, measures), encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1200])
def test_hostile_names_fit_and_do_nothing(
    chromium: Any, wild_page: Path, width: int, scheme: str
) -> None:
    opened = Opened(
        chromium, wild_page, viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.evaluate("document.querySelectorAll('script, img, iframe').length") == 0
    assert opened.page.evaluate("document.title !== 'owned'")
    assert opened.said == [] and opened.asked == [wild_page.as_uri()]
    opened.page.close()


def test_what_is_open_stands_before_causes_and_causes_before_storms(
    chromium: Any, wild_page: Path
) -> None:
    opened = Opened(chromium, wild_page, viewport={"width": 1200, "height": 900})
    tops = [
        opened.page.evaluate(f"document.getElementById('{name}').getBoundingClientRect().top")
        for name in ("open", "causes", "storms", "stories", "rules", "plots", "pairs")
    ]
    assert tops == sorted(tops)
    assert tops[1] < 900, "the first cause is seen without scrolling"
    opened.page.close()


def test_both_plots_are_drawn_inside_their_frame(chromium: Any, wild_page: Path) -> None:
    opened = Opened(chromium, wild_page, viewport={"width": 400, "height": 900})
    outside = opened.page.evaluate(
        """[...document.querySelectorAll('svg.plot')].flatMap(plot => {
          const frame = plot.getBoundingClientRect();
          return [...plot.querySelectorAll('text, circle, path, rect')].filter(part => {
            const box = part.getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1
              || box.top < frame.top - 1 || box.bottom > frame.bottom + 1; }); }).length"""
    )
    assert opened.page.evaluate("document.querySelectorAll('svg.plot').length") == 2
    assert outside == 0
    opened.page.close()


def test_paper_shows_what_a_screen_folds_away(chromium: Any, wild_page: Path) -> None:
    opened = Opened(chromium, wild_page, viewport={"width": 800, "height": 900})
    visible = "document.querySelector('.gaps details ul').checkVisibility()"
    assert not opened.page.evaluate(visible)
    opened.page.emulate_media(media="print")
    assert opened.page.evaluate(visible)
    opened.page.close()
