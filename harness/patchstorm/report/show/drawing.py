"""The diagram and the byte maps as SVG, for readers without scripts and for paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from markupsafe import Markup

from patchstorm.legible import legible
from patchstorm.report.show.model import Lane, Row, Strip, Timeline
from patchstorm.report.show.words import size

ROWS_MAX: Final = 300
ROW_PX: Final = 20
LANE_PX: Final = 92
HEAD_PX: Final = 34
TEXT_PX: Final = 620
STRIP_PX: Final = 1000  # of the drawing's own units: it is as wide as its place
MAP_PX: Final = 26


def hue(op: int) -> str:
    """A colour for a request: neighbours in number are far apart (the golden angle)."""
    return "var(--nobody)" if op < 0 else f"hsl({op * 137.508 % 360:.0f} 62% 52%)"


def chart(timeline: Timeline) -> Markup:
    """The rows that matter, at most ``ROWS_MAX`` of them around the cause."""
    rows = _chosen(timeline)
    place = {number: at for at, number in enumerate(rows)}
    width, height = len(timeline.lanes) * LANE_PX + TEXT_PX, HEAD_PX + len(rows) * ROW_PX + 10
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" width="{}" height="{}" role="img">').format(
            width, height, width, height
        ),
        Markup("<title>What happened, from top to bottom</title>"),
        *_lanes(timeline.lanes, height),
        *_spans(timeline, rows, place),
        *(
            part
            for at, number in enumerate(rows)
            for part in _row(timeline, timeline.rows[number], at)
        ),
        *_chain(timeline, place),
        Markup("</svg>"),
    ]
    return Markup("\n").join(parts)


def _chosen(timeline: Timeline) -> list[int]:
    keys = [number for number, row in enumerate(timeline.rows) if row.key]
    if len(keys) <= ROWS_MAX:
        return keys
    around = [number for number, row in enumerate(timeline.rows) if row.matters] or keys[:1]
    middle = keys.index(around[len(around) // 2])
    first = max(0, min(middle - ROWS_MAX // 2, len(keys) - ROWS_MAX))
    chosen = {*keys[first : first + ROWS_MAX], *around[:ROWS_MAX]}
    return sorted(chosen)


def _x(lane: int) -> float:
    return lane * LANE_PX + LANE_PX / 2


def _y(at: float) -> float:
    return HEAD_PX + at * ROW_PX + ROW_PX / 2


def _lanes(lanes: Sequence[Lane], height: int) -> Iterator[Markup]:
    for number, lane in enumerate(lanes):
        yield Markup(
            '<text class="lane {}" x="{}" y="18" text-anchor="middle">{}</text>'
            '<line class="lane" x1="{}" x2="{}" y1="26" y2="{}"/>'
        ).format(lane.kind, _x(number), legible(lane.name), _x(number), _x(number), height)


def _spans(timeline: Timeline, rows: Sequence[int], place: dict[int, int]) -> Iterator[Markup]:
    for bar in timeline.bars:
        begin, end = place.get(bar.begin, 0), place.get(bar.end, len(rows))
        lanes = range(len(timeline.lanes)) if bar.lane < 0 else (bar.lane,)
        for lane in lanes:
            yield Markup('<rect class="bar" x="{}" y="{}" width="28" height="{}"/>').format(
                _x(lane) - 14, _y(begin), max(4, _y(end) - _y(begin))
            )
    for request in timeline.requests:
        if request.begin not in place and request.end not in place:
            continue
        begin, end = place.get(request.begin, 0), place.get(request.end, len(rows))
        yield Markup(
            '<rect class="span" x="{}" y="{}" width="8" height="{}" rx="3" fill="{}"/>'
        ).format(_x(request.lane) - 4, _y(begin), max(4, _y(end) - _y(begin)), hue(request.op))


def _row(timeline: Timeline, row: Row, at: int) -> Iterator[Markup]:
    y = _y(at)
    kind = "mark" if row.matters else "told"
    if row.to >= 0 and row.to != row.lane:
        yield Markup('<line class="sent" x1="{}" y1="{}" x2="{}" y2="{}" stroke="{}"/>').format(
            _x(row.lane), y, _x(row.to), y, hue(row.op)
        )
    if row.lane >= 0:
        yield Markup('<circle class="{}" cx="{}" cy="{}" r="{}" fill="{}"/>').format(
            kind, _x(row.lane), y, 5 if row.matters else 3, hue(row.op)
        )
    words = f"{row.text}   ← {row.why}" if row.why else row.text
    yield Markup('<text class="{}" x="{}" y="{}">{}</text>').format(
        kind, len(timeline.lanes) * LANE_PX + 8, y + 4, legible(words)
    )


def _chain(timeline: Timeline, place: dict[int, int]) -> Iterator[Markup]:
    """From each cause to what it caused, on the left of the words."""
    known = [number for number in timeline.chain if number in place]
    x = len(timeline.lanes) * LANE_PX
    for one, other in pairwise(known):
        top, bottom = _y(place[one]), _y(place[other])
        yield Markup('<path class="cause" d="M{} {} C{} {} {} {} {} {}"/>').format(
            x, top, x - 34, top, x - 34, bottom, x, bottom
        )


def strip(one: Strip) -> Markup:
    """A file as a bar: every piece with the request that wrote it, wrong ranges outlined below."""
    whole = max(one.size, one.wanted, *(offset + length for offset, length in one.wrong), 1)
    scale = STRIP_PX / whole
    parts = [
        Markup(
            '<svg class="strip" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img">'
        ).format(STRIP_PX, MAP_PX + 8),
        Markup("<title>{}</title>").format(legible(one.name)),
    ]
    for extent in one.extents:
        who = " or ".join(f"op {op}" for op in extent.writers) or "nobody"
        end = extent.offset + extent.length
        says = f"[{extent.offset}, {end}) {size(extent.length)}, {extent.says}, {who}"
        parts.append(
            Markup(
                '<rect class="piece" x="{:.3f}" width="{:.3f}" y="0" height="{}" fill="{}"'
                ' data-ops="{}" data-says="{}"><title>{}</title></rect>'
            ).format(
                extent.offset * scale,
                max(extent.length * scale, 0.8),
                MAP_PX,
                hue(extent.writers[0]) if extent.writers else "var(--nobody)",
                " ".join(map(str, extent.writers)),
                legible(says),
                legible(says),
            )
        )
    for offset, length in one.wrong:
        parts.append(
            Markup('<rect class="wrong" x="{:.3f}" width="{:.3f}" y="{}" height="5"/>').format(
                offset * scale, max(length * scale, 2), MAP_PX + 2
            )
        )
    if one.wanted >= 0:
        parts.append(
            Markup('<line class="wanted" x1="{0:.3f}" x2="{0:.3f}" y1="0" y2="{1}"/>').format(
                one.wanted * scale, MAP_PX + 8
            )
        )
    return Markup("").join([*parts, Markup("</svg>")])
