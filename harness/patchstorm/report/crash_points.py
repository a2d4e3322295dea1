"""Crash points as a table: what a death before and after each call came to, and the windows these make.

A window is where a death does harm: bytes are lost, wrong or out of reach. Where it only leaves files
behind, or breaks another rule of that kind, that is told under a heading of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from patchstorm.check.residue import NAME as RESIDUE
from patchstorm.report.model import CrashPoint

_MINTED = re.compile(r"<[^<>]*\.\d+>")
_UPLOAD = re.compile(r"<u\d+>")
LEAVES: Final = "leaves files"
COMPLAINT: Final = "complaint"
_STYLES: Final = {
    "safe": "green", "violated": "bold red", "unknown": "yellow", "other way": "dim", LEAVES: "yellow",
    COMPLAINT: "yellow",
}  # fmt: skip


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
        place = f"{calls[0].path} {calls[0].detail}".rstrip()
        grid.add_row(
            Text(str(calls[0].replica)),
            Text(calls[0].call),
            Text(place),
            *cells,
            Text(_checkers(calls)),
        )
    console.print(grid)
    console.print()
    for line in told(points):
        console.print(Text(line), soft_wrap=True)


def told(points: Sequence[CrashPoint]) -> list[str]:
    """How many deaths there were, each window once, and what else they came to."""
    found = _spans(points, _harms)
    if found:
        bad, many = sum(map(_harms, points)), len({*map(_span, found)})
        ends = "s" if many > 1 else ""
        head = f"{len(points)} crash points, {bad} violated, {many} window{ends}:"
        lines = [head, *_listed(found)]
    else:
        lines = [f"{len(points)} crash points, no window in which a death does harm"]
    for says, inside in _HARMLESS.items():
        some = sum(map(inside, points))
        if some:
            lines += ["", f"{says}: {some} point{'s' * (some > 1)}"]
            lines += _listed(_spans(points, inside))
    return lines


def windows(points: Sequence[CrashPoint]) -> dict[str, int]:
    """Where a death does harm: from which call to which, whatever the upload, and how often that came up."""
    return dict(Counter(map(_span, _spans(points, _harms))))


def _spans(
    points: Sequence[CrashPoint], inside: Callable[[CrashPoint], bool]
) -> list[list[CrashPoint]]:
    """A replica's calls are followed one after the other: what goes on over some of them is one."""
    found: list[list[CrashPoint]] = []
    for replica in dict.fromkeys(point.replica for point in points):
        own = [point for point in points if point.replica == replica]
        found += [list(span) for within, span in groupby(own, inside) if within]
    return found


def _listed(spans: Sequence[Sequence[CrashPoint]]) -> Iterator[str]:
    """Each once, with how often it came up and what was found."""
    times = Counter(map(_span, spans))
    for name, count in times.items():
        points = [point for span in spans if _span(span) == name for point in span]
        yield f"   {name}{f', {count} times' * (count > 1)} ({_checkers(points)})"


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


def _checkers(points: Sequence[CrashPoint]) -> str:
    return ", ".join(dict.fromkeys(checker for point in points for checker in point.checkers))


def _word(point: CrashPoint) -> str:
    if _leaves(point):
        return LEAVES
    return COMPLAINT if _complains(point) else point.verdict or "other way"


def _harms(point: CrashPoint) -> bool:
    return point.verdict == "violated" and not point.harmless


def _leaves(point: CrashPoint) -> bool:
    return point.verdict == "violated" and point.harmless and RESIDUE in point.checkers


def _complains(point: CrashPoint) -> bool:
    return point.verdict == "violated" and point.harmless and RESIDUE not in point.checkers


_HARMLESS: Final = {"leave files behind": _leaves, "break a rule and harm no byte": _complains}
