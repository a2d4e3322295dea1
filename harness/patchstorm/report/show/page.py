"""The whole page: one file, nothing loaded from anywhere, readable without its script.

What servers and scenarios said goes in escaped, as text or as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from markupsafe import Markup

from patchstorm.check.model import Finding
from patchstorm.history.model import History
from patchstorm.report.paper import rendered
from patchstorm.report.show.bytemap import strips
from patchstorm.report.show.drawing import hue, strip
from patchstorm.report.show.marks import marks
from patchstorm.report.show.model import Held, Page, Timeline
from patchstorm.report.show.sheets import ROWS_MAX, sheets
from patchstorm.report.show.timeline import laid_out
from patchstorm.report.show.words import size

PACKAGE: Final = "patchstorm.report.show"
REQUESTS_MAX: Final = 2_000  # in the table; the diagram has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A failure as the page needs it. ``facts`` are names and values for its head, in order.

    ``story`` is what a reader is told, ``told`` the part of it whose steps are one chain of causes.
    ``step_ns`` is how long a step takes in a world whose stories count them. ``places`` has for each step the
    line of the store that led to it; ``held`` says from which step on a replica's host held what, that was
    not so, and ``unseen`` why neither is known.
    """

    title: str
    findings: Sequence[Finding]
    story: Sequence[str]
    told: Sequence[str]
    command: str
    facts: Sequence[tuple[str, str]]
    history: History
    step_ns: int | None = None
    places: Sequence[str] = ()
    held: Sequence[tuple[int, int, tuple[str, ...]]] = ()
    unseen: str = ""


def page(shown: Shown) -> str:
    """The page as text."""
    timeline = laid_out(shown.history, list(marks(shown.told)), shown.step_ns, shown.places)
    maps = strips(shown.history, timeline, shown.findings)
    return rendered(
        PACKAGE,
        "show.html.j2",
        style="show.css",
        script="show.js",
        shown=shown,
        story=[(line, line.lstrip().startswith("->")) for line in shown.story],
        data=_data(Page(timeline=timeline, strips=maps, held=tuple(_held(shown, timeline)))),
        sheets=sheets(timeline),
        maps=[(one, strip(one)) for one in maps],
        requests=timeline.requests[:REQUESTS_MAX],
        left_out=max(0, len(timeline.requests) - REQUESTS_MAX),
        rows=len(timeline.rows),
        rows_max=ROWS_MAX,
        hue=hue,
        size=size,
    )


def _held(shown: Shown, timeline: Timeline) -> Iterator[Held]:
    steps = [number for number, row in enumerate(timeline.rows) if row.kind == "step"]
    lanes = [number for number, lane in enumerate(timeline.lanes) if lane.kind == "replica"]
    for step, replica, says in shown.held:
        yield Held(row=steps[step], lane=lanes[replica], says=says)


def _data(said: Page) -> Markup:
    """JSON for a script element: no ``<`` in it, so nothing can end the element (HTML, 13.2.5.15)."""
    text = msgspec.json.encode(said).decode()
    return Markup(
        text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    )
