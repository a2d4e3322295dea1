"""When a fault strikes in the simulator: also by step, and at the very call that does something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from patchstorm.choice.strategy import NEVER
from patchstorm.run.triggers import Seen, Strike, Triggers, patterns_of
from patchstorm.run.truth import ROOT
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.model import Target
from patchstorm.target.patterns import matches
from patchstorm.target.places import Places
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.replica import MS
from patchstorm.worlds.sim.watched import Observer

PUBLISHED = "{published}"
_SEEN = ("path", "phase")
CALLS: dict[str, tuple[str, ...]] = {
    "open": ("open",),
    "read": ("pread", "read"),
    "write": ("write", "pwrite"),
    "pwrite": ("pwrite", "write"),
    "fsync": ("fsync",),
    "fdatasync": ("fsync",),
    "close": ("close",),
    "truncate": ("ftruncate", "truncate"),
    "stat": ("lstat", "fstat", "stat"),
    "replace": ("replace",),
    "rename": ("replace",),
    "link": ("link",),
    "unlink": ("unlink",),
    "mkdir": ("mkdir",),
    "rmdir": ("rmdir",),
    "listdir": ("listdir", "scandir"),
    "flock": ("flock", "lockf"),
}
"""What an ``op`` stands for, as ports announce it: a store says stat, and the port has lstat and fstat."""


def needs_watching(plan: Plan) -> bool:
    """Whether any trigger looks at what is done on the storage."""
    return any(fault.trigger.kind in _SEEN for fault in plan.world_faults)


class SimTriggers(Triggers, Observer):
    """The triggers of one run. What is written to a path is seen in live worlds only; here, use an op."""

    def __init__(
        self, plan: Plan, target: Target, kernel: Kernel, places: Places, strike: Strike
    ) -> None:
        super().__init__(plan, self._later, strike)
        self._kernel = kernel
        self._places = places
        self._seen = {fault.id: 0 for fault in plan.world_faults}
        self._patterns = {fault.id: patterns_of(fault, target) for fault in plan.world_faults}
        self._armed_at = 0

    def _later(self, ms: int, callback: Callable[[], None]) -> Callable[[], None]:
        timer = self._kernel.after(ms * MS, callback)
        return lambda: self._kernel.cancel(timer)

    def arm(self) -> None:
        self._armed_at = self._kernel.steps
        self._kernel.interrupt = self._stepped
        self._set_interrupt()
        super().arm()

    def disarm(self) -> None:
        self._kernel.interrupt_due = NEVER
        super().disarm()

    def whoever_acts(self) -> Seen:
        task = self._kernel.current
        return Seen(replica=None if task is None else task.replica)

    def fire(self, fault: FaultPlan, seen: Seen) -> None:
        try:
            super().fire(fault, seen)
        except Exception as error:  # the harness's own: the server under test must not catch it
            self._kernel.fail(error)

    # -- steps ------------------------------------------------------------------------------------

    def _set_interrupt(self) -> None:
        steps = [fault.trigger.step for fault in self.waiting if fault.trigger.step is not None]
        self._kernel.interrupt_due = self._armed_at + min(steps) if steps else NEVER
        self._kernel.due = 0

    def _stepped(self) -> None:
        """The step that a fault waits for is about to be taken."""
        done = self._kernel.steps - self._armed_at
        seen = self.whoever_acts()
        for fault in tuple(self.waiting):
            if fault.trigger.step is not None and fault.trigger.step <= done:
                self.fire(fault, seen)
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
                if trigger.op is None or call not in CALLS[trigger.op]:
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
            self.fire(fault, Seen(replica, path))
