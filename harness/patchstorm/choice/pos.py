"""pos: every pending step has a random priority, drawn anew when a step that conflicts with it runs.

Yuan, Yang and Gu, "Partial order aware concurrency sampling", CAV 2018: sampling orders of
conflicting steps rather than schedules, since schedules that differ only in the order of independent
steps mean the same.

Deviations: a step whose object is unknown (a body's block, an answer) conflicts with nothing; the
earliest timer is offered one time in sixteen.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.choice.odds import Odds
from patchstorm.choice.prng import Prng
from patchstorm.choice.strategy import GO_ON, Dull, Footprint, Runnable, highest

_TIMER_IN = 256


class Pos(Dull):
    """One run."""

    watches = True

    def __init__(self, prng: Prng) -> None:
        self._prng = prng
        self._odds = Odds(prng)
        self._priority: dict[int, int] = {}

    def due(self, steps: int, task: Runnable, local: int) -> int:
        return steps

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        if timer and self._prng.below(_TIMER_IN) == 0:
            return len(ready)
        if ready:
            best = highest(ready, self._of)
            if self._of(ready[best]) > self._of(task):
                return best
        self._taken(task, ready)
        return GO_ON

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        return highest(ready, self._of)

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        return self._odds.value(kind, n)

    def _taken(self, task: Runnable, ready: Sequence[Runnable]) -> None:
        """``task`` takes its step: forget its priority, and those of the steps that conflict."""
        self._priority.pop(task.number, None)
        step: Footprint | None = task.pending
        if step is None or not (step.writes or step.reads):
            return
        for other in ready:
            if other.pending is not None and step.conflicts(other.pending):
                self._priority.pop(other.number, None)

    def _of(self, task: Runnable) -> int:
        priority = self._priority.get(task.number)
        if priority is None:
            priority = self._priority[task.number] = self._prng.bits()
        return priority
