"""What can be done to processes of this host: also to the program that they share, and to the way to it.

The other worlds of real processes run no such program: hosts of theirs reach nothing but a file server, or
containers nothing of this host.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

from patchstorm.errors import TargetError
from patchstorm.live.abilities import Abilities, Pending, at_once
from patchstorm.live.beside import Beside
from patchstorm.live.fleet import Fleet
from patchstorm.live.network import Network
from patchstorm.live.relay import Hold, Loss
from patchstorm.live.replica import Replica
from patchstorm.live.storage import Storage
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.faults.changing import Sparing
from patchstorm.scenario.faults.companion import Companion, Ways
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.plan import FaultPlan

ASK_AGAIN_S: Final = 0.02


class AbilitiesHere(Abilities, Companion, Ways):
    """Those over one fleet of this host."""

    def __init__(
        self, fleet: Fleet, storage: Storage, network: Network, spoil: Callable[[FaultPlan], None]
    ) -> None:
        super().__init__(fleet, storage, network, spoil)
        self._losses: dict[str, Loss] = {}
        self._met: dict[str, int] = {}  # what the ways of a fault had met when it began
        self._hits: dict[str, Hit] = {}

    def start(self, hit: Hit) -> Pending:
        replicas = self.replicas(hit)
        return lambda: at_once(partial(self._started, replica) for replica in replicas)

    async def _started(self, replica: Replica) -> None:
        """As a supervisor does: one that ends as it cannot ask the program is started again once it can."""
        while True:
            excused = self._cannot_ask(replica)
            try:
                await replica.start()
                return
            except TargetError:
                if not (excused or self._cannot_ask(replica)):
                    raise
            while self._cannot_ask(replica):
                await asyncio.sleep(ASK_AGAIN_S)

    def _cannot_ask(self, replica: Replica) -> bool:
        beside = self.fleet.beside
        return beside is not None and beside.is_struck(replica.index)

    def nothing_hit(self, faults: Sequence[FaultPlan]) -> dict[str, str]:
        """Also where no replica ever asked the program that was struck."""
        told = super().nothing_hit(faults)
        beside = self.fleet.beside
        if beside is None or any(way.taken for way in beside.ways):
            return told
        struck = [fault.id for fault in faults if FAULTS[fault.kind].needs_companion]
        return {
            **{one: f"fault {one}: no replica ever asked the companion" for one in struck},
            **told,
        }

    @property
    def _beside(self) -> Beside:
        """A plan that strikes it is skipped where there is none."""
        assert self.fleet.beside is not None
        return self.fleet.beside

    # ---- the program

    def kill_companion(self) -> Pending:
        program = self._beside.program
        program.kill_now()
        return program.kill

    def stop_companion(self) -> Pending:
        return self._beside.program.stop

    def forget_companion(self) -> Pending:
        return self._beside.forget

    def start_companion(self) -> Pending:
        return self._beside.program.start

    def pause_companion(self) -> None:
        self._beside.program.pause()

    def resume_companion(self) -> None:
        self._beside.program.resume()

    def flush_companion(self, fault: FaultPlan) -> Pending:
        return partial(self._tell, fault, "flush")

    def expire_companion(self, fault: FaultPlan) -> Pending:
        return partial(self._expire, fault)

    async def _expire(self, fault: FaultPlan) -> None:
        """Where replies are to be held back: while somebody waits who has just changed something.

        That may have been to take the lock, or what it does under it. Others have their way meanwhile.
        """
        hold_ms = int(fault.options.get("hold_ms", 0))
        if not hold_ms:
            await self._tell(fault, "expire")
            return
        hold = Hold(skips=int(fault.options.get("skips", 0)))
        ways = self._beside.ways
        for way in ways:
            way.holds.append(hold)
        try:
            await self._or_healing(hold.begun)
            await self._tell(fault, "expire")
            if hold.begun.is_set():
                await self._for(hold_ms)
        finally:
            hold.over.set()
            for way in ways:
                if hold in way.holds:
                    way.holds.remove(hold)

    async def _tell(self, fault: FaultPlan, key: Literal["flush", "expire"]) -> None:
        """Once it is up, where another fault has it down just now."""
        while not await self._beside.told(key):
            if self.healing.is_set():
                self.missed[fault.id] = f"fault {fault.id}: the companion was down; nothing done"
                return
            await self._for(ASK_AGAIN_S * 1_000)

    async def _or_healing(self, event: asyncio.Event) -> None:
        """Wait for ``event``, or for healing."""
        waits = [asyncio.ensure_future(one.wait()) for one in (event, self.healing)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _for(self, ms: float) -> None:
        """That long, or until healing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ms / 1_000):
                await self.healing.wait()

    async def last(self, fault: FaultPlan) -> None:
        """Also until it has hit something: what passes by no fault tells nothing of it."""
        await super().last(fault)
        while not self.healing.is_set() and self._idle(fault):
            await self._for(ASK_AGAIN_S * 1_000)

    def _idle(self, fault: FaultPlan) -> bool:
        """Whether it lies on ways, and nothing has come by."""
        if fault.id in self._losses:
            return self._losses[fault.id].lost == 0
        return fault.id in self._met and self._count(self._hits[fault.id]) == self._met[fault.id]

    # ---- the ways to it

    def cut_way(self, fault: FaultPlan, hit: Hit) -> None:
        self._begin(fault, hit)
        for way in self._beside.ways_of(hit):
            way.cut(silent=fault.options.get("way") == "silent")

    def mend_way(self, fault: FaultPlan, hit: Hit) -> None:
        for way in self._beside.ways_of(hit):
            way.mend()
        self._end(fault, hit, "no connection to the companion was there or asked for; nothing cut")

    def lose_requests(self, fault: FaultPlan, hit: Hit) -> None:
        self._lose(fault, hit, Loss(of="request", left=int(fault.options.get("requests", 1))))

    def lose_replies(self, fault: FaultPlan, hit: Hit) -> None:
        self._lose(fault, hit, Loss(of="reply", left=int(fault.options.get("replies", 1))))

    def _lose(self, fault: FaultPlan, hit: Hit, loss: Loss) -> None:
        loss.to = str(fault.options.get("to", "")).lower().encode()
        loss.sparing = Sparing() if fault.options.get("of") == "changes" else None
        self._losses[fault.id] = loss
        for way in self._beside.ways_of(hit):
            way.lose(loss)

    def spare(self, fault: FaultPlan, hit: Hit) -> None:
        loss = self._losses.pop(fault.id)
        for way in self._beside.ways_of(hit):
            way.spare(loss)
        if loss.lost == 0:
            self.missed[fault.id] = f"fault {fault.id}: no such {loss.of} came by; none lost"

    def delay_replies(self, fault: FaultPlan, hit: Hit) -> None:
        self._begin(fault, hit)
        for way in self._beside.ways_of(hit):
            way.delay(int(fault.options.get("delay_ms", 100)))

    def hasten_replies(self, fault: FaultPlan, hit: Hit) -> None:
        for way in self._beside.ways_of(hit):
            way.delay(0)
        self._end(fault, hit, "the companion replied nothing; nothing delayed")

    def _begin(self, fault: FaultPlan, hit: Hit) -> None:
        self._hits[fault.id] = hit
        self._met[fault.id] = self._count(hit)

    def _end(self, fault: FaultPlan, hit: Hit, nothing: str) -> None:
        if self._count(hit) == self._met.pop(fault.id):
            self.missed[fault.id] = f"fault {fault.id}: {nothing}"

    def _count(self, hit: Hit) -> int:
        return sum(way.met for way in self._beside.ways_of(hit))
