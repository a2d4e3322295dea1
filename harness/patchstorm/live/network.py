"""The network between clients and replicas, as far as the harness can spoil it: partitions.

A partition of one replica cuts what is under way to it and lets nothing new through, while the
replica itself goes on. Everything else a network does to a request is ``Mischief`` and lives in the
HTTP client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from patchstorm.history.no_answer import NoAnswer
from patchstorm.live.http import PARTITIONED, Delivery

UNREACHABLE_MS = 20


class Network:
    """Which replicas can be reached, and which deliveries are under way to each."""

    def __init__(self) -> None:
        self._away: set[int] = set()
        self._under_way: dict[int | None, set[asyncio.Task[Delivery]]] = {}

    async def across(
        self, replica: int | None, delivery: Coroutine[Any, Any, Delivery]
    ) -> Delivery:
        """Await ``delivery``, unless a partition forbids it or cuts it off. None: to a balancer."""
        if replica in self._away:
            delivery.close()
            await asyncio.sleep(UNREACHABLE_MS / 1_000)
            return Delivery(reply=None, sent=0, error=NoAnswer.UNREACHABLE)
        task = asyncio.ensure_future(delivery)
        mine = self._under_way.setdefault(replica, set())
        mine.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if not task.cancelled() or (me is not None and me.cancelling()):
                raise
            return Delivery(reply=None, sent=0, error=PARTITIONED)  # before its first byte
        finally:
            mine.discard(task)

    def part(self, replica: int) -> None:
        """Take ``replica`` off the network. What is under way ends as "partitioned"."""
        self._away.add(replica)
        for task in self._under_way.get(replica, ()):
            task.cancel(PARTITIONED)

    def rejoin(self, replica: int) -> None:
        """Bring ``replica`` back; nothing if it was never away."""
        self._away.discard(replica)

    def heal(self) -> None:
        """Bring every replica back."""
        self._away.clear()
