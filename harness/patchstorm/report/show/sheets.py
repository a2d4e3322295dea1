"""The diagram as SVG for readers without scripts and for paper: in sheets, of which each fits a page.

A sheet is as wide as a landscape page of A4 or Letter paper, at a size that can be read there, whatever the
number of columns: these get narrower, and their heads upright. Beyond LANES_MAX a sheet has those in which
something happens on it, and ends before there are too many; which ones it left out is said below it. What is
too long for a line goes on in the next one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from markupsafe import Markup
from rich.cells import cell_len, chop_cells

from patchstorm.legible import legible
from patchstorm.report.show.drawing import hue
from patchstorm.report.show.model import Lane, Row, Timeline

ROWS_MAX: Final = 300
SHEET_PX: Final = 1000
ROWS_PX: Final = 560  # with the head and what is said below it, the height of a landscape page
LANES_MAX: Final = 30
LANES_PX: Final = 480  # at most, so that there is as much room for words
LANE_PX: Final = 92
LINE_PX: Final = 14
LETTER_PX: Final = 6.7  # of a fixed-width font at 11 px, as the style has it
LINES_MAX: Final = 8  # of one row
NAME_MAX: Final = 24
GAP_PX: Final = 12


@dataclass(slots=True)
class Sheet:
    """Rows by their numbers with their lines, and the lanes that are drawn. ``y`` is where a row stands."""

    lanes: list[int]
    rows: list[int] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    height: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A sheet as SVG, and the names of the lanes that it left out."""

    svg: Markup
    left_out: Sequence[str]


def sheets(timeline: Timeline) -> list[Drawn]:
    """The rows that matter, at most ``ROWS_MAX`` of them around the cause."""
    return [
        Drawn(
            svg=_drawn(timeline, sheet),
            left_out=[lane.name for at, lane in enumerate(timeline.lanes) if at not in sheet.lanes],
        )
        for sheet in _cut(timeline)
    ]


def _cut(timeline: Timeline) -> Iterator[Sheet]:
    lanes = range(len(timeline.lanes))
    few = len(lanes) <= LANES_MAX
    sheet = Sheet(lanes=[*lanes] if few else [])
    for number in _chosen(timeline):
        row = timeline.rows[number]
        lines = _wrapped(_words(row), int((SHEET_PX - _lanes_px(timeline) - GAP_PX) / LETTER_PX))
        height = LINE_PX * len(lines) + 5
        more = {lane for lane in (row.lane, row.to) if lane >= 0} - {*sheet.lanes}
        if sheet.rows and (
            sheet.height + height > ROWS_PX or len(sheet.lanes) + len(more) > LANES_MAX
        ):
            yield sheet
            sheet = Sheet(lanes=[*lanes] if few else [])
            more = {lane for lane in (row.lane, row.to) if lane >= 0}
        if not few:
            sheet.lanes = sorted({*sheet.lanes, *more})
        sheet.rows.append(number)
        sheet.lines.append(lines)
        sheet.y.append(sheet.height + LINE_PX / 2 + 2)
        sheet.height += height
    if sheet.rows:
        yield sheet


