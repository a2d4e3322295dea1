"""Crash points as a table: what a death before and after each call came to, and the windows these make."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from patchstorm.report.model import CrashPoint

_MINTED = re.compile(r"<[^<>]*\.\d+>")
_UPLOAD = re.compile(r"<u\d+>")
_STYLES = {"safe": "green", "violated": "bold red", "unknown": "yellow", "other way": "dim"}


def tell_crash_points(points: Sequence[CrashPoint], console: Console) -> None:
    """A row for each call, and under it what the violated ones have in common."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("replica", "call", "path"):
        grid.add_column(name, overflow="fold")
    for name in ("before", "after"):
        grid.add_column(name, no_wrap=True)
    grid.add_column("what", overflow="fold", ratio=1)
    for calls in _by_call(points):
        words = {point.moment: _word(point) for point in calls}
        cells = [
            Text(words.get(moment, ""), style=_STYLES.get(words.get(moment, ""), ""))
            for moment in ("before", "after")
        ]
        what = dict.fromkeys(checker for point in calls for checker in point.checkers)
        place = f"{calls[0].path} {calls[0].detail}".rstrip()
        grid.add_row(
            Text(str(calls[0].replica)),
            Text(calls[0].call),
            Text(place),
            *cells,
            Text(", ".join(what)),
        )
    console.print(grid)
    console.print()
    for line in told(points):
        console.print(Text(line), soft_wrap=True)


def told(points: Sequence[CrashPoint]) -> list[str]:
    """How many deaths there were, and each window once."""
    bad = sum(point.verdict == "violated" for point in points)
    if not bad:
        return [f"{len(points)} crash points, no window in which a death does harm"]
    found = windows(points)
    many = "windows" if len(found) > 1 else "window"
    lines = [f"{len(points)} crash points, {bad} violated, {len(found)} {many}:"]
    lines += [f"   {name}{f', {times} times' * (times > 1)}" for name, times in found.items()]
    return lines


def windows(points: Sequence[CrashPoint]) -> dict[str, int]:
    """Where a death does harm: from which call to which, whatever the upload, and how often that came up.

    A replica's calls are followed one after the other: harm that goes on over some of them is one window.
    """
    found: Counter[str] = Counter()
    for replica in dict.fromkeys(point.replica for point in points):
        own = [point for point in points if point.replica == replica]
        span: list[CrashPoint] = []
        for point in [*own, None]:
            if point is not None and point.verdict == "violated":
                span.append(point)
            elif span:
                found[_span(span)] += 1
                span = []
    return dict(found)


def _span(span: Sequence[CrashPoint]) -> str:
    first, last = _place(span[0]), _place(span[-1])
    return first if first == last else f"{first} ... {last}"


def _place(point: CrashPoint) -> str:
    """Moment and call, with the part that a path plays in place of its name."""
    path = _UPLOAD.sub("<upload>", _MINTED.sub("<minted>", point.path))
    return f"{point.moment} {point.call} {path}"


def _by_call(points: Sequence[CrashPoint]) -> Iterator[list[CrashPoint]]:
    calls: list[CrashPoint] = []
    for point in points:
        if calls and (_call(point) != _call(calls[0]) or point.moment == calls[-1].moment):
            yield calls
            calls = []
        calls.append(point)
    if calls:
        yield calls


def _call(point: CrashPoint) -> tuple[int, str, str, str]:
    return point.replica, point.call, point.path, point.detail


def _word(point: CrashPoint) -> str:
    return point.verdict or "other way"
