"""What decides in a simulated run: three questions, and when the first of them is asked.

A strategy sees tasks as :class:`Runnable`: a stable path, a number in order of creation, and, if it
asked to watch, the step that the task is about to take. It never sees the store, the storage or
the network. Recording is not its business: whoever asks writes down what was answered.

The questions:

``preempt``  a task is about to take a step: does somebody else run first?
``pick``     nobody runs: who is next?
``value``    something else is open (a stale answer, an early crash): which alternative?

``strike``   a task of a replica is about to take a step: does the replica die before it?
``stands``   the same: does the task stand still for a while before it?

``due`` tells when to ask ``preempt`` again, as a number of steps from the start of the run; until
then a step costs one comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

NEVER = 1 << 62
GO_ON = -1

STANDS_MS = (2, 8, 32)
"""How long a task may be made to stand still, in virtual milliseconds."""

NO_STRIKE, PROCESS_DIES, HOST_LOSES_POWER, STORAGE_LOSES_POWER = range(4)


class Footprint:
    """What a step touches: an object by name, and whether it may change it.

    Two steps conflict when they touch one object and at least one of them changes it. A change of a
    name also changes the directory that holds it, so a listing conflicts with a rename inside.
    """

    __slots__ = ("call", "reads", "writes")

    def __init__(self, call: str, reads: tuple[str, ...], writes: tuple[str, ...]) -> None:
        self.call = call
        self.reads = reads
        self.writes = writes

    def conflicts(self, other: Footprint) -> bool:
        """Whether the order of the two steps can matter."""
        return any(mine in other.writes or mine in other.reads for mine in self.writes) or any(
            theirs in self.reads for theirs in other.writes
        )


class Runnable(Protocol):
    """A task, as far as strategies know it."""

    @property
    def path(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def pending(self) -> Footprint | None: ...
    @property
    def replica(self) -> int | None: ...


class Strategy(Protocol):
    """One schedule's decisions. A new object for every schedule."""

    watches: bool
    """Whether tasks have to announce every step with its footprint."""

    def due(self, steps: int, task: Runnable, local: int) -> int:
        """The step at which ``preempt`` is to be asked next; called whenever a task starts to run."""
        ...

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        """GO_ON, an index into ``ready``, or ``len(ready)`` for the earliest timer if ``timer``."""
        ...

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        """An index into ``ready`` (never empty), or ``len(ready)`` for the earliest timer.

        ``after`` is the task that ran last and ``local`` how many steps it had made.
        """
        ...

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        """One of ``range(n)``."""
        ...

    def woke(self, steps: int, task: Runnable) -> bool:
        """A task has become ready; True: ask ``preempt`` at the next step."""
        ...

    def armed(self, steps: int) -> None:
        """The storm begins: from here on a strike is allowed."""
        ...

    def strike(self, steps: int, task: Runnable, local: int) -> int:
        """NO_STRIKE, or one of the strikes below; asked where ``due`` says, before ``preempt``."""
        ...

    def stands(self, steps: int, task: Runnable, local: int) -> int:
        """0, or the place of one of ``STANDS_MS``, counted from 1; asked after ``strike``. Then nobody is
        asked whether somebody else runs first, since everybody else does.
        """
        ...


class Dull:
    """Every choice 0. The base of strategies that deviate from it."""

    watches = False

    def due(self, steps: int, task: Runnable, local: int) -> int:
        return NEVER

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        return GO_ON

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        return 0

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        return 0

    def woke(self, steps: int, task: Runnable) -> bool:
        return False

    def armed(self, steps: int) -> None:
        return None

    def strike(self, steps: int, task: Runnable, local: int) -> int:
        return NO_STRIKE

    def stands(self, steps: int, task: Runnable, local: int) -> int:
        return 0


class Deferring:
    """Asks another strategy about everything; subclasses decide some of it themselves."""

    def __init__(self, inner: Strategy) -> None:
        self.watches = inner.watches
        self._inner = inner

    def due(self, steps: int, task: Runnable, local: int) -> int:
        return self._inner.due(steps, task, local)

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        return self._inner.preempt(steps, task, local, ready, timer)

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        return self._inner.pick(steps, after, local, ready, timer)

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        return self._inner.value(steps, task, local, kind, n)

    def woke(self, steps: int, task: Runnable) -> bool:
        return self._inner.woke(steps, task)

    def armed(self, steps: int) -> None:
        self._inner.armed(steps)

    def strike(self, steps: int, task: Runnable, local: int) -> int:
        return self._inner.strike(steps, task, local)

    def stands(self, steps: int, task: Runnable, local: int) -> int:
        return self._inner.stands(steps, task, local)


def highest(ready: Sequence[Runnable], priority_of: Callable[[Runnable], int]) -> int:
    """The place of the task of the highest priority, the first of equals; each is asked in order."""
    best, top = 0, priority_of(ready[0])
    for index, task in enumerate(ready):
        priority = priority_of(task)
        if priority > top:
            best, top = index, priority
    return best
