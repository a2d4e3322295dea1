"""What a green leaves open: what was never tried, never run, or run smaller than it was asked for.

A report whose storms are all safe says nothing of these, so they are told before anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from patchstorm.report.model import RunReport
from patchstorm.report.story import NOT_APPLYING


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One reason for which ``storms`` (names, each once, with the world where there are several) say less."""

    kind: str
    why: str
    storms: tuple[str, ...]


def gaps(runs: Sequence[RunReport]) -> list[Gap]:
    """Every gap: what weighs most first, and of a kind what concerns most storms."""
    several = len({run.world for run in runs}) > 1
    found: dict[str, dict[str, dict[str, None]]] = {}
    for run in runs:
        name = f"{run.scenario} ({run.world})" if several else run.scenario
        for kind, why in _of(run):
            found.setdefault(kind, {}).setdefault(why, {})[name] = None
    return [
        Gap(kind=kind, why=why, storms=tuple(storms))
        for kind in KINDS
        for why, storms in sorted(
            found.get(kind, {}).items(), key=lambda one: (-len(one[1]), one[0])
        )
    ]


KINDS = ("never tried", "cannot be told", "skipped", "scaled down", "not judged")
"""What stands in the way of a meaning, the worst first."""


def _of(run: RunReport) -> Iterator[tuple[str, str]]:
    if run.skipped is not None:
        yield "skipped", run.skipped
    missing = [point for point in run.points if not point.reached]
    for point in missing:
        yield "never tried", f"{point.name}: {point.why}" if point.why else point.name
    if run.unknown is not None and not missing:
        yield "cannot be told", run.unknown.partition("\n")[0]
    if run.scaled:
        yield "scaled down", "; ".join(run.scaled)
    for note in run.notes:
        name, applies, why = note.partition(NOT_APPLYING)
        if applies:
            yield "not judged", f"{name}: {why}"
