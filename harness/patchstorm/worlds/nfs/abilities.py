"""What the world ``nfs`` can do to storage and hosts, beside all that ``processes`` can do to a fleet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

from patchstorm.live.abilities import Abilities, Pending, at_once, in_turn
from patchstorm.live.fleet import Fleet
from patchstorm.live.network import Network
from patchstorm.live.nfs.keeper import served_while
from patchstorm.live.storage import Storage
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.faults.storage import Caches, FileServer, Locks, Mounts, Power
from patchstorm.scenario.plan import FaultPlan
from patchstorm.worlds.nfs.hosts import Host
from patchstorm.worlds.nfs.storage import NfsStorage

KILLED_S_MAX: Final = 5.0
"""Until the processes of a host that has lost power are to be gone. On some kernels one that was writing
back to a server that cannot be reached dies never (6.1). It stays behind without a network, a mount that
others see or anybody who asks it, until the guest ends."""
Lights = Callable[[FaultPlan], NoReturn]
"""Ask for the end of the whole guest, at once; does not come back."""


class NfsAbilities(Abilities, Mounts, FileServer, Power, Caches, Locks):
    """``lights_out`` is what a power loss of the server comes to."""

    def __init__(
        self,
        fleet: Fleet,
        storage: Storage,
        network: Network,
        spoil: Callable[[FaultPlan], None],
        *,
        lights_out: Lights,
    ) -> None:
        super().__init__(fleet, storage, network, spoil)
        self._lights_out = lights_out

    @property
    def _nfs(self) -> NfsStorage:
        assert isinstance(self.storage, NfsStorage)
        return self.storage

    def _hosts(self, hit: Hit) -> list[Host]:
        hosts = self._nfs.nfs_hosts
        return [hosts[index % len(hosts)] for index in hit]

    async def last(self, fault: FaultPlan) -> None:
        async with served_while(fault, self.storage):
            await super().last(fault)

    def cut_storage(self, hit: Hit) -> None:
        for host in self._hosts(hit):
            host.cut()

    def rejoin_storage(self, hit: Hit) -> None:
        for host in self._hosts(hit):
            host.rejoin()

    def stop_server(self) -> Pending:
        return self._nfs.server.stop

    def start_server(self) -> Pending:
        server = self._nfs.server
        return lambda: in_turn((server.available, server.grace_over))

    def cut_power(self, fault: FaultPlan, hit: Hit) -> Pending:
        if fault.whom in ("storage", "all"):
            self._lights_out(fault)
        hosts = self._hosts(hit)
        for host in hosts:
            host.fail()
        replicas, reaped = self.replicas(hit), self.kill(hit)

        async def gone() -> None:
            await in_turn(host.kill for host in hosts)
            try:
                await asyncio.wait_for(reaped(), KILLED_S_MAX)
            except TimeoutError:
                for replica in replicas:
                    replica.forsake()

        return gone

    def restore_power(self, fault: FaultPlan, hit: Hit) -> Pending:
        """The hosts come back empty: new namespaces, a new mount, new processes."""

        async def booted() -> None:
            for host in self._hosts(hit):
                await host.boot()
                await self._nfs.mount(host)
            await at_once(replica.start for replica in self.replicas(hit))

        return booted

    def age_caches(self, fault: FaultPlan, hit: Hit) -> None:
        """Real caches are as old as their mount allows at any time: nothing has to be done about it."""

    def refresh_caches(self, fault: FaultPlan) -> None:
        """Nor has it to be taken back."""

    def lose_locks(self, fault: FaultPlan, hit: Hit) -> None:
        for host in self._hosts(hit):
            self._nfs.server.expire(f"{host.address}:", host.gateway)