def _chosen(timeline: Timeline) -> list[int]:
    keys = [number for number, row in enumerate(timeline.rows) if row.key]
    if len(keys) <= ROWS_MAX:
        return keys
    around = [number for number, row in enumerate(timeline.rows) if row.matters] or keys[:1]
    middle = keys.index(around[len(around) // 2])
    first = max(0, min(middle - ROWS_MAX // 2, len(keys) - ROWS_MAX))
    chosen = {*keys[first : first + ROWS_MAX], *around[:ROWS_MAX]}
    return sorted(chosen)


def _words(row: Row) -> str:
    return legible(f"{row.text}  ← {row.why}" if row.why else row.text)


def _wrapped(text: str, cells: int) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(longer) <= cells:
            lines[-1] = longer
        else:
            lines += chop_cells(word, cells)
    lines = [line for line in lines if line] or [""]
    return lines if len(lines) <= LINES_MAX else [*lines[: LINES_MAX - 1], "…"]


def _column(timeline: Timeline) -> float:
    return min(LANE_PX, LANES_PX / max(1, min(LANES_MAX, len(timeline.lanes))))


def _lanes_px(timeline: Timeline) -> float:
    return _column(timeline) * min(LANES_MAX, len(timeline.lanes))


class _Place:
    """Where a sheet has what: columns from the left, rows from below the head."""

    def __init__(self, timeline: Timeline, sheet: Sheet) -> None:
        self.sheet = sheet
        self.column = _column(timeline)
        self.names = [_short(timeline.lanes[lane].name) for lane in sheet.lanes]
        longest = max(map(cell_len, self.names), default=0) * (LETTER_PX + 0.3)
        self.upright = longest + 2 > self.column
        self.top = longest + 14 if self.upright else 28.0
        self.bottom = self.top + sheet.height + 4
        self.words = _lanes_px(timeline) + GAP_PX
        self._x = {lane: (at + 0.5) * self.column for at, lane in enumerate(sheet.lanes)}

    def x(self, lane: int) -> float | None:
        """The middle of a column; None for one that is not on the sheet."""
        return self._x.get(lane)

    def y(self, number: int) -> float:
        """Of a row, or of the first after it that is there; the sheet's edge for what is on another."""
        at = bisect_left(self.sheet.rows, number)
        if at == len(self.sheet.rows):
            return self.bottom
        before = at == 0 and number < self.sheet.rows[0]
        return self.top if before else self.top + self.sheet.y[at]

    def meets(self, begin: int, end: int) -> bool:
        """Whether what lasts from a row to another one, or to the end, is to be seen here."""
        return begin <= self.sheet.rows[-1] and (end < 0 or end >= self.sheet.rows[0])

    def span(self, begin: int, end: int) -> tuple[float, float]:
        """From where to where that is, in pixels from the top."""
        return self.y(begin), self.bottom if end < 0 else self.y(end)


def _short(name: str) -> str:
    """Names differ at their ends: what does not fit loses its middle."""
    name = legible(name)
    half = NAME_MAX // 2
    return name if len(name) <= NAME_MAX else f"{name[: half - 1]}…{name[-half:]}"


def _drawn(timeline: Timeline, sheet: Sheet) -> Markup:
    place = _Place(timeline, sheet)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {0} {1:.0f}" width="{0}" height="{1:.0f}"').format(
            SHEET_PX, place.bottom + 2
        )
        + Markup(' role="img"><title>What happened, from top to bottom</title>'),
        *_heads(timeline.lanes, place),
        *_spans(timeline, place),
        *(
            part
            for at, number in enumerate(sheet.rows)
            for part in _row(timeline.rows[number], sheet.lines[at], place.y(number), place)
        ),
        *_chain(timeline, place),
        Markup("</svg>"),
    ]
    return Markup("\n").join(parts)


def _heads(lanes: Sequence[Lane], place: _Place) -> Iterator[Markup]:
    for lane, name in zip(place.sheet.lanes, place.names, strict=True):
        x = place.x(lane)
        how = (
            Markup('transform="translate({:.1f} {:.1f}) rotate(-90)"').format(
                (x or 0) + 4, place.top - 8
            )
            if place.upright
            else Markup('x="{:.1f}" y="18" text-anchor="middle"').format(x)
        )
        yield Markup(
            '<text class="lane {}" {}>{}</text>'
            '<line class="lane" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>'
        ).format(lanes[lane].kind, how, name, x, x, place.top - 4, place.bottom)


def _spans(timeline: Timeline, place: _Place) -> Iterator[Markup]:
    half = min(14, place.column / 2 - 2)
    for bar in timeline.bars:
        lanes = place.sheet.lanes if bar.lane < 0 else [bar.lane]
        for x in map(place.x, lanes if place.meets(bar.begin, bar.end) else []):
            if x is not None:
                yield _box("bar", x, half, place.span(bar.begin, bar.end))
    for one in timeline.requests:
        x = place.x(one.lane)
        if x is not None and place.meets(one.begin, one.end):
            fill = Markup(' rx="3" fill="{}"').format(hue(one.op))
            yield _box("span", x, 4, place.span(one.begin, one.end), fill)


def _box(
    kind: str, x: float, half: float, span: tuple[float, float], more: Markup | str = ""
) -> Markup:
    top, bottom = span
    return Markup(
        '<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"{}/>'
    ).format(kind, x - half, top, 2 * half, max(4, bottom - top), more)


def _row(row: Row, lines: Sequence[str], y: float, place: _Place) -> Iterator[Markup]:
    kind = "mark" if row.matters else "told"
    one, other = place.x(row.lane), place.x(row.to)
    if one is not None and other is not None and row.to != row.lane:
        yield Markup(
            '<line class="sent" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" stroke="{}"/>'
        ).format(one, y, other, y, hue(row.op))
    if one is not None:
        yield Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="{}" fill="{}"/>').format(
            kind, one, y, 5 if row.matters else 3, hue(row.op)
        )
    for at, line in enumerate(lines):
        yield Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(
            kind, place.words + (0 if at == 0 else 2 * LETTER_PX), y + 4 + at * LINE_PX, line
        )


def _chain(timeline: Timeline, place: _Place) -> Iterator[Markup]:
    """From each cause to what it caused, on the left of the words; over a sheet's edge where it must."""
    x = place.words - 6
    for cause, effect in pairwise(timeline.chain):
        if not place.meets(cause, effect):
            continue
        top, bottom = place.span(cause, effect)
        yield Markup(
            '<path class="cause" d="M{0:.1f} {1:.1f} C{2:.1f} {1:.1f} {2:.1f} {3:.1f} {0:.1f} {3:.1f}"/>'
        ).format(x, top, x - 34, bottom)
