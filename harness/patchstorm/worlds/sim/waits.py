"""Who waits for a lock that nobody will give back, as far as that can be told when all is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from patchstorm.worlds.sim.kernel import Kernel

HOLDER_MS_MAX: Final = 2_000
"""So long a lock may be held by somebody who is at work, when nobody else is."""


def waiting_for_good(
    kernel: Kernel, until: Callable[[Callable[[], bool], int], None]
) -> tuple[str, ...]:
    """The tasks that wait and go on waiting; ``until`` lets time pass until something is reached.

    Who waits for a lock may wait for a sweeper at work, which is no deadlock.
    """
    first = _waits(kernel)
    if first:
        until(lambda: not first & _waits(kernel), HOLDER_MS_MAX)
    return tuple(path for path, _ in sorted(first & _waits(kernel)))


def _waits(kernel: Kernel) -> frozenset[tuple[str, int]]:
    """The waits that have no bound: the task, and how far it has come."""
    return frozenset((task.path, task.local) for task in kernel.stuck)
