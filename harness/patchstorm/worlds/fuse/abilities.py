"""What can be done to conducted replicas, their clients' network and their storage: what deeds are made of.

What is done at once is done between two calls; what needs real time, which is that processes go and come, is
given back to be waited for, and everybody else stands still meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from patchstorm.live.fleet import Fleet
from patchstorm.live.network import Network
from patchstorm.run.damage import Damage
from patchstorm.run.strikes import lasts_ns
from patchstorm.run.truth import make_root, walk
from patchstorm.scenario.faults.calls import Calls
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.faults.network import Reach
from patchstorm.scenario.faults.replicas import Processes
from patchstorm.scenario.faults.storage import (
    Caches,
    FileServer,
    Locks,
    Mounts,
    Power,
    Room,
    Stored,
)
from patchstorm.scenario.plan import FaultPlan
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.injection import Injections
from patchstorm.worlds.fuse.member import Member

Pending = Callable[[], Awaitable[None]]
"""What takes time; it begins when it is called."""


class Abilities(Processes, Reach, Mounts, FileServer, Room, Power, Caches, Locks, Stored, Calls):
    """Those of one run. ``missed`` says, by fault, why it hit nothing."""

    def __init__(
        self,
        conductor: Conductor,
        fleet: Fleet,
        network: Network,
        injections: Injections,
        damage: Damage,
    ) -> None:
        self.missed: dict[str, str] = {}
        self.healing = asyncio.Event()
        self.fleet = fleet
        self.conductor = conductor
        self._network = network
        self._injections = injections
        self._injected: dict[str, Callable[[], None]] = {}
        self._damage = damage
        self._server = conductor.server
        self._room: dict[str, int | None] = {}

    def members(self, hit: Hit) -> list[Member]:
        return [self.conductor.members[index] for index in hit]

    @property
    def local(self) -> bool:
        """Whether the replicas are on the storage's own machine."""
        return self._server.flavour.nfs is None

    async def last(self, fault: FaultPlan) -> None:
        """Until the fault is over, or healing begins."""
        lasts = lasts_ns(
            fault,
            now_ns=self.conductor.clock.now_ns,
            grace_until_ns=self._server.grace_until_ns,
        )
        try:
            async with asyncio.timeout(None if fault.for_ms is None else lasts / 1e9):
                await self.healing.wait()
        except TimeoutError:
            return

    # -- replicas -----------------------------------------------------------------------------------

    def kill(self, hit: Hit) -> Pending:
        """SIGKILL: what they asked for never happens, and what they had open is closed."""
        members = self.members(hit)
        self._kill(members)
        return lambda: self._bury(members)

    def start(self, hit: Hit) -> Pending:
        return lambda: self.started(self.members(hit))

    def stop(self, hit: Hit) -> Pending:
        return lambda: self._stop(self.members(hit))

    def pause(self, hit: Hit) -> None:
        for member in self.members(hit):
            self.fleet.replicas[member.index].pause()
            member.paused = True

    def resume(self, hit: Hit) -> None:
        for member in self.members(hit):
            if not member.dying:
                self.fleet.replicas[member.index].resume()
                member.paused = False
                self.conductor.stir(member)

    def _kill(self, members: list[Member]) -> None:
        for member in members:
            self.fleet.replicas[member.index].kill_now()
        self.conductor.withdraw(members)

    async def _bury(self, members: list[Member]) -> None:
        async with self.conductor.real(*members):
            for member in members:
                await self.fleet.replicas[member.index].kill()
        for member in members:
            if member.dying:
                member.buried()
        self.conductor.wake()

    async def started(self, members: list[Member]) -> None:
        """Start what is down, and wait until it takes requests."""
        async with self.conductor.real(*members):
            for member in members:
                replica = self.fleet.replicas[member.index]
                await replica.start()
                if replica.pid is not None:
                    member.up(replica.pid)

    async def _stop(self, members: list[Member]) -> None:
        """What they still do until they have ended is done at once."""
        async with self.conductor.real(*members):
            for member in members:
                await self.fleet.replicas[member.index].stop()
        self.conductor.withdraw(members)
        await self._bury(members)

    # -- network ------------------------------------------------------------------------------------

    def part(self, hit: Hit) -> None:
        for index in hit:
            self._network.part(index)

    def rejoin(self, hit: Hit) -> None:
        for index in hit:
            self._network.rejoin(index)

    def cut_storage(self, hit: Hit) -> None:
        for member in self.members(hit):
            member.bridge.client.partition(True)

    def rejoin_storage(self, hit: Hit) -> None:
        for member in self.members(hit):
            member.bridge.client.partition(False)
        self.conductor.wake()

    # -- storage ------------------------------------------------------------------------------------

    def stop_server(self) -> None:
        """Back at once, with a grace period in which it gives no new locks."""
        self._server.restart()

    def start_server(self) -> None:
        self.conductor.wake()

    def fill(self, fault: FaultPlan) -> None:
        tree = self._server.tree
        self._room[fault.id], tree.free_pages = tree.free_pages, 0

    def free(self, fault: FaultPlan) -> None:
        tree, before = self._server.tree, self._room.pop(fault.id)
        tree.free_pages = None if before is None else before + (tree.free_pages or 0)

    def cut_power(self, fault: FaultPlan, hit: Hit) -> Pending:
        """On one machine all replicas die; else a client host with its caches, or the file server."""
        members = self._without_power(hit)
        self._kill(members)
        if self.local or not hit:
            self._server.power_loss()
        if self.local:
            make_root(self._server)
        for member in members:
            if not self.local:
                member.bridge.client.crash()
            member.unplugged()
        return lambda: self._bury(members)

    def restore_power(self, fault: FaultPlan, hit: Hit) -> Pending:
        members = self._without_power(hit)
        if not self.local:
            for member in members:
                member.bridge.client.reboot()
        self.conductor.wake()
        return lambda: self.started(members)

    def _without_power(self, hit: Hit) -> list[Member]:
        return self.conductor.members if self.local else self.members(hit)

    def lose_locks(self, fault: FaultPlan, hit: Hit) -> None:
        """The server gives the replicas' locks away and tells nobody."""
        lost = 0
        for _, inode in walk(self._server):
            for member in self.members(hit):
                if inode.locks is not None and inode.locks.drop_host(member.name):
                    lost += 1
                    self._server.released(inode)
        if not lost:
            self.missed[fault.id] = f"fault {fault.id}: no lock was held; none was lost"
        self.conductor.wake()

    def damage(self, fault: FaultPlan) -> None:
        if not self._damage.strike(fault):
            self.missed[fault.id] = self._damage.missed(fault)

    # -- single calls -------------------------------------------------------------------------------

    def hit_calls(self, fault: FaultPlan, hit: Hit) -> None:
        everybody = tuple(range(len(self.conductor.members)))
        self._injected[fault.id] = self._injections.begin(fault, hit or everybody)

    def spare_calls(self, fault: FaultPlan) -> None:
        self._injected.pop(fault.id)()

    def age_caches(self, fault: FaultPlan, hit: Hit) -> None:
        self.hit_calls(fault, hit)

    def refresh_caches(self, fault: FaultPlan) -> None:
        self.spare_calls(fault)
