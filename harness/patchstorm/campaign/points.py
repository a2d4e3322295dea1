"""The points of a storm as its verdict takes them, out of its plan and a history."""

from __future__ import annotations

from collections.abc import Collection

from patchstorm.check.tried import Point
from patchstorm.history.model import History
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.points import sights


def points_of(
    plan: Plan, history: History, idle: Collection[str] = ()
) -> tuple[tuple[Point, ...], tuple[str, ...]]:
    """What was reached and what was not, and a note for each point that this world cannot judge."""
    points: list[Point] = []
    notes: list[str] = []
    for name, reached, why, vital in sights(plan, history, idle):
        if reached is None:
            notes.append(f"{name} was not judged: {why}")
        else:
            points.append(Point(name=name, reached=reached, why=why, vital=vital))
    return tuple(points), tuple(notes)
