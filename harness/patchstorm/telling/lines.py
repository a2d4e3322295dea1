"""The lines of a story: in order of time, at most a screen, ids told apart.

What goes first where there are too many lines is what a reader misses least: what requests that are told
did on the storage, then answers, the ends of faults, requests, and who was held up. Causes go last, the
earliest first, and faults after them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from patchstorm.dialect.phrases import shortened

LINES_MAX = 24
PLAIN, CAUSE = "   ", "-> "


class Weight(IntEnum):
    """How much a line is missed; ``ASIDE`` least."""

    ASIDE = 0  # requests of further findings
    DEED = 1
    ANSWER = 2
    OVER = 3
    REQUEST = 4
    SWEPT = 5
    HELD = 6
    CAUSE = 7
    FAULT = 8


class Order(IntEnum):
    """What stands where at one time."""

    BEGINS = 0
    STEP = 1
    ENDS = 2


@dataclass(frozen=True, slots=True)
class Line:
    time_ns: int
    order: int
    text: str
    weight: Weight


class Page:
    """Lines as they come; ``number`` says what a moment is called."""

    def __init__(self, number: Callable[[int], int]) -> None:
        self._number = number
        self._lines: dict[tuple[int, int, str], Line] = {}

    def add(
        self,
        time_ns: int,
        replica: int | None,
        text: str,
        weight: Weight,
        order: Order = Order.STEP,
    ) -> None:
        """A line; of two that say the same the one that is missed more is kept."""
        where = "" if replica is None else f"replica {replica}"
        mark = CAUSE if weight >= Weight.CAUSE else PLAIN
        line = Line(
            time_ns, order, f"{mark}step {self._number(time_ns):>5}  {where:<10} {text}", weight
        )
        key = (time_ns, order, text.partition("   <- ")[0])
        known = self._lines.get(key)
        if known is None or known.weight < weight:
            self._lines[key] = line

    def lines(self) -> tuple[str, ...]:
        kept = sorted(self._lines.values(), key=lambda one: (one.time_ns, one.order, one.text))
        for weight in Weight:
            surplus = len(kept) - LINES_MAX
            if surplus <= 0:
                break
            spared = [at for at, line in enumerate(kept) if line.weight == weight][:surplus]
            dropped = set(spared)
            kept = [line for at, line in enumerate(kept) if at not in dropped]
        return tuple(shortened(line.text for line in kept))
