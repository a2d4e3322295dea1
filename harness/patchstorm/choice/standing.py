"""standing: a request stands still before one of its steps, long enough that whole others pass it.

Delay injection, rather than a switch that ends when the others wait: Li, Lu, Musuvathi, Nath and Padhye,
"Efficient scalable thread-safety-violation detection", SOSP 2019. Time passes meanwhile, so that requests
come whose time had not come, and each of them goes on to its answer.

Deviations: whom to hold up is drawn client by client and request by request, so that two that race are as
likely to be held up as many that prepared the race; before which step is drawn evenly among as many as a
request of this run has made so far. No run learns from another, so a schedule stays a function of its number.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.choice.odds import Odds
from patchstorm.choice.prng import Prng
from patchstorm.choice.strategy import NEVER, STANDS_MS, Dull, Runnable

_STEPS = 32
_MEANS = (8, 16, 32, 64)
_OWN_MEAN = 48
"""About how many steps a task that serves nobody, such as a sweeper, goes on before it is held up."""


class Standing(Dull):
    """One run."""

    def __init__(self, prng: Prng, *, times: int) -> None:
        self._prng = prng
        self._odds = Odds(prng)
        self._times = times
        self._mean = _MEANS[prng.below(len(_MEANS))]
        self._longest = _STEPS
        self._chosen: dict[str, bool] = {}
        self._at: dict[int, int] = {}
        self._armed = False

    def armed(self, steps: int) -> None:
        self._armed = True

    def due(self, steps: int, task: Runnable, local: int) -> int:
        if task.replica is None or not self._armed or not self._times:
            return NEVER
        at = self._at.get(task.number)
        if at is None:
            at = self._at[task.number] = self._drawn(task)
        return steps + at - local if at > local else NEVER

    def stands(self, steps: int, task: Runnable, local: int) -> int:
        if self._at.get(task.number) != local:
            return 0
        self._times -= 1
        self._at[task.number] = local + self._prng.gap(self._mean)
        return 1 + self._prng.below(len(STANDS_MS))

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        if local > self._longest and "#" in after:
            self._longest = local
        return 0

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        return self._odds.value(kind, n)

    def _drawn(self, task: Runnable) -> int:
        """Before which of its steps a task is held up; 0: before none."""
        client, request, _ = task.path.partition("#")
        chosen = self._chosen.get(client)
        if chosen is None:
            chosen = self._chosen[client] = self._prng.below(2) == 0
        if not chosen:
            return 0
        return 1 + self._prng.below(self._longest) if request else self._prng.gap(_OWN_MEAN)
