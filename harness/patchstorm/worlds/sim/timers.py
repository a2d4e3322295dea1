"""What happens at a time: the heap of a run's timers, earliest first, the first set first of equals."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from patchstorm.choice.strategy import NEVER

if TYPE_CHECKING:
    from patchstorm.worlds.sim.task import Task


def wait_ns(seconds: float) -> int:
    """How long a wait takes on the clock of a run; one that is not for nothing takes time, as everywhere.

    Else who waits for what is left of a second waits for less than a nanosecond, again and again.
    """
    return max(1, int(seconds * 1e9)) if seconds > 0 else 0


class Timer:
    """Something that happens at a time: a task wakes, or ``callback`` is called."""

    __slots__ = ("callback", "cancelled", "due_ns", "task")

    def __init__(self, due_ns: int, task: Task | None, callback: Callable[[], None] | None) -> None:
        self.due_ns = due_ns
        self.task = task
        self.callback = callback
        self.cancelled = False


class Timers:
    """The timers of one run. A cancelled one stays until its turn, when it is passed over."""

    __slots__ = ("_heap", "_sequence", "first_ns")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._sequence = count()
        self.first_ns = NEVER
        """When the first timer, cancelled or not, is due; ``NEVER`` without any."""

    def add(self, due_ns: int, task: Task | None, callback: Callable[[], None] | None) -> Timer:
        timer = Timer(due_ns, task, callback)
        heapq.heappush(self._heap, (due_ns, next(self._sequence), timer))
        self.first_ns = min(self.first_ns, due_ns)
        return timer

    def earliest(self) -> Timer | None:
        """The first timer that still stands; it stays in the heap."""
        heap = self._heap
        while heap:
            timer = heap[0][2]
            if not timer.cancelled:
                return timer
            self.pop()
        return None

    def pop(self) -> Timer:
        """Take out the first, cancelled or not; there must be one."""
        heap = self._heap
        timer = heapq.heappop(heap)[2]
        self.first_ns = heap[0][0] if heap else NEVER
        return timer
