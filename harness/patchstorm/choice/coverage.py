"""How much of the space of schedules was seen: distinct schedules, and conflicts in both orders.

A pair is two kinds of steps ("replace =.upload/*/info.json", "listdir /.upload/*") that touched one object
one after the other in different tasks, at least one changing it. Where both orders of a pair have been
seen, neither is left to luck; many pairs have only one possible order.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """``pairs`` conflicting pairs were seen, ``both_orders`` of them in both orders, in ``watched`` runs."""

    schedules: int
    distinct: int
    watched: int
    pairs: int
    both_orders: int


class Seen:
    """Gathers it."""

    def __init__(self) -> None:
        self._schedules = 0
        self._watched = 0
        self._fingerprints: set[str] = set()
        self._pairs: set[tuple[str, str]] = set()

    def add(self, fingerprint: str, pairs: Iterable[tuple[str, str]], watched: bool) -> None:
        self._schedules += 1
        self._watched += watched
        self._fingerprints.add(fingerprint)
        self._pairs.update(pairs)

    def coverage(self) -> Coverage:
        unordered = {(min(pair), max(pair)) for pair in self._pairs if pair[0] != pair[1]}
        both = sum(1 for a, b in unordered if (a, b) in self._pairs and (b, a) in self._pairs)
        return Coverage(
            schedules=self._schedules,
            distinct=len(self._fingerprints),
            watched=self._watched,
            pairs=len(unordered),
            both_orders=both,
        )
