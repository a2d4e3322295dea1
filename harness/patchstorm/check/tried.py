"""Whether a storm tried what it is for: without that, nothing that was not found means anything.

A :class:`Point` is one thing that has to have happened. One run may miss it by chance, so the points of
all runs of a storm are gathered first: what one of them reached was tried. What none reached makes a
storm that would be *safe* *unknown*; a violation that was seen stays one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from patchstorm.check.verdict import Verdict

REMEDY: Final = "`--allow-unreached` takes that for safe"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a storm is for. ``why`` says what is missing where it was not ``reached``.

    Without what is ``vital`` nothing at all was tried, and no user can allow that.
    """

    name: str
    reached: bool
    why: str = ""
    vital: bool = False


def gathered(runs: Iterable[Sequence[Point]]) -> tuple[Point, ...]:
    """The points of several runs as one: reached where any of them reached it."""
    points: dict[str, Point] = {}
    for run in runs:
        for point in run:
            if point.name not in points or (point.reached and not points[point.name].reached):
                points[point.name] = point
    return tuple(points.values())


def untried(points: Sequence[Point]) -> str | None:
    """Why these points make nothing safe; None where all were reached."""
    missing = [point for point in points if not point.reached]
    vital = [point.why for point in missing if point.vital]
    if vital:
        return f"nothing was tried: {'; '.join(vital)}"
    if not missing:
        return None
    return f"not reached: {'; '.join(f'{point.name} ({point.why})' for point in missing)}; {REMEDY}"


def tried(
    verdict: Verdict, points: Sequence[Point], *, allow_unreached: bool = False
) -> tuple[Verdict, str | None]:
    """``verdict`` in the light of ``points``, and the reason where that makes it unknown."""
    reason = untried(points)
    if verdict != "safe" or reason is None:
        return verdict, None
    if allow_unreached and not any(point.vital and not point.reached for point in points):
        return verdict, None
    return "unknown", reason
