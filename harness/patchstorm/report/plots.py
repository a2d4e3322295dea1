"""Latency and throughput of one run as SVG: drawn for a column as narrow as a telephone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from patchstorm.legible import legible_line
from patchstorm.report.measures import BINS, Dot, Measured, Struck
from patchstorm.report.show.words import size

WIDTH: Final = 460
HEIGHT: Final = 150
LEFT, RIGHT, TOP, BOTTOM = 66, 8, 8, 22
DOTS_MAX: Final = 1500
BLOW_PX: Final = 2.0
NICE: Final = (1, 2, 5)


def latency(run: Measured) -> Markup:
    """Each request a dot: when it was sent, and how long it took, on a scale of powers of ten."""
    dots = thinned(run.dots)
    low = min((max(dot.took_ms, 0.01) for dot in dots), default=0.1)
    bottom = math.floor(math.log10(low))
    high = max((dot.took_ms for dot in dots), default=1.0)
    top = max(bottom + 1, math.ceil(math.log10(max(high, 0.01))))

    def y(took_ms: float) -> float:
        share = (math.log10(max(took_ms, 10.0**bottom)) - bottom) / (top - bottom)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    grid = [(y(10.0**power), _milliseconds(10.0**power)) for power in range(bottom, top + 1)]
    return _drawn(
        run,
        grid,
        "How long each request took",
        (
            Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="2.4"/>').format(
                dot.ended, _x(run, dot.at_ms), y(dot.took_ms)
            )
            for dot in sorted(dots, key=lambda dot: dot.ended != "done")
        ),
    )


def throughput(run: Measured) -> Markup:
    """Bytes acknowledged a second, as a curve of steps."""
    part_s = run.span_ms / BINS / 1000
    rates = [count / part_s for count in run.flow]
    most = max(rates, default=0.0)
    unit = 1024.0 ** (int(math.log(most, 1024)) if most >= 1 else 0)  # round in KiB, MiB
    step = _step(most / unit) * unit
    top = max(step, math.ceil(most / step) * step)
    room = HEIGHT - TOP - BOTTOM

    def y(rate: float) -> float:
        return HEIGHT - BOTTOM - rate / top * room

    path = "".join(
        f"L{_x(run, number * run.span_ms / BINS):.1f} {y(rate):.1f}"
        f"L{_x(run, (number + 1) * run.span_ms / BINS):.1f} {y(rate):.1f}"
        for number, rate in enumerate(rates)
    )
    floor = HEIGHT - BOTTOM
    area = Markup('<path class="flow" d="M{} {}{}L{} {}Z"/>').format(
        LEFT, floor, Markup(path), WIDTH - RIGHT, floor
    )
    grid = [(y(step * number), _rate(step * number)) for number in range(round(top / step) + 1)]
    return _drawn(run, grid, "Bytes acknowledged a second", [area])


def thinned(dots: Sequence[Dot]) -> Sequence[Dot]:
    """At most about DOTS_MAX of the dots: evenly chosen, the slowest and all without an answer."""
    if len(dots) <= DOTS_MAX:
        return dots
    every = math.ceil(len(dots) / DOTS_MAX)
    slowest = sorted(range(len(dots)), key=lambda at: -dots[at].took_ms)[: DOTS_MAX // 10]
    unanswered = [at for at, dot in enumerate(dots) if dot.ended == "unanswered"][:DOTS_MAX]
    kept = {*range(0, len(dots), every), *slowest, *unanswered}
    return [dots[at] for at in sorted(kept)]


def _drawn(
    run: Measured,
    grid: Sequence[tuple[float, str]],
    title: str,
    inner: Iterator[Markup] | list[Markup],
) -> Markup:
    parts = [
        Markup('<svg class="plot" viewBox="0 0 {} {}" role="img"><title>{}</title>').format(
            WIDTH, HEIGHT, title
        ),
        *(_bar(run, one) for one in run.faults),
        *(_line(y, said) for y, said in grid),
        *_times(run),
        *inner,
        Markup("</svg>"),
    ]
    return Markup("\n").join(parts)


def _x(run: Measured, at_ms: float) -> float:
    return LEFT + min(1.0, at_ms / run.span_ms) * (WIDTH - LEFT - RIGHT)


def _bar(run: Measured, one: Struck) -> Markup:
    begin = min(_x(run, one.at_ms), WIDTH - RIGHT - BLOW_PX)
    width = max(BLOW_PX, _x(run, one.end_ms) - begin)
    return Markup(
        '<rect class="bar" x="{:.1f}" y="{}" width="{:.1f}" height="{}"><title>{}</title></rect>'
    ).format(begin, TOP, width, HEIGHT - TOP - BOTTOM, legible_line(one.fault))


def _line(y: float, said: str) -> Markup:
    return Markup(
        '<line class="lane" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>'
        '<text x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    ).format(LEFT, WIDTH - RIGHT, y, y, LEFT - 5, y + 4, said)


def _times(run: Measured) -> Iterator[Markup]:
    step = _step(run.span_ms)
    for number in range(int(run.span_ms / step) + 1):
        x, at = _x(run, number * step), number * step
        anchor = "middle" if x < WIDTH - RIGHT - 20 else "end"
        yield Markup('<text x="{:.1f}" y="{}" text-anchor="{}">{}</text>').format(
            x, HEIGHT - 6, anchor, _milliseconds(at)
        )
    if run.healed_ms is not None and run.healed_ms < run.span_ms:
        x = _x(run, run.healed_ms)
        yield Markup('<line class="healed" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>').format(
            x, x, TOP, HEIGHT - BOTTOM
        )


def _step(most: float) -> float:
    """A round number of which three or four reach ``most``."""
    if most <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(most / 3))
    return next((power * nice for nice in NICE if power * nice * 4 >= most), power * 10)


def _milliseconds(value: float) -> str:
    if not value:
        return "0"
    return f"{value:g} ms" if value < 1000 else f"{value / 1000:g} s"


def _rate(value: float) -> str:
    return f"{size(round(value))}/s" if value else "0"
