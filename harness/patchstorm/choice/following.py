"""Orders of steps as blocks, and the strategy that follows such an order as far as it can.

A block is a task and how many steps it has made when its turn ends. Moving whole blocks about says what no
edit of single choices can: *let this task go on until there, and everybody else after that*. Simplifying a
failing order by joining blocks of one task is due to Jalbert and Sen, "A trace simplification technique for
effective debugging of concurrent programs", FSE 2010.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from patchstorm.choice.strategy import GO_ON, NEVER, Deferring, Dull, Runnable, Strategy


class Block(NamedTuple):
    """``task`` runs until it has made ``until`` steps; NEVER: until it ends.

    ``woken``: its turn came when the earliest timer was let off, although others could have run.
    """

    task: str
    until: int
    woken: bool


class Noting(Deferring):
    """Lets another strategy decide and notes whose turn it was."""

    def __init__(self, inner: Strategy) -> None:
        super().__init__(inner)
        self._turns: list[tuple[str, int, bool]] = []  # task, its steps when its turn began, woken
        self._woken = False

    def due(self, steps: int, task: Runnable, local: int) -> int:
        if not self._turns or self._turns[-1][0] != task.path:
            self._turns.append((task.path, local, self._woken))
        self._woken = False
        return super().due(steps, task, local)

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        place = super().preempt(steps, task, local, ready, timer)
        self._woken = place == len(ready)
        return place

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        place = super().pick(steps, after, local, ready, timer)
        self._woken = place == len(ready)
        return place

    def blocks(self) -> list[Block]:
        """The order in which tasks ran; the turn of a task ends where its next one begins."""
        ends: dict[str, int] = {}
        found = []
        for path, began, woken in reversed(self._turns):
            found.append(Block(path, ends.get(path, NEVER), woken))
            ends[path] = began
        return found[::-1]


class Following(Dull):
    """Follows ``blocks``; a block whose task cannot run yet or any more is passed over."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = blocks
        self._at = 0

    def due(self, steps: int, task: Runnable, local: int) -> int:
        blocks = self._blocks
        after = self._at + 1
        if after < len(blocks) and blocks[self._at].task != task.path == blocks[after].task:
            self._at = after  # nobody else could run, so nobody was asked
        if self._at >= len(blocks):
            return NEVER
        block = blocks[self._at]
        if block.task != task.path or block.until <= local:
            return steps + 1
        return NEVER if block.until == NEVER else steps + block.until - local

    def preempt(
        self, steps: int, task: Runnable, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        blocks = self._blocks
        while self._at < len(blocks) and blocks[self._at].task == task.path:
            if local < blocks[self._at].until:
                return GO_ON
            self._at += 1
        return self._wanted(ready, timer, GO_ON)

    def pick(
        self, steps: int, after: str, local: int, ready: Sequence[Runnable], timer: bool
    ) -> int:
        if self._at < len(self._blocks):
            block = self._blocks[self._at]
            if block.task == after and (block.until == NEVER or block.until <= local):
                self._at += 1  # else it only slept within its turn
        return self._wanted(ready, timer, 0)

    def _wanted(self, ready: Sequence[Runnable], timer: bool, otherwise: int) -> int:
        places = {task.path: place for place, task in enumerate(ready)}
        for at in range(self._at, len(self._blocks)):
            block = self._blocks[at]
            place = places.get(block.task)
            if place is not None or (timer and block.woken and at == self._at):
                self._at = at
                return len(ready) if place is None else place
        return otherwise


def joined(blocks: Sequence[Block], first: int) -> Iterator[list[Block]]:
    """Both orders in which a turn and the next one of its task are one: at the place of either."""
    block = blocks[first]
    for second in range(first + 1, len(blocks)):
        if blocks[second].task == block.task:
            between = blocks[first + 1 : second]
            whole = blocks[second]._replace(woken=block.woken)
            yield [*blocks[:first], whole, *between, *blocks[second + 1 :]]
            yield [*blocks[:first], *between, whole, *blocks[second + 1 :]]
            return
