"""A recorded schedule edited by hand: at steps that somebody names, the task is held and others go on."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence

from patchstorm.choice.replay import Replay
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import GO_ON, Runnable


class Holding(Replay):
    """Repeats ``choices``; before each of ``holds``, (task, step of its own), whoever is next goes first.

    The task goes on when that one has ended or waits, as after any choice of the scheduler's. ``held`` are
    those of ``holds`` that came up.
    """

    def __init__(self, choices: Iterable[Choice], holds: Iterable[tuple[str, int]]) -> None:
        super().__init__(choices)
        self._holds = frozenset(holds)
        self.held: set[tuple[str, int]] = set()
        for task, step in sorted(self._holds):
            insort(self._steps.setdefault(task, []), step)

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        if (task.path, local) not in self._holds:
            return super().preempt(steps, task, local, ready, timer)
        if not ready and not timer:
            return GO_ON
        self.held.add((task.path, local))
        return 0  # the first that is ready; without any, the earliest timer
