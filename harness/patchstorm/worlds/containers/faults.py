"""What can be done to a fleet in containers, beyond what can be done to any processes."""

from __future__ import annotations

import asyncio
import contextlib

from patchstorm.live.fault_kinds import KINDS, FaultKind, Scene
from patchstorm.run.strikes import Hit
from patchstorm.scenario.plan import FaultPlan
from patchstorm.worlds.containers.engine import EngineError
from patchstorm.worlds.containers.member import Member
from patchstorm.worlds.containers.packets import DELAY_NOTHING, LOSE_NOTHING, delaying, losing

PAGE = 4096


def _members(scene: Scene, hit: Hit) -> list[Member]:
    return [replica for replica in scene.replicas(hit) if isinstance(replica, Member)]


def _nothing(_: Scene, __: FaultPlan, ___: Hit) -> None:
    return None


async def _frozen(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    """Signals have stopped it at once; the freezer then holds what a signal would wake."""
    members = _members(scene, hit)
    await asyncio.gather(*(member.freeze() for member in members))
    await scene.last(fault)
    await asyncio.gather(*(member.unfreeze() for member in members))
    for member in members:
        member.resume()


async def _cut_off(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    members = _members(scene, hit)
    scene.ends_unheard = True
    await asyncio.gather(*(member.disconnect() for member in members))
    await scene.last(fault)
    await asyncio.gather(*(member.connect() for member in members))


async def _updated(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    for member in _members(scene, hit):
        await member.update()
        await scene.last(fault)
        await member.start()


async def _delayed(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    on = delaying(int(fault.options["delay_ms"]), int(fault.options["jitter_ms"]))
    await _spoiled(scene, fault, hit, on, DELAY_NOTHING)


async def _lossy(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    scene.ends_unheard = True
    await _spoiled(scene, fault, hit, losing(int(fault.options["lost_permille"])), LOSE_NOTHING)


async def _spoiled(
    scene: Scene, fault: FaultPlan, hit: Hit, on: tuple[str, ...], off: tuple[str, ...]
) -> None:
    members = _members(scene, hit)
    await asyncio.gather(*(member.tool(*on) for member in members))
    await scene.last(fault)
    await asyncio.gather(*(member.tool(*off) for member in members))


async def _starved(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    """Little more memory than it has now; whom the kernel kills for it is started again afterwards."""
    members = _members(scene, hit)
    for member in members:
        member.expected_down = True  # should it die, nobody wonders
        with contextlib.suppress(EngineError):  # it may have died before
            room = int(fault.options["room"]) // PAGE * PAGE
            await member.limit(await member.memory_used() + room)
    await scene.last(fault)
    for member in members:
        if not member.alive and await member.ran_out_of_memory():
            scene.fleet.remarks.append(f"replica {member.index} was killed at its memory limit")
        await member.limit(None)
        await member.start()
        member.expected_down = False


CONTAINER_KINDS: dict[str, FaultKind] = {
    **KINDS,
    "pause": FaultKind(now=KINDS["pause"].now, then=_frozen),
    "partition": FaultKind(now=_nothing, then=_cut_off),
    "rolling-update": FaultKind(now=_nothing, then=_updated),
    "packet-delay": FaultKind(now=_nothing, then=_delayed),
    "packet-loss": FaultKind(now=_nothing, then=_lossy),
    "memory-limit": FaultKind(now=_nothing, then=_starved),
}
