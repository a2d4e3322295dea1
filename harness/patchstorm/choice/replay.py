"""The strategy that repeats a recorded schedule: each listed choice where its name comes up, 0 elsewhere."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from patchstorm.choice.schedule import Choice, Key, by_key
from patchstorm.choice.strategy import GO_ON, NEVER, NO_STRIKE, STANDS_MS, Dull, Runnable

SWITCH = "switch"
NEXT = "next"
TIMER = "timer"
STRIKE = "strike"
STANDS = "stands"
"""Kinds of choices that the scheduler takes. The target of a choice for the earliest timer is ``TIMER``."""


class Nexts:
    """What each choice of who is next is called.

    A task may have to be followed more than once at one step of its own: it slept, was woken and slept again,
    or it died. Those are told apart by their number, by whoever records them and by whoever repeats them.
    """

    def __init__(self) -> None:
        self._asked: dict[str, tuple[int, int]] = {}

    def kind(self, after: str, local: int) -> str:
        """The kind of this choice; call it once for each that is asked."""
        step, times = self._asked.get(after, (-1, 0))
        times = times + 1 if step == local else 0
        self._asked[after] = (local, times)
        return f"{NEXT}#{times}" if times else NEXT


def about_order(choice: Choice) -> bool:
    """Whether it says who runs, and nothing of what calls do."""
    return choice.kind in (SWITCH, STANDS) or choice.kind.partition("#")[0] == NEXT


class Replay(Dull):
    """Repeats ``choices``; ``unplaced`` are those that could not be made: a run without them is another
    run.
    """

    def __init__(self, choices: Iterable[Choice]) -> None:
        self._choices = tuple(choices)
        self._by_key = by_key(self._choices)
        self._steps: dict[str, list[int]] = {}
        for task, step, kind in self._by_key:
            if kind in (SWITCH, STRIKE, STANDS):
                self._steps.setdefault(task, []).append(step)
        for steps in self._steps.values():
            steps.sort()
        self._used: set[Key] = set()
        self._nexts = Nexts()

    @property
    def unplaced(self) -> tuple[Choice, ...]:
        """Choices whose name never came up, or which named a task that could not run, or a value that was
        not open.
        """
        return tuple(choice for choice in self._choices if choice.key not in self._used)

    def due(self, steps: int, task: Runnable, local: int) -> int:
        at = self._steps.get(task.path)
        if at is None:
            return NEVER
        place = bisect_left(at, local + 1)
        return steps + at[place] - local if place < len(at) else NEVER

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        choice = self._by_key.get((task.path, local, SWITCH))
        return GO_ON if choice is None else self._found(choice, ready, timer, GO_ON)

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        choice = self._by_key.get((after, local, self._nexts.kind(after, local)))
        return 0 if choice is None else self._found(choice, ready, timer, 0)

    def strike(self, steps: int, task: Runnable, local: int) -> int:
        choice = self._by_key.get((task.path, local, STRIKE))
        if choice is None:
            return NO_STRIKE
        self._used.add(choice.key)
        return choice.value

    def stands(self, steps: int, task: Runnable, local: int) -> int:
        return self.value(steps, task.path, local, STANDS, len(STANDS_MS) + 1)

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        choice = self._by_key.get((task, local, kind))
        if choice is None:
            return 0
        if choice.value < n:
            self._used.add(choice.key)
        return min(choice.value, n - 1)

    def _found(self, choice: Choice, ready: Sequence[Runnable], timer: bool, otherwise: int) -> int:
        if choice.target == TIMER:
            if not timer:
                return otherwise
            self._used.add(choice.key)
            return len(ready)
        for index, task in enumerate(ready):
            if task.path == choice.target:
                self._used.add(choice.key)
                return index
        return otherwise
