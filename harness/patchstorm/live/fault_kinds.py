"""What each fault does to a running fleet: at once, and then until it is over.

A row is a pair of functions. ``now`` runs inside the callback that saw the trigger and must not
wait; ``then`` lasts as long as the fault and takes it back. The table is what can be done to any real
processes; a world may have rows of its own. ``patchstorm.scenario.faults`` says the same in its ``worlds``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from patchstorm.live.fleet import Fleet
from patchstorm.live.network import Network
from patchstorm.live.replica import Replica
from patchstorm.live.storage import Storage
from patchstorm.run.strikes import Hit
from patchstorm.scenario.plan import FaultPlan


@dataclass(slots=True, kw_only=True)
class Scene:
    """What a fault may lay hands on. ``damage`` overwrites stored bytes as the fault asks.

    ``ends_unheard``: packets were lost, and with them perhaps the end of a connection. A server then
    waits for the rest of a body until its own patience ends, and rightly keeps what it has of it.
    """

    fleet: Fleet
    storage: Storage
    network: Network
    damage: Callable[[FaultPlan], None]
    ends_unheard: bool = False
    healing: asyncio.Event = field(default_factory=asyncio.Event)

    def replicas(self, hit: Hit) -> list[Replica]:
        return [self.fleet.replicas[index] for index in hit]

    async def last(self, fault: FaultPlan) -> None:
        """Wait as long as ``fault`` lasts, or until healing."""
        try:
            async with asyncio.timeout(None if fault.for_ms is None else fault.for_ms / 1_000):
                await self.healing.wait()
        except TimeoutError:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One row of the table."""

    now: Callable[[Scene, FaultPlan, Hit], None]
    then: Callable[[Scene, FaultPlan, Hit], Awaitable[None]]


def _nothing(_: Scene, __: FaultPlan, ___: Hit) -> None:
    return None


async def _over(_: Scene, __: FaultPlan, ___: Hit) -> None:
    return None


def _kill(scene: Scene, _: FaultPlan, hit: Hit) -> None:
    for replica in scene.replicas(hit):
        replica.kill_now()


async def _stay_down(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    for replica in scene.replicas(hit):
        await replica.kill()
    await scene.last(fault)
    await asyncio.gather(*(replica.start() for replica in scene.replicas(hit)))


def _pause(scene: Scene, _: FaultPlan, hit: Hit) -> None:
    for replica in scene.replicas(hit):
        replica.pause()


async def _continue(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    await scene.last(fault)
    for replica in scene.replicas(hit):
        replica.resume()


async def _restart(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    await asyncio.gather(*(_restart_one(scene, fault, replica) for replica in scene.replicas(hit)))


async def _rolling_restart(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    for replica in scene.replicas(hit):
        await _restart_one(scene, fault, replica)


async def _restart_one(scene: Scene, fault: FaultPlan, replica: Replica) -> None:
    await replica.stop()
    await scene.last(fault)
    await replica.start()


def _part(scene: Scene, _: FaultPlan, hit: Hit) -> None:
    for index in hit:
        scene.network.part(index)


async def _rejoin(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    await scene.last(fault)
    for index in hit:
        scene.network.rejoin(index)


def _fill(scene: Scene, _: FaultPlan, __: Hit) -> None:
    scene.storage.fill()


async def _free(scene: Scene, fault: FaultPlan, _: Hit) -> None:
    await scene.last(fault)
    scene.storage.free()


def _damage(scene: Scene, fault: FaultPlan, _: Hit) -> None:
    scene.damage(fault)


KINDS: dict[str, FaultKind] = {
    "crash": FaultKind(now=_kill, then=_stay_down),
    "crash-all": FaultKind(now=_kill, then=_stay_down),
    "pause": FaultKind(now=_pause, then=_continue),
    "restart": FaultKind(now=_nothing, then=_restart),
    "rolling-restart": FaultKind(now=_nothing, then=_rolling_restart),
    "partition": FaultKind(now=_part, then=_rejoin),
    "disk-full": FaultKind(now=_fill, then=_free),
    "damage": FaultKind(now=_damage, then=_over),
}
