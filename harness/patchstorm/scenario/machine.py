"""Runs a workload without knowing how anything is sent: the bookkeeping of every driver.

A driver asks :meth:`Machine.start` for the first steps, carries each out in its own way (a socket, a
simulated network, a test's dictionary) and hands the result to :meth:`Machine.resume`, which
answers with the steps that have become possible. ``Together`` is resolved here, clients get their names and
operations their numbers; every other action comes out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from patchstorm.scenario.actions import (
    Give,
    Mint,
    Send,
    Sleep,
    Start,
    Stop,
    Take,
    Together,
    Workload,
)

OfPrograms = Start | Take | Give | Stop
"""What a world of real processes alone can carry out."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Something to carry out now, for ``task``. ``op`` and ``replay_of`` are for a :class:`Send`.

    Operations are numbered in the order in which they come out of the machine, from the machine's
    ``first_op``; begin them in that order. A step is carried out in full before the next is asked for
    by the same task, and steps of different tasks run at once.
    """

    task: int
    client: str
    action: Send | Sleep | Mint | OfPrograms
    op: int | None = None
    replay_of: int | None = None


class _Task(msgspec.Struct):
    client: str
    workload: Workload
    parent: int | None
    slot: int
    waiting: int = 0
    results: list[Any] = msgspec.field(default_factory=list)


class Machine:
    """One run of one workload and of all that it starts."""

    def __init__(self, workload: Workload, *, client: str = "storm", first_op: int = 0) -> None:
        self.next_op = first_op
        self.result: Any = None
        self.done = False
        self._tasks: dict[int, _Task] = {}
        self._next_task = 0
        self._deliveries: dict[str, int] = {}
        self._root = self._add(client, workload, None, 0)

    def start(self) -> list[Step]:
        """The first steps. To be called once."""
        return self.resume(self._root, None)

    def resume(self, task: int, result: Any) -> list[Step]:
        """``task``'s step has ended with ``result`` (an Answer, or None where nothing was sent)."""
        steps: list[Step] = []
        self._advance(task, result, steps)
        return steps

    def close(self) -> None:
        """Abandon everything that still runs, innermost first."""
        for number in sorted(self._tasks, reverse=True):
            self._tasks.pop(number).workload.close()
        self.done = True

    def _add(self, client: str, workload: Workload, parent: int | None, slot: int) -> int:
        number = self._next_task
        self._next_task += 1
        self._tasks[number] = _Task(client, workload, parent, slot)
        return number

    def _advance(self, number: int, result: Any, steps: list[Step]) -> None:
        """Run a task on to its next steps, which are appended."""
        task = self._tasks[number]
        try:
            action = task.workload.send(result)
        except StopIteration as stop:
            self._ended(number, stop.value, steps)
            return
        if isinstance(action, Together):
            self._split(number, action, steps)
        elif isinstance(action, Send):
            steps.append(self._numbered(number, task.client, action))
        else:
            steps.append(Step(task=number, client=task.client, action=action))

    def _numbered(self, number: int, client: str, send: Send) -> Step:
        op = self.next_op
        self.next_op += 1
        replay_of = send.replay_of
        if send.delivery is not None:
            first = self._deliveries.setdefault(send.delivery, op)
            if replay_of is None and first != op:
                replay_of = first
        return Step(task=number, client=client, action=send, op=op, replay_of=replay_of)

    def _split(self, number: int, action: Together, steps: list[Step]) -> None:
        task = self._tasks[number]
        task.waiting = len(action.workloads)
        task.results = [None] * task.waiting
        if not task.waiting:
            self._advance(number, [], steps)
            return
        names = action.names or tuple(f"{task.client}.{i}" for i in range(task.waiting))
        children = [
            self._add(name, workload, number, slot)
            for slot, (name, workload) in enumerate(zip(names, action.workloads, strict=True))
        ]
        for child in children:
            self._advance(child, None, steps)

    def _ended(self, number: int, value: Any, steps: list[Step]) -> None:
        task = self._tasks.pop(number)
        if task.parent is None:
            self.result = value
            self.done = True
            return
        parent = self._tasks[task.parent]
        parent.results[task.slot] = value
        parent.waiting -= 1
        if parent.waiting == 0:
            self._advance(task.parent, parent.results, steps)
