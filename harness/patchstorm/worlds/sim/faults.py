"""Brings about a plan's faults in the simulator, and takes every one of them back.

What a fault does is its deed (:mod:`patchstorm.scenario.faults`); here it is carried out in virtual time: at
once, and after whatever takes time from the callback of a timer. Begin and end are written to the history as
``fault`` events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from patchstorm.errors import UsageError
from patchstorm.history.recorder import Recorder
from patchstorm.run.strikes import hit_by, lasts_ns, note, sudden
from patchstorm.run.triggers import Seen
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.faults.deed import LAST, Hit, Steps, Together
from patchstorm.scenario.plan import FaultPlan
from patchstorm.storage.server import Server
from patchstorm.worlds.sim.abilities import Abilities
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.stamps import Stamps
from patchstorm.worlds.sim.timers import Timer


class Faults:
    """The faults of one run."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        server: Server,
        replicas: int,
        abilities: Abilities,
        recorder: Recorder,
        stamp: Stamps,
    ) -> None:
        self.healing = False
        self._kernel = kernel
        self._server = server
        self._replicas = replicas
        self._abilities = abilities
        self._recorder = recorder
        self._stamp = stamp
        self._lasting: dict[Carried, Timer | None] = {}
        self._sudden = 0

    def strike(self, fault: FaultPlan, seen: Seen) -> None:
        """Begin ``fault`` now."""
        hit = self._hit(fault, seen.replica)
        note(self._recorder, fault, hit, seen.path, self._stamp)

        written = False

        def over() -> None:
            nonlocal written
            if not written:
                written = True
                note(self._recorder, fault, hit, seen.path, self._stamp, ends=True)

        deed = FAULTS[fault.kind].deed
        assert deed is not None  # who asks for one without is refused
        carried = Carried(self, fault, deed(self._abilities, fault, hit), over)
        carried.go_on()
        if carried.waits:  # for replicas to stop: they take their own time, and a fault has its own
            Carried(self, fault, _lasting(), over).go_on()

    def last(self, carried: Carried) -> None:
        """Have it go on when its fault has lasted long enough, or with healing."""
        fault = carried.fault
        timer = None
        if fault.for_ms is not None:
            lasts = lasts_ns(
                fault, now_ns=self._kernel.now_ns, grace_until_ns=self._server.grace_until_ns
            )
            timer = self._kernel.after(lasts, lambda: self._go_on(carried))
        self._lasting[carried] = timer

    def _go_on(self, carried: Carried) -> None:
        del self._lasting[carried]
        carried.go_on()

    def sudden(self, strike: int, replica: int) -> None:
        """A strike that the strategy chose and no plan has: the replica dies at this very step."""
        self._sudden += 1
        self.strike(sudden(self._sudden, strike, replica), Seen(replica))

    def end(self) -> None:
        """Every fault ends, every replica is up, every connection can be made."""
        self.healing = True
        for carried, timer in list(self._lasting.items()):
            if timer is not None:
                self._kernel.cancel(timer)
            self._go_on(carried)
        self._abilities.heal()

    def _hit(self, fault: FaultPlan, acting: int | None) -> Hit:
        local = self._server.flavour.nfs is None
        return hit_by(fault, self._replicas, lambda: acting, one_machine=local)


class Carried:
    """A deed that is being carried out. ``then`` is called when all of it is done.

    ``waits``: it has had to wait for more than its fault's time.
    """

    __slots__ = ("_faults", "_left", "_steps", "_then", "fault", "waits")

    def __init__(
        self, faults: Faults, fault: FaultPlan, steps: Steps, then: Callable[[], None]
    ) -> None:
        self.fault = fault
        self.waits = False
        self._faults = faults
        self._steps = steps
        self._then = then
        self._left = 0

    def go_on(self) -> None:
        """As far as it comes without waiting. Whatever has to be waited for calls this again."""
        for step in self._steps:
            if step is LAST:
                if not self._faults.healing:
                    self._faults.last(self)
                    return
            elif isinstance(step, Together):
                self.waits = True
                self._left = len(step.deeds)
                for deed in step.deeds:
                    Carried(self._faults, self.fault, deed, self._one_is_done).go_on()
                return
            elif step is not None:
                assert callable(step)
                self.waits = True
                step(self.go_on)
                return
        self._then()

    def _one_is_done(self) -> None:
        self._left -= 1
        if not self._left:
            self.go_on()


def _lasting() -> Steps:
    yield LAST


UNAVAILABLE = {
    "local-locks": "write it into the storage, as in nfs3,nolock",
}


def reason_to_skip(faults: Iterable[FaultPlan], local: bool) -> str | None:
    """Why these faults cannot be brought about on this kind of storage; None if they can."""
    for fault in faults:
        if fault.kind in UNAVAILABLE:
            return f"fault {fault.kind}: {UNAVAILABLE[fault.kind]}"
        if not FAULTS[fault.kind].within(Abilities):
            raise UsageError(f"fault {fault.kind}: the simulator does not know it")
        if FAULTS[fault.kind].needs_server and local:
            return f"fault {fault.kind}: local storage has no server to lose; use an nfs flavour"
    return None
