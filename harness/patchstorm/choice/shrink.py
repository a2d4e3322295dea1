"""Making a list of choices shorter and its numbers smaller, as long as something still holds.

Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", TSE 2002) over
*named* choices: leaving one out does not shift the meaning of the rest, so large parts can go at once.
A pass goes through the list once with each size of part; what it could not remove at size one is tried
again only after something else went. When nothing goes any more, every choice that is left is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from patchstorm.choice.schedule import Choice

PAIRS_UP_TO = 8
"""Lists no longer than this are also tried without any two of their items."""

T = TypeVar("T")
Holds = Callable[[Sequence[T]], bool]


def fewer(items: Sequence[T], holds: Holds[T]) -> list[T]:
    """A subsequence that still holds, from which no single item can be left out.

    ``holds(items)`` is taken for granted. ``holds`` may raise to end the search; the best so far is
    then lost to the caller, who should keep what held.
    """
    kept = list(items)
    if kept and holds([]):
        return []
    size = len(kept) // 2
    while size >= 1:
        at, shrank = 0, False
        while at < len(kept):
            candidate = kept[:at] + kept[at + size :]
            if len(candidate) < len(kept) and holds(candidate):
                kept, shrank = candidate, True
            else:
                at += size
        if size == 1 and not shrank:
            without = _without_a_pair(kept, holds)
            if without is None:
                return kept
            kept = without
        size = size // 2 if size > 1 else 1
    return kept


def _without_a_pair(items: list[T], holds: Holds[T]) -> list[T] | None:
    """The items less two that only go together (a switch and the switch back), if there are such."""
    if len(items) > PAIRS_UP_TO:
        return None
    for first in range(len(items)):
        for second in range(first + 1, len(items)):
            candidate = items[:first] + items[first + 1 : second] + items[second + 1 :]
            if holds(candidate):
                return candidate
    return None


def smaller(choices: Sequence[Choice], holds: Holds[Choice]) -> list[Choice]:
    """The same choices with smaller numbers where no task is named; each number is tried low first."""
    kept = list(choices)
    for place, choice in enumerate(kept):
        if choice.target is not None:
            continue
        for value in range(1, min(choice.value, 4)):
            candidate = [*kept]
            candidate[place] = Choice(choice.task, choice.step, choice.kind, value)
            if holds(candidate):
                kept = candidate
                break
    return kept
