"""pct: the ready task of highest priority runs; at few random moments the runner becomes the lowest.

Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with probabilistic guarantees
of finding bugs", ASPLOS 2010: a bug of depth d is found with probability at least 1/(n k^(d-1)).

Deviations: tasks come and go, so a priority is drawn when a task is first seen; the number of steps
k is the caller's estimate from earlier runs; the earliest timer is a task whose priority is drawn
anew each time it is offered, high one time in sixteen.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.choice.odds import Odds
from patchstorm.choice.prng import Prng
from patchstorm.choice.strategy import GO_ON, NEVER, Dull, Runnable, highest

_TIMER_IN = 16


class Pct(Dull):
    """One run with ``depth - 1`` change points among about ``length`` steps."""

    def __init__(self, prng: Prng, *, depth: int, length: int) -> None:
        self._prng = prng
        self._odds = Odds(prng)
        self._changes = sorted(1 + prng.below(max(1, length)) for _ in range(depth - 1))
        self._priority: dict[int, int] = {}
        self._lowest = 0
        self._asked = False

    def due(self, steps: int, task: Runnable, local: int) -> int:
        if self._asked:
            return steps
        return self._changes[0] if self._changes else NEVER

    def woke(self, steps: int, task: Runnable) -> bool:
        self._asked = True
        return True

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        self._asked = False
        changed = False
        while self._changes and self._changes[0] <= steps:
            self._changes.pop(0)
            self._lowest -= 1
            self._priority[task.number] = self._lowest
            changed = True
        if changed and timer and self._prng.below(_TIMER_IN) == 0:
            return len(ready)
        if not ready:
            return GO_ON
        best = highest(ready, self._of)
        return best if self._of(ready[best]) > self._of(task) else GO_ON

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        self._asked = False
        if timer and self._prng.below(_TIMER_IN) == 0:
            return len(ready)
        return highest(ready, self._of)

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        return self._odds.value(kind, n)

    def _of(self, task: Runnable) -> int:
        priority = self._priority.get(task.number)
        if priority is None:
            priority = self._priority[task.number] = 1 + self._prng.below(1 << 30)
        return priority
