"""When a fault strikes: by time, by count, or by what is seen on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from patchstorm.live.watch import Change
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.model import Target
from patchstorm.target.patterns import matches

PUBLISHED = "{published}"
VANISHES = "-"
Strike = Callable[[FaultPlan, str | None], None]


class Triggers:
    """Watches for every trigger of a plan and calls ``strike`` once for each fault.

    ``strike`` gets the path that was seen, or None. It is called at once, inside the callback that
    saw it: a window of microseconds is only hit if nothing is queued in between.
    """

    def __init__(self, plan: Plan, target: Target, strike: Strike) -> None:
        self._strike = strike
        self._waiting = list(plan.world_faults)
        self._seen = {fault.id: 0 for fault in plan.world_faults}
        self._patterns = {fault.id: _patterns(fault, target) for fault in plan.world_faults}
        self._timers: list[asyncio.TimerHandle] = []
        self._bytes = 0
        self._requests = 0
        self._armed = False
        self.published: frozenset[str] = frozenset()

    @property
    def unspent(self) -> tuple[FaultPlan, ...]:
        """The faults whose trigger was never seen."""
        return tuple(self._waiting)

    def arm(self) -> None:
        """The storm begins: counts and times run from now on."""
        self._armed = True
        loop = asyncio.get_running_loop()
        for fault in tuple(self._waiting):
            if fault.trigger.after_ms is not None:
                after_s = fault.trigger.after_ms / 1_000
                self._timers.append(loop.call_later(after_s, self._fire, fault, None))
        self._count()

    def disarm(self) -> None:
        """The storm is over: nothing strikes any more."""
        self._armed = False
        for timer in self._timers:
            timer.cancel()

    def saw_patch(self, count: int) -> None:
        """``count`` PATCH requests were begun."""
        self._requests += count
        self._count()

    def saw_bytes(self, count: int) -> None:
        """``count`` body bytes were handed to a socket."""
        self._bytes += count
        self._count()

    def saw(self, change: Change) -> None:
        """Something happened on the storage."""
        if not self._armed:
            return
        for fault in tuple(self._waiting):
            if self._shows(fault, change):
                self._seen[fault.id] += 1
                if self._seen[fault.id] >= fault.trigger.nth:
                    self._fire(fault, change.path)

    def _shows(self, fault: FaultPlan, change: Change) -> bool:
        appeared, vanished = self._patterns[fault.id]
        if change.what == "appeared":
            if PUBLISHED in appeared and change.path in self.published:
                return True
            return matches(change.path, appeared)
        return change.what == "vanished" and matches(change.path, vanished)

    def _count(self) -> None:
        if not self._armed:
            return
        for fault in tuple(self._waiting):
            trigger = fault.trigger
            if (trigger.after_bytes is not None and self._bytes >= trigger.after_bytes) or (
                trigger.after_requests is not None and self._requests >= trigger.after_requests
            ):
                self._fire(fault, None)

    def _fire(self, fault: FaultPlan, path: str | None) -> None:
        if self._armed and fault in self._waiting:
            self._waiting.remove(fault)
            self._strike(fault, path)


def _patterns(fault: FaultPlan, target: Target) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patterns whose appearance, and whose vanishing, trigger ``fault``."""
    trigger = fault.trigger
    if trigger.kind == "path":
        return ((trigger.path or "",), ())
    if trigger.kind != "phase":
        return ((), ())
    shown = target.phases.get(trigger.phase or "", ())
    return (
        tuple(pattern for pattern in shown if not pattern.startswith(VANISHES)),
        tuple(pattern[1:] for pattern in shown if pattern.startswith(VANISHES)),
    )
