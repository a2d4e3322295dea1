"""random-walk: at random moments somebody else runs, drawn evenly.

The naive baseline of controlled concurrency testing (Thomson, Donaldson and Betts, "Concurrency
testing using controlled schedulers: an empirical study", ACM TOPC 2016), which found it hard to beat.

Deviations: the walk does not flip a coin at each step but draws the distance to the next switch, with
a mean that is itself drawn for the run (2 to 256 steps), so that some runs interleave finely and
others coarsely; timers are drawn one time in eight of their fair share.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.choice.odds import Odds
from patchstorm.choice.prng import Prng
from patchstorm.choice.strategy import GO_ON, Dull, Runnable

_MEANS = (2, 4, 8, 16, 32, 64, 128, 256)


class RandomWalk(Dull):
    """One run of the walk."""

    def __init__(self, prng: Prng) -> None:
        self._prng = prng
        self._odds = Odds(prng)
        self._mean = _MEANS[prng.below(len(_MEANS))]
        self._eager = prng.below(2) == 1
        self._next = prng.gap(self._mean)
        self._below = prng.below

    def due(self, steps: int, task: Runnable, local: int) -> int:
        return self._next

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        if steps < self._next:
            return GO_ON
        self._next = steps + self._prng.gap(self._mean)
        return self._drawn(ready, timer)

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        if not self._eager and self._below(4):
            return 0
        return max(0, self._drawn(ready, timer))

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        return self._odds.value(kind, n)

    def _drawn(self, ready: Sequence[Runnable], timer: bool) -> int:
        count = len(ready)
        if timer:
            drawn = self._below(8 * (count + 1))  # one draw for both: a timer, or whom
            if drawn == 0:
                return count
            return drawn % count if count else GO_ON
        return self._below(count) if count else GO_ON
