"""What a green leaves open: what was never tried, never run, or run smaller than it was asked for.

A report whose storms are all safe says nothing of these, so they are told before anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from patchstorm.report.model import RunReport
from patchstorm.report.story import NOT_APPLYING

KINDS: Final = ("never tried", "cannot be told", "skipped", "scaled down", "not judged")
"""What stands in the way of a meaning, the worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One reason for which ``storms`` (names, each once) say less.

    ``where`` are the worlds and targets in which they do; empty where there is but one.
    """

    kind: str
    why: str
    storms: tuple[str, ...]
    where: tuple[str, ...] = ()


def gaps(runs: Sequence[RunReport]) -> list[Gap]:
    """Every gap: what weighs most first, and of a kind what concerns most storms."""
    worlds = len({run.world for run in runs}) > 1
    targets = len({run.target for run in runs}) > 1
    found: dict[tuple[str, str], list[RunReport]] = {}
    for run in runs:
        for kind, why in _of(run):
            found.setdefault((kind, why), []).append(run)
    all_of_them = [
        Gap(
            kind=kind,
            why=why,
            storms=tuple(dict.fromkeys(run.scenario for run in told)),
            where=(
                *(dict.fromkeys(run.world for run in told) if worlds else ()),
                *(dict.fromkeys(run.target for run in told) if targets else ()),
            ),
        )
        for (kind, why), told in found.items()
    ]
    return sorted(all_of_them, key=lambda gap: (KINDS.index(gap.kind), -len(gap.storms), gap.why))


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
