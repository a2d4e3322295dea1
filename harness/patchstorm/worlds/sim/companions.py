"""Faults of the services that a simulated server's replicas share: what the deeds of their family need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from patchstorm.scenario.faults.changing import Sparing
from patchstorm.scenario.faults.companion import Companion, Ways
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.plan import FaultPlan
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.replica import MS

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.beside import Beside
    from patchstorm.worlds.sim.hosted.links import Loss, Way


class Companions(Companion, Ways):
    """Those of one run, whose kernel has services; a plan that strikes them is skipped where it has none.

    ``missed`` says, by fault, why it hit nothing.
    """

    _kernel: Kernel
    missed: dict[str, str]

    def __init__(self, replicas: int) -> None:
        self._everybody = tuple(range(replicas))
        self._losses: dict[str, Loss] = {}
        self._met: dict[str, int] = {}

    @property
    def _beside(self) -> Beside:
        from patchstorm.worlds.sim.hosted.kernel import HostedKernel

        kernel = self._kernel
        assert isinstance(kernel, HostedKernel) and kernel.beside is not None
        return kernel.beside

    def heal_companions(self) -> None:
        """Every service is up and can be reached."""
        if getattr(self._kernel, "beside", None) is not None:
            self._beside.heal()

    # -- the programs -------------------------------------------------------------------------------

    def kill_companion(self) -> None:
        for program in self._beside.programs:
            program.kill()

    def stop_companion(self) -> None:
        """A service that stops in order has nothing to finish: its requests are single steps."""
        self.kill_companion()

    def forget_companion(self) -> None:
        for program in self._beside.programs:
            program.forget()

    def start_companion(self) -> None:
        for program in self._beside.programs:
            program.start()

    def pause_companion(self) -> None:
        for program in self._beside.programs:
            if program.up:
                self._kernel.pause(program.domain)

    def resume_companion(self) -> None:
        for program in self._beside.programs:
            if program.domain.paused:
                self._kernel.unpause(program.domain)

    def flush_companion(self, fault: FaultPlan) -> None:
        self._tell(fault, "flush", "")

    def expire_companion(self, fault: FaultPlan) -> None:
        self._tell(fault, "expire", "no lease was held; none ended")

    def _tell(self, fault: FaultPlan, what: str, nothing: str) -> None:
        running = [program for program in self._beside.programs if program.up]
        if not running:
            nothing = "the companion was down; nothing done"
        if not sum(program.tell(what) for program in running):
            self.missed[fault.id] = f"fault {fault.id}: {nothing}"

    # -- the ways to them ---------------------------------------------------------------------------

    def cut_way(self, fault: FaultPlan, hit: Hit) -> None:
        self._begin(fault, hit)
        if fault.options.get("way") == "silent":
            for way in self._ways(hit):
                way.silent = True
        else:
            self._beside.cut(hit or self._everybody)

    def mend_way(self, fault: FaultPlan, hit: Hit) -> None:
        self._beside.mend(hit or self._everybody)
        self._end(fault, hit, "no connection to the companion was there or asked for; nothing cut")

    def lose_requests(self, fault: FaultPlan, hit: Hit) -> None:
        from patchstorm.worlds.sim.hosted.links import Loss

        self._lose(fault, hit, Loss("request", int(fault.options.get("requests", 1))))

    def lose_replies(self, fault: FaultPlan, hit: Hit) -> None:
        from patchstorm.worlds.sim.hosted.links import Loss

        self._lose(fault, hit, Loss("reply", int(fault.options.get("replies", 1))))

    def _lose(self, fault: FaultPlan, hit: Hit, loss: Loss) -> None:
        loss.to = str(fault.options.get("to", "")).lower()
        loss.sparing = Sparing() if fault.options.get("of") == "changes" else None
        self._losses[fault.id] = loss
        for way in self._ways(hit):
            way.losses.append(loss)

    def spare(self, fault: FaultPlan, hit: Hit) -> None:
        loss = self._losses.pop(fault.id)
        for way in self._ways(hit):
            way.losses = [one for one in way.losses if one is not loss]
        if not loss.lost:
            self.missed[fault.id] = f"fault {fault.id}: no such {loss.of} came by; none lost"

    def delay_replies(self, fault: FaultPlan, hit: Hit) -> None:
        self._begin(fault, hit)
        for way in self._ways(hit):
            way.delay_ns = int(fault.options.get("delay_ms", 100)) * MS

    def hasten_replies(self, fault: FaultPlan, hit: Hit) -> None:
        for way in self._ways(hit):
            way.delay_ns = 0
        self._end(fault, hit, "the companion replied nothing; nothing delayed")

    def _ways(self, hit: Hit) -> Iterable[Way]:
        return self._beside.ways(hit or self._everybody)

    def _begin(self, fault: FaultPlan, hit: Hit) -> None:
        self._met[fault.id] = self._count(hit)

    def _end(self, fault: FaultPlan, hit: Hit, nothing: str) -> None:
        if self._count(hit) == self._met.pop(fault.id):
            self.missed[fault.id] = f"fault {fault.id}: {nothing}"

    def _count(self, hit: Hit) -> int:
        return sum(way.met for way in self._ways(hit))
