"""When a fault strikes: by time, by count, or by what a world sees happen on its storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.model import Target

VANISHES, WRITTEN = "-", "~"
After = Callable[[int, Callable[[], None]], Callable[[], None]]
"""Call something so many milliseconds from now; gives what calls it off."""

UNSPENT: Final = "never triggered: "
"""What the note of a run begins with that tells of them."""


class Seen(NamedTuple):
    """What made a trigger fire, as far as it is known: who acted, on which path, at what time (ns)."""

    replica: int | None = None
    path: str | None = None
    time_ns: int | None = None


Strike = Callable[[FaultPlan, Seen], None]


class Patterns(NamedTuple):
    """The paths by which a fault's trigger shows on the storage."""

    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class Triggers:
    """Waits for every trigger of a plan and calls ``strike`` once for each fault.

    ``strike`` is called at once, inside the callback that brought the news.
    """

    def __init__(self, plan: Plan, after: After, strike: Strike) -> None:
        self.waiting = list(plan.world_faults)
        self.armed_once = False
        self._after = after
        self._strike = strike
        self._call_off: list[Callable[[], None]] = []
        self._bytes = 0
        self._requests = 0
        self._armed = False

    @property
    def unspent(self) -> str:
        """The note about faults whose trigger was never seen; empty where none is left."""
        names = ", ".join(f"{fault.id} ({fault.kind})" for fault in self.waiting)
        return f"{UNSPENT}{names}" if names else ""

    def arm(self) -> None:
        """The storm begins: counts and times run from now on."""
        self._armed = self.armed_once = True
        for fault in tuple(self.waiting):
            if fault.trigger.after_ms is not None:
                self._call_off.append(self._after(fault.trigger.after_ms, self._firing(fault)))
        self.count()

    def disarm(self) -> None:
        """The storm is over: nothing strikes any more."""
        self._armed = False
        for call_off in self._call_off:
            call_off()

    def saw_append(self, count: int) -> None:
        """``count`` requests that carry bytes were begun."""
        self._requests += count
        self.count()

    def saw_bytes(self, count: int) -> None:
        """``count`` body bytes were handed to a socket."""
        self._bytes += count
        self.count()

    def count(self) -> None:
        """Strike what has been waiting for as much as there is by now."""
        if not self._armed or not self.waiting:
            return
        for fault in tuple(self.waiting):
            trigger = fault.trigger
            by_bytes = trigger.after_bytes is not None and self._bytes >= trigger.after_bytes
            asked = trigger.after_requests
            if by_bytes or (asked is not None and self._requests >= asked):
                self.fire(fault, self.whoever_acts())

    def whoever_acts(self) -> Seen:
        """Who brought a count about, where a world knows."""
        return Seen()

    def fire(self, fault: FaultPlan, seen: Seen) -> None:
        """Strike, unless the storm is not on or the fault has struck."""
        if self._armed and fault in self.waiting:
            self.waiting.remove(fault)
            self._strike(fault, seen)

    def _firing(self, fault: FaultPlan) -> Callable[[], None]:
        return lambda: self.fire(fault, Seen())


def patterns_of(fault: FaultPlan, target: Target) -> Patterns:
    """What shows on the storage when ``fault`` is due; empty where its trigger is no such thing."""
    trigger = fault.trigger
    if trigger.kind == "path":
        return Patterns(appeared=(trigger.path or "",))
    if trigger.kind != "phase":
        return Patterns()
    shown = target.phases.get(trigger.phase or "", ())
    return Patterns(
        appeared=tuple(one for one in shown if not one.startswith((VANISHES, WRITTEN))),
        vanished=tuple(one[1:] for one in shown if one.startswith(VANISHES)),
        changed=tuple(one[1:] for one in shown if one.startswith(WRITTEN)),
    )
