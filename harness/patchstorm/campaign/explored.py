"""What an exploration tells while it goes on, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from patchstorm.choice.coverage import Coverage
from patchstorm.report.model import NEVER_KEPT, Pairs, RunReport
from patchstorm.scenario.composing.table import DIMENSIONS, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an exploration is. ``budget`` is in schedules, or None when seconds bound it.

    ``found`` is what the latest violation was, ``shrinking`` whether it is being made small.
    """

    scenario: str
    schedules: int
    budget: int | None
    steps: int
    seconds: float
    coverage: Coverage
    violations: int
    found: str = ""
    shrinking: bool = False

    @property
    def rate(self) -> float:
        """Schedules a second so far, all processes together."""
        return self.schedules / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What came of it. ``failures`` are the files of distinct violations, the first one first.

    ``report`` tells the steps of the first one and names the files of the others; ``stories`` has all steps.
    ``table`` tells which pairs of features met, where the storm composes itself.
    """

    report: RunReport
    coverage: Coverage
    virtual_seconds: float
    failures: tuple[Path, ...] = ()
    stories: tuple[tuple[str, ...], ...] = ()
    interrupted: bool = False
    table: Table | None = None


def pairs_of(table: Table | None) -> Pairs | msgspec.UnsetType:
    """The table as reports keep it."""
    if table is None:
        return msgspec.UNSET
    return Pairs(
        dimensions=DIMENSIONS,
        cells=tuple((*of, *counts) for of, counts in table.cells.items()),
        never=table.never[:NEVER_KEPT],
        never_all=len(table.never),
        apart=table.apart,
        absent=table.absent,
    )
