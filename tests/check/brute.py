"""The definition of linearizability, executed: every subset, every order. Only for tiny histories."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from patchstorm.check.wgl import Entry


def brute_force(entries: Sequence[Entry[Any]], init: Hashable, step: Any) -> bool:
    """Whether some order of all required and some optional entries is legal.

    No memory, no pruning, no preference: entries are placed one by one wherever real time permits.
    """

    def place(placed: frozenset[int], state: Hashable) -> bool:
        left = [at for at in range(len(entries)) if at not in placed]
        required = [at for at in left if entries[at].end is not None]
        if not required:
            return True
        for at in left:
            entry = entries[at]
            if entry.after >= 0 and entry.after not in placed:
                continue
            if any(_precedes(entries[other], entry) for other in required if other != at):
                continue
            for reached in step(state, entry.op) or ():
                if place(placed | {at}, reached):
                    return True
        return False

    return place(frozenset(), init)


def _precedes(first: Entry[Any], second: Entry[Any]) -> bool:
    return first.end is not None and first.end < second.call
