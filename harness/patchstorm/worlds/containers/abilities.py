"""What can be done to a fleet in containers, beyond what can be done to any processes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from patchstorm.live.abilities import Abilities, Pending, at_once, in_turn
from patchstorm.live.docker.engine import EngineError, call
from patchstorm.live.fleet import Fleet
from patchstorm.live.network import Network
from patchstorm.live.nfs.keeper import served_while
from patchstorm.live.storage import Storage
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.faults.network import Packets
from patchstorm.scenario.faults.replicas import Images, Memory
from patchstorm.scenario.faults.storage import Caches, FileServer, Locks, Mounts
from patchstorm.scenario.plan import FaultPlan
from patchstorm.worlds.containers.files import NfsGround
from patchstorm.worlds.containers.member import Member
from patchstorm.worlds.containers.packets import DELAY_NOTHING, LOSE_NOTHING, delaying, losing

PAGE = 4096


class ContainerAbilities(Abilities, Images, Memory, Packets):
    """Those over a fleet of :class:`Member`."""

    def _members(self, hit: Hit) -> list[Member]:
        return [replica for replica in self.replicas(hit) if isinstance(replica, Member)]

    def pause(self, hit: Hit) -> Pending:
        """Signals stop them at once; the freezer then holds what a signal would wake."""
        super().pause(hit)
        return lambda: at_once(member.freeze for member in self._members(hit))

    def resume(self, hit: Hit) -> Pending:
        members = self._members(hit)

        async def thawed() -> None:
            await at_once(member.unfreeze for member in members)
            for member in members:
                member.resume()

        return thawed

    def part(self, hit: Hit) -> Pending:
        self.ends_unheard = True
        return lambda: at_once(member.disconnect for member in self._members(hit))

    def rejoin(self, hit: Hit) -> Pending:
        return lambda: at_once(member.connect for member in self._members(hit))

    def update(self, hit: Hit) -> Pending:
        return lambda: in_turn(member.update for member in self._members(hit))

    def spoil_packets(self, fault: FaultPlan, hit: Hit) -> Pending:
        if fault.kind == "packet-delay":
            on = delaying(int(fault.options["delay_ms"]), int(fault.options["jitter_ms"]))
        else:
            self.ends_unheard = True
            on = losing(int(fault.options["lost_permille"]))
        return lambda: self._tool(hit, on)

    def spare_packets(self, fault: FaultPlan, hit: Hit) -> Pending:
        off = DELAY_NOTHING if fault.kind == "packet-delay" else LOSE_NOTHING
        return lambda: self._tool(hit, off)

    async def _tool(self, hit: Hit, command: tuple[str, ...]) -> None:
        await at_once(partial(member.tool, *command) for member in self._members(hit))

    def limit_memory(self, hit: Hit, room: int) -> Pending:
        async def limited() -> None:
            for member in self._members(hit):
                member.expected_down = True  # should it die, nobody wonders
                with contextlib.suppress(EngineError):  # it may have died before
                    await member.limit(await member.memory_used() + room // PAGE * PAGE)

        return limited

    def lift_memory_limit(self, hit: Hit) -> Pending:
        """Whom the kernel killed for it is started again."""

        async def lifted() -> None:
            for member in self._members(hit):
                if not member.alive and await member.ran_out_of_memory():
                    self.fleet.remarks.append(
                        f"replica {member.index} was killed at its memory limit"
                    )
                await member.limit(None)
                await member.start()
                member.expected_down = False

        return lifted


class NfsContainerAbilities(ContainerAbilities, Mounts, FileServer, Caches, Locks):
    """Those over replicas that mount the storage from a file server in a container."""

    @property
    def _nfs(self) -> NfsGround:
        assert isinstance(self.storage, NfsGround)
        return self.storage

    async def last(self, fault: FaultPlan) -> None:
        async with served_while(fault, self.storage):
            await super().last(fault)

    def cut_storage(self, hit: Hit) -> None:
        for replica in hit:
            self._nfs.order("cut", replica=replica)

    def rejoin_storage(self, hit: Hit) -> None:
        for replica in hit:
            self._nfs.order("join", replica=replica)

    def stop_server(self) -> Pending:
        return lambda: call(self._nfs.order, "stop")

    def start_server(self) -> Pending:
        return lambda: call(self._nfs.order, "available")

    def age_caches(self, fault: FaultPlan, hit: Hit) -> None:
        """Real caches are as old as their mount allows at any time: nothing has to be done about it."""

    def refresh_caches(self, fault: FaultPlan) -> None:
        """Nor has it to be taken back."""

    def lose_locks(self, fault: FaultPlan, hit: Hit) -> None:
        for replica in hit:
            self._nfs.order("expire", replica=replica)


def abilities(
    fleet: Fleet, storage: Storage, network: Network, spoil: Callable[[FaultPlan], None]
) -> ContainerAbilities:
    """What can be done to a fleet on that storage."""
    kind = NfsContainerAbilities if isinstance(storage, NfsGround) else ContainerAbilities
    return kind(fleet, storage, network, spoil)
