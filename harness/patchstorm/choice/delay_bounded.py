"""delay-bounded: the dull schedule with up to d delays, enumerated: none, then every one, then every two.

Emmi, Qadeer and Rakamaric, "Delay-bounded scheduling", POPL 2011: most bugs need few deviations from a
deterministic scheduler, and there are only polynomially many schedules with few of them.

Deviations: a delay is placed before a numbered step rather than at each scheduling point, so the
enumeration needs the number of steps of the dull run; the delayed task goes on when the other stops,
not after all others. Schedule ``index`` is one schedule, whatever was run before it.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.choice.strategy import GO_ON, NEVER, Dull, Runnable


def delays_of(index: int, length: int) -> tuple[int, ...]:
    """The steps before which schedule ``index`` delays, in order; a step may occur more than once.

    0: none; then ``length`` schedules of one delay; then those of two, of three, and so on.
    """
    length = max(1, length)
    count, first = 0, 0
    while index - first >= _multisets(length, count):
        first += _multisets(length, count)
        count += 1
    return _unranked(index - first, length, count)


def _multisets(length: int, count: int) -> int:
    """How many multisets of ``count`` steps there are."""
    result = 1
    for i in range(count):
        result = result * (length + i) // (i + 1)
    return result


def _unranked(rank: int, length: int, count: int) -> tuple[int, ...]:
    steps: list[int] = []
    low = 0
    for left in range(count, 0, -1):
        while rank >= (block := _multisets(length - low, left - 1)):
            rank -= block
            low += 1
        steps.append(low + 1)
    return tuple(steps)


class DelayBounded(Dull):
    """One schedule: ``delays`` are steps, counted from the storm's begin."""

    def __init__(self, delays: Sequence[int]) -> None:
        self._delays = list(delays)
        self._base = NEVER

    def armed(self, steps: int) -> None:
        self._base = steps

    def due(self, steps: int, task: Runnable, local: int) -> int:
        return self._base + self._delays[0] if self._delays else NEVER

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        skipped = 0
        while self._delays and self._base + self._delays[0] <= steps:
            self._delays.pop(0)
            skipped += 1
        if not skipped:
            return GO_ON
        choices = len(ready) + (1 if timer else 0)
        return min(skipped, choices) - 1 if choices else GO_ON
