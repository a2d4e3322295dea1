"""What the world ``nfs`` can do to storage and hosts, beside all that ``processes`` can do to a fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

from patchstorm.live.fault_kinds import KINDS, FaultKind, Scene
from patchstorm.run.strikes import Hit
from patchstorm.scenario.plan import FaultPlan
from patchstorm.worlds.nfs.hosts import Host
from patchstorm.worlds.nfs.keeper import keeping_open
from patchstorm.worlds.nfs.storage import NfsStorage

Lights = Callable[[FaultPlan], NoReturn]
"""Ask for the end of the whole guest, at once; does not come back."""


def kinds(lights_out: Lights) -> dict[str, FaultKind]:
    """The table of this world; ``lights_out`` is what a power loss of the server comes to."""

    def lose_power(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
        if fault.whom in ("storage", "all"):
            lights_out(fault)
        for host in _hosts(scene, hit):
            host.fail()
        for replica in scene.replicas(hit):
            replica.kill_now()

    return {
        **KINDS,
        "partition-storage": FaultKind(now=_cut, then=_rejoin),
        "lock-loss": FaultKind(now=_expire, then=_over),
        "stale-attributes": FaultKind(now=_nothing, then=_last),
        "stale-entries": FaultKind(now=_nothing, then=_keep_open),
        "storage-restart": FaultKind(now=_nothing, then=_restart_server),
        "power-loss": FaultKind(now=lose_power, then=_boot_again),
    }


def _storage(scene: Scene) -> NfsStorage:
    assert isinstance(scene.storage, NfsStorage)
    return scene.storage


def _hosts(scene: Scene, hit: Hit) -> list[Host]:
    hosts = _storage(scene).nfs_hosts
    return [hosts[index % len(hosts)] for index in hit]


def _nothing(_: Scene, __: FaultPlan, ___: Hit) -> None:
    return None


async def _over(_: Scene, __: FaultPlan, ___: Hit) -> None:
    return None


def _cut(scene: Scene, _: FaultPlan, hit: Hit) -> None:
    for host in _hosts(scene, hit):
        host.cut()


async def _rejoin(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    await scene.last(fault)
    for host in _hosts(scene, hit):
        host.rejoin()


async def _last(scene: Scene, fault: FaultPlan, _: Hit) -> None:
    """Real caches are as old as their mount allows at any time: nothing has to be done about it."""
    await scene.last(fault)


async def _keep_open(scene: Scene, fault: FaultPlan, _: Hit) -> None:
    """Names are believed by themselves; what they lead to has to be served, too."""
    async with keeping_open(scene.storage.view):
        await scene.last(fault)


def _expire(scene: Scene, _: FaultPlan, hit: Hit) -> None:
    for host in _hosts(scene, hit):
        _storage(scene).server.expire(host.address)


async def _restart_server(scene: Scene, fault: FaultPlan, _: Hit) -> None:
    server = _storage(scene).server
    await server.stop()
    await scene.last(fault)
    await server.available()
    await server.grace_over()


async def _boot_again(scene: Scene, fault: FaultPlan, hit: Hit) -> None:
    """The hosts come back empty: new namespaces, a new mount, new processes."""
    storage = _storage(scene)
    for host in _hosts(scene, hit):
        await host.kill()
    for replica in scene.replicas(hit):
        await replica.kill()
    await scene.last(fault)
    for host in _hosts(scene, hit):
        await host.boot()
        await storage.mount(host)
    await asyncio.gather(*(replica.start() for replica in scene.replicas(hit)))


def _no_lights(_: FaultPlan) -> NoReturn:
    raise AssertionError("only the names are asked for")


NAMES = frozenset(kinds(_no_lights))
"""The faults that this world can bring about."""
