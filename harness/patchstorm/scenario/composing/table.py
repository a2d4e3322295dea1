"""The table of pairs: how many of those that can meet have met, by dimension, and which never did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from patchstorm.scenario.composing.features import Pair, absent, apart, features, pairs
from patchstorm.scenario.composing.ground import Ground
from patchstorm.scenario.composing.steering import Steering

DIMENSIONS: Final = ("client", "with", "upload", "fault", "when", "on")
NEVER_SHOWN: Final = 12

Grounds = Mapping[str, tuple[frozenset[str], Ground]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``cells``: of each two dimensions, pairs that met and pairs that can meet. ``never``: the others.

    ``apart`` counts the pairs of two features to be had that cannot meet, by reason; ``absent`` are
    features that are not to be had on any storage, with the reason.
    """

    cells: dict[tuple[str, str], tuple[int, int]]
    never: tuple[Pair, ...]
    apart: dict[str, int]
    absent: dict[str, str]

    @property
    def met(self) -> int:
        return sum(met for met, _ in self.cells.values())

    @property
    def possible(self) -> int:
        return sum(possible for _, possible in self.cells.values())

    def in_brief(self) -> str:
        return f"{self.met} of {self.possible} pairs that can meet have met"

    def lines(self) -> tuple[str, ...]:
        """As a person reads it."""
        return (
            f"pairs that met, of those that can ({self.in_brief()}):",
            *self._grid(),
            *self._never(),
            *(f"  never together: {reason} ({count})" for reason, count in self.apart.items()),
            *(f"  not to be had: {name}: {reason}" for name, reason in self.absent.items()),
        )

    def _grid(self) -> Iterable[str]:
        width = 11
        yield "  " + " " * 8 + "".join(f"{name:>{width}}" for name in DIMENSIONS)
        for place, one in enumerate(DIMENSIONS):
            row = [" " * width] * place
            for other in DIMENSIONS[place:]:
                met, possible = self.cells.get((one, other), (0, 0))
                row.append(f"{f'{met}/{possible}' if possible else '-':>{width}}")
            yield f"  {one:<8}{''.join(row)}".rstrip()

    def _never(self) -> Iterable[str]:
        for one, other in self.never[:NEVER_SHOWN]:
            yield f"  never met: {one} - {other}"
        more = len(self.never) - NEVER_SHOWN
        if more > 0:
            yield f"  and {more} more that never met"


def table_of(steering: Steering, grounds: Grounds) -> Table:
    """What ``steering`` has met of everything that ``grounds`` allow."""
    possible: dict[Pair, None] = {}
    kept_apart: dict[str, set[Pair]] = {}
    missing: dict[str, str] = {}
    had: set[str] = set()
    for storage, (has, ground) in grounds.items():
        among = features(has, ground, storage)
        had.update(among)
        possible.update(dict.fromkeys(pairs(among)))
        missing.update(absent(has, ground))
        for one, other in combinations(among, 2):
            reason = apart(one, other)
            if reason is not None:
                kept_apart.setdefault(reason, set()).add((one, other))
    cells: dict[tuple[str, str], tuple[int, int]] = {}
    for pair in possible:
        key = _cell(pair)
        met, all_of_them = cells.get(key, (0, 0))
        cells[key] = met + (steering.met[pair] > 0), all_of_them + 1
    return Table(
        cells=cells,
        never=tuple(pair for pair in possible if not steering.met[pair]),
        apart={reason: len(among) for reason, among in kept_apart.items()},
        absent={name: reason for name, reason in missing.items() if name not in had},
    )


def _cell(pair: Pair) -> tuple[str, str]:
    one, other = sorted((name.partition(" ")[0] for name in pair), key=DIMENSIONS.index)
    return one, other
