"""When a fault strikes in the simulator: by time, by count, by step, or by what is done on the storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from patchstorm.choice.strategy import NEVER
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.model import Target
from patchstorm.target.patterns import matches
from patchstorm.target.places import Places
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.replica import MS
from patchstorm.worlds.sim.timers import Timer
from patchstorm.worlds.sim.truth import ROOT
from patchstorm.worlds.sim.watched import Observer

PUBLISHED = "{published}"
VANISHES, WRITTEN = (
    "-",
    "~",
)  # what is written to is seen in live worlds only; here, use a path and an op
Strike = Callable[[FaultPlan, int | None, str | None], None]
"""(fault, the acting replica, the path that was seen)."""

_SEEN = ("path", "phase")
_CALLS = {"pwrite": ("pwrite", "write"), "replace": ("replace", "rename")}


def needs_watching(plan: Plan) -> bool:
    """Whether any trigger looks at what is done on the storage."""
    return any(fault.trigger.kind in _SEEN for fault in plan.world_faults)


class Triggers(Observer):
    """Calls ``strike`` once for each fault of the plan, at the very call that its trigger names."""

    def __init__(
        self, plan: Plan, target: Target, kernel: Kernel, places: Places, strike: Strike
    ) -> None:
        self.waiting = list(plan.world_faults)
        self._kernel = kernel
        self._places = places
        self._strike = strike
        self._seen = {fault.id: 0 for fault in plan.world_faults}
        self._patterns = {fault.id: _patterns(fault, target) for fault in plan.world_faults}
        self._timers: list[Timer] = []
        self._bytes = 0
        self._requests = 0
        self._armed = False
        self._armed_at = 0

    def arm(self) -> None:
        """The storm begins: counts, times and steps run from now on."""
        self._armed = True
        self._armed_at = self._kernel.steps
        for fault in self.waiting:
            if fault.trigger.after_ms is not None:
                self._timers.append(
                    self._kernel.after(fault.trigger.after_ms * MS, self._firing(fault))
                )
        self._kernel.interrupt = self._stepped
        self._set_interrupt()
        self._count()

    def disarm(self) -> None:
        """The storm is over: nothing strikes any more."""
        self._armed = False
        self._kernel.interrupt_due = NEVER
        for timer in self._timers:
            self._kernel.cancel(timer)

    def saw_patch(self, count: int) -> None:
        self._requests += count
        self._count()

    def saw_bytes(self, count: int) -> None:
        self._bytes += count
        self._count()

    def _firing(self, fault: FaultPlan) -> Callable[[], None]:
        return lambda: self._fire(fault, None, None)

    # -- steps ------------------------------------------------------------------------------------

    def _set_interrupt(self) -> None:
        steps = [fault.trigger.step for fault in self.waiting if fault.trigger.step is not None]
        self._kernel.interrupt_due = self._armed_at + min(steps) if steps else NEVER
        self._kernel.due = 0

    def _stepped(self) -> None:
        """The step that a fault waits for is about to be taken."""
        done = self._kernel.steps - self._armed_at
        task = self._kernel.current
        replica = None if task is None else task.replica
        for fault in tuple(self.waiting):
            if fault.trigger.step is not None and fault.trigger.step <= done:
                self._fire(fault, replica, None)
        self._set_interrupt()

    # -- what is done on the storage ----------------------------------------------------------------

    def before(
        self, replica: int, call: str, path: str, execute: Callable[[], Any]
    ) -> Callable[[], Any] | None:
        self._about_to(replica, call, path)
        return None

    def naming(self, replica: int, call: str, path: str) -> None:
        self._about_to(replica, call, path)

    def _about_to(self, replica: int, call: str, path: str) -> None:
        if self._armed:
            relative = path[len(ROOT) + 1 :]
            for fault in tuple(self.waiting):
                trigger = fault.trigger
                if trigger.op is None or call not in _CALLS.get(trigger.op, (trigger.op,)):
                    continue
                if trigger.path is None or matches(relative, (trigger.path,)):
                    self._sighted(fault, replica, relative)

    def appeared(self, replica: int, path: str) -> None:
        self._changed(replica, path, 0)

    def vanished(self, replica: int, path: str) -> None:
        self._changed(replica, path, 1)

    def _changed(self, replica: int, path: str, what: int) -> None:
        if not self._armed:
            return
        relative = path[len(ROOT) + 1 :]
        for fault in tuple(self.waiting):
            if fault.trigger.op is not None:
                continue
            patterns = self._patterns[fault.id][what]
            published = what == 0 and PUBLISHED in patterns and relative in self._places.published
            if published or matches(relative, patterns):
                self._sighted(fault, replica, relative)

    def _sighted(self, fault: FaultPlan, replica: int, path: str) -> None:
        self._seen[fault.id] += 1
        if self._seen[fault.id] >= fault.trigger.nth:
            self._fire(fault, replica, path)

    # -- counts -------------------------------------------------------------------------------------

    def _count(self) -> None:
        if not self._armed:
            return
        task = self._kernel.current
        replica = None if task is None else task.replica
        for fault in tuple(self.waiting):
            trigger = fault.trigger
            by_bytes = trigger.after_bytes is not None and self._bytes >= trigger.after_bytes
            asked = trigger.after_requests
            if by_bytes or (asked is not None and self._requests >= asked):
                self._fire(fault, replica, None)

    def _fire(self, fault: FaultPlan, replica: int | None, path: str | None) -> None:
        if self._armed and fault in self.waiting:
            self.waiting.remove(fault)
            try:
                self._strike(fault, replica, path)
            except (
                Exception
            ) as error:  # the harness's own fault: the server under test must not catch it
                self._kernel.fail(error)


def _patterns(fault: FaultPlan, target: Target) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The patterns whose appearance, and whose vanishing, trigger ``fault``."""
    trigger = fault.trigger
    if trigger.kind == "path":
        return ((trigger.path or "",), ())
    if trigger.kind != "phase":
        return ((), ())
    shown = target.phases.get(trigger.phase or "", ())
    return (
        tuple(pattern for pattern in shown if not pattern.startswith((VANISHES, WRITTEN))),
        tuple(pattern[1:] for pattern in shown if pattern.startswith(VANISHES)),
    )
