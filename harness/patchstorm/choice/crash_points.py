"""crash-points: a replica dies before a step, and every step of every replica gets its turn.

After ALICE (Pillai et al., OSDI 2014) and CrashMonkey (Mohan et al., OSDI 2018), which enumerate crash
points instead of hoping for them. The first round kills the process before step 1, 2, 3, ... of the dull
schedule; further rounds take away the power of the host or of the storage. What a power loss takes is
itself enumerated: the variant's number is read as digits of the choices that the storage offers, so
``VARIANTS`` small numbers meet every legal outcome where there are no more of them; beyond, they are
drawn.

Deviations: after the rounds over the dull schedule, crash points are drawn on top of random walks, and one
time in three a second one soon after the first, since what recovers can die as well.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.choice.prng import Prng
from patchstorm.choice.strategy import (
    GO_ON,
    HOST_LOSES_POWER,
    NEVER,
    NO_STRIKE,
    PROCESS_DIES,
    STORAGE_LOSES_POWER,
    Dull,
    Runnable,
    Strategy,
)

VARIANTS = 16
POWER_KINDS = ("power.", "nfs.crash", "inode-number")


class CrashPoints(Dull):
    """One schedule: ``base`` decides everything but the strikes.

    ``points`` are (step of the storm, strike), in order of steps.
    """

    def __init__(
        self, base: Strategy, *, points: Sequence[tuple[int, int]], variant: int, prng: Prng | None
    ) -> None:
        self.watches = base.watches
        self._base = base
        self._points = list(points)
        self._digits = variant
        self._prng = prng
        self._armed_at = NEVER

    def armed(self, steps: int) -> None:
        self._armed_at = steps
        self._base.armed(steps)

    def due(self, steps: int, task: Runnable, local: int) -> int:
        due = self._base.due(steps, task, local)
        return min(due, self._armed_at + self._points[0][0]) if self._points else due

    def strike(self, steps: int, task: Runnable, local: int) -> int:
        if not self._points or steps < self._armed_at + self._points[0][0]:
            return NO_STRIKE
        return self._points.pop(0)[1]

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        if self._base.due(steps - 1, task, local - 1) > steps:
            return GO_ON
        return self._base.preempt(steps, task, local, ready, timer)

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        return self._base.pick(steps, after, local, ready, timer)

    def woke(self, steps: int, task: Runnable) -> bool:
        return self._base.woke(steps, task)

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        if not kind.startswith(POWER_KINDS):
            return self._base.value(steps, task, local, kind, n)
        if self._prng is not None:
            return self._prng.below(n)
        self._digits, digit = divmod(self._digits, n)
        return digit


def strikes_of(crash: bool, power_host: bool, power_storage: bool) -> tuple[tuple[int, int], ...]:
    """The rounds: (strike, number of variants)."""
    rounds = [(PROCESS_DIES, 1)] if crash else []
    rounds += [(HOST_LOSES_POWER, VARIANTS)] if power_host else []
    rounds += [(STORAGE_LOSES_POWER, VARIANTS)] if power_storage else []
    return tuple(rounds)


def crash_of(
    index: int, length: int, rounds: Sequence[tuple[int, int]]
) -> tuple[int, int, int] | None:
    """(step, strike, variant) of schedule ``index``; None once every round is through.

    Steps change fastest, so a short search has met every step once before any twice.
    """
    length = max(1, length)
    for variant in range(VARIANTS):
        for strike, variants in rounds:
            if variant >= variants:
                continue
            if index < length:
                return index + 1, strike, variant
            index -= length
    return None
