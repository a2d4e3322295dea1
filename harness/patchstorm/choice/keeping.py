"""A strategy for the order of steps, with choices of other kinds held as they are.

Shrinking asks for other orders in which the same replica dies and the same answer is stale.
"""

from __future__ import annotations

from collections.abc import Sequence

from patchstorm.choice.odds import Odds
from patchstorm.choice.replay import STRIKE, about_order
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import NO_STRIKE, Deferring, Runnable, Strategy


def besides_order(choices: Sequence[Choice]) -> list[Choice]:
    """The choices of other kinds than who runs next."""
    return [choice for choice in choices if not about_order(choice)]


class Keeping(Deferring):
    """``order`` decides who runs, ``kept`` what else is open.

    With ``odds`` values of the kinds that occur among the kept, at other places, are drawn; otherwise
    they are dull.
    """

    def __init__(self, kept: Sequence[Choice], order: Strategy, odds: Odds | None = None) -> None:
        super().__init__(order)
        self._odds = odds
        self._kept = {choice.key: choice for choice in kept}
        self._kinds = {choice.kind.partition("#")[0] for choice in kept}
        self._strikes = sorted(
            (choice for choice in kept if choice.kind == STRIKE), key=lambda one: one.step
        )

    def due(self, steps: int, task: Runnable, local: int) -> int:
        due = super().due(steps, task, local)
        for choice in self._strikes:
            if choice.task == task.path and choice.step > local:
                return min(due, steps + choice.step - local)
        return due

    def strike(self, steps: int, task: Runnable, local: int) -> int:
        choice = self._kept.get((task.path, local, STRIKE))
        return NO_STRIKE if choice is None else choice.value

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        choice = self._kept.get((task, local, kind))
        if choice is not None:
            return min(choice.value, n - 1)
        if self._odds is None or kind.partition("#")[0] not in self._kinds:
            return 0
        return self._odds.value(kind, n)
