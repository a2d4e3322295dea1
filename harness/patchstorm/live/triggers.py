"""When a fault strikes: by time, by count, or by what is seen on the storage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.model import Target

VANISHES, WRITTEN = "-", "~"
Strike = Callable[[FaultPlan, str | None, int | None], None]


class Triggers:
    """Waits for every trigger of a plan and calls ``strike`` once for each fault.

    ``strike`` gets the path and the time at which it was seen, or None and None. It is called at
    once, inside the callback that brought the news.
    """

    def __init__(self, plan: Plan, strike: Strike) -> None:
        self._strike = strike
        self._waiting = list(plan.world_faults)
        self._timers: list[asyncio.TimerHandle] = []
        self._bytes = 0
        self._requests = 0
        self._armed = False
        self.armed_once = False

    @property
    def unspent(self) -> tuple[FaultPlan, ...]:
        """The faults whose trigger was never seen."""
        return tuple(self._waiting)

    def arm(self) -> None:
        """The storm begins: counts and times run from now on."""
        self._armed = self.armed_once = True
        loop = asyncio.get_running_loop()
        for fault in tuple(self._waiting):
            if fault.trigger.after_ms is not None:
                after_s = fault.trigger.after_ms / 1_000
                self._timers.append(loop.call_later(after_s, self._fire, fault))
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

    def saw(self, rule: str, path: str, time_ns: int) -> None:
        """The sentinel saw what the fault of that id waits for."""
        for fault in tuple(self._waiting):
            if fault.id == rule:
                self._fire(fault, path, time_ns)

    def _count(self) -> None:
        if not self._armed:
            return
        for fault in tuple(self._waiting):
            trigger = fault.trigger
            if (trigger.after_bytes is not None and self._bytes >= trigger.after_bytes) or (
                trigger.after_requests is not None and self._requests >= trigger.after_requests
            ):
                self._fire(fault)

    def _fire(self, fault: FaultPlan, path: str | None = None, time_ns: int | None = None) -> None:
        if self._armed and fault in self._waiting:
            self._waiting.remove(fault)
            self._strike(fault, path, time_ns)


def rules_of(plan: Plan, target: Target) -> list[dict[str, Any]]:
    """What a sentinel has to wait for; empty where no trigger is on the storage."""
    return [rule for fault in plan.world_faults if (rule := _rule(fault, target))]


def _rule(fault: FaultPlan, target: Target) -> dict[str, Any] | None:
    trigger = fault.trigger
    if trigger.kind == "path":
        shown: tuple[str, ...] = (trigger.path or "",)
    elif trigger.kind == "phase":
        shown = target.phases.get(trigger.phase or "", ())
    else:
        return None
    return {
        "id": fault.id,
        "nth": trigger.nth,
        "appeared": [pattern for pattern in shown if not pattern.startswith((VANISHES, WRITTEN))],
        "vanished": [pattern[1:] for pattern in shown if pattern.startswith(VANISHES)],
        "changed": [pattern[1:] for pattern in shown if pattern.startswith(WRITTEN)],
    }
