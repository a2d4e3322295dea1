"""What can be done to any real processes: what the deeds of faults are made of. Worlds add their own.

An ability does at once what can be done at once, and gives back what has to be waited for, if anything: it
is called inside the callback that saw the trigger, which must not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from patchstorm.live.fleet import Fleet
from patchstorm.live.network import Network
from patchstorm.live.replica import Replica
from patchstorm.live.storage import Storage
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.faults.network import Reach
from patchstorm.scenario.faults.replicas import Processes
from patchstorm.scenario.faults.storage import Room, Stored
from patchstorm.scenario.plan import FaultPlan

Pending = Callable[[], Awaitable[object]]
"""What takes time; it begins when it is called."""


class Abilities(Processes, Reach, Room, Stored):
    """Those over one fleet. ``spoil`` damages stored bytes as a fault asks.

    ``ends_unheard``: packets were lost, and with them perhaps the end of a connection. A server then
    waits for the rest of a body until its own patience ends, and rightly keeps what it has of it.
    ``missed``: by fault, why it hit nothing.
    """

    def __init__(
        self, fleet: Fleet, storage: Storage, network: Network, spoil: Callable[[FaultPlan], None]
    ) -> None:
        self.fleet = fleet
        self.storage = storage
        self.ends_unheard = False
        self.missed: dict[str, str] = {}
        self.healing = asyncio.Event()
        self._network = network
        self._spoil = spoil

    def nothing_hit(self, faults: Sequence[FaultPlan]) -> dict[str, str]:
        """Which of ``faults``, those of the plan, hit nothing, and why."""
        return self.missed

    def replicas(self, hit: Hit) -> list[Replica]:
        return [self.fleet.replicas[index] for index in hit]

    async def last(self, fault: FaultPlan) -> None:
        """Wait as long as ``fault`` lasts, or until healing."""
        try:
            async with asyncio.timeout(None if fault.for_ms is None else fault.for_ms / 1_000):
                await self.healing.wait()
        except TimeoutError:
            return

    def kill(self, hit: Hit) -> Pending:
        replicas = self.replicas(hit)
        for replica in replicas:
            replica.kill_now()
        return lambda: in_turn(replica.kill for replica in replicas)

    def start(self, hit: Hit) -> Pending:
        replicas = self.replicas(hit)
        return lambda: at_once(replica.start for replica in replicas)

    def stop(self, hit: Hit) -> Pending:
        replicas = self.replicas(hit)
        return lambda: at_once(replica.stop for replica in replicas)

    def pause(self, hit: Hit) -> Pending | None:
        for replica in self.replicas(hit):
            replica.pause()
        return None

    def resume(self, hit: Hit) -> Pending | None:
        for replica in self.replicas(hit):
            replica.resume()
        return None

    def part(self, hit: Hit) -> Pending | None:
        for index in hit:
            self._network.part(index)
        return None

    def rejoin(self, hit: Hit) -> Pending | None:
        for index in hit:
            self._network.rejoin(index)
        return None

    def fill(self, fault: FaultPlan) -> None:
        self.storage.fill()

    def free(self, fault: FaultPlan) -> None:
        self.storage.free()

    def damage(self, fault: FaultPlan) -> None:
        self._spoil(fault)


async def at_once(doing: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """All of them, side by side."""
    await asyncio.gather(*(one() for one in doing))


async def in_turn(doing: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """One after the other."""
    for one in doing:
        await one()
