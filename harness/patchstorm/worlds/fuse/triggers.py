"""When a fault strikes: also by step, and at the very call that does something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from patchstorm.run.triggers import After, Seen, Strike, Triggers, patterns_of
from patchstorm.scenario.plan import FaultPlan, Plan, Trigger
from patchstorm.target.model import Target
from patchstorm.target.patterns import matches
from patchstorm.target.places import Places
from patchstorm.worlds.fuse.member import Held

PUBLISHED: Final = "{published}"
CALLS: Final[dict[str, tuple[str, ...]]] = {
    "open": ("open", "create"),
    "read": ("read",),
    "write": ("write",),
    "pwrite": ("write",),
    "fsync": ("fsync",),
    "fdatasync": ("fsync",),
    "close": ("close",),
    "truncate": ("truncate",),
    "stat": ("stat", "lookup"),
    "replace": ("rename",),
    "rename": ("rename",),
    "link": ("link",),
    "unlink": ("unlink",),
    "mkdir": ("mkdir",),
    "rmdir": ("rmdir",),
    "listdir": ("list",),
    "flock": ("flock", "lockf"),
}
"""What an ``op`` stands for, as calls arrive here."""


class FuseTriggers(Triggers):
    """The triggers of one run."""

    def __init__(
        self,
        plan: Plan,
        target: Target,
        places: Places,
        after: After,
        strike: Strike,
        acting: Callable[[], int | None],
    ) -> None:
        super().__init__(plan, after, strike)
        self._places = places
        self._acting = acting
        self._steps = 0
        self._seen = {fault.id: 0 for fault in plan.world_faults}
        self._patterns = {fault.id: patterns_of(fault, target) for fault in plan.world_faults}

    @property
    def operations(self) -> frozenset[str]:
        """Those that a fault waits for, as calls are named here."""
        waited = [fault.trigger.op for fault in self.waiting if fault.trigger.op is not None]
        return frozenset(name for op in waited for name in CALLS[op])

    def whoever_acts(self) -> Seen:
        return Seen(replica=self._acting())

    def about_to(self, held: Held) -> None:
        """A call is about to be made."""
        if not self._armed:
            return
        self._steps += 1
        path = held.call.path
        for fault in tuple(self.waiting):
            trigger = fault.trigger
            if trigger.step is not None and trigger.step <= self._steps:
                self.fire(fault, Seen(held.member.index))
            elif _meant(trigger, held.call.operation, path):
                self._sighted(fault, held.member.index, path)

    def appeared(self, replica: int, path: str) -> None:
        self._changed(replica, path, 0)

    def vanished(self, replica: int, path: str) -> None:
        self._changed(replica, path, 1)

    def written(self, replica: int, path: str) -> None:
        """What a file holds has changed."""
        self._changed(replica, path, 2)

    def _changed(self, replica: int, path: str, what: int) -> None:
        if not self._armed:
            return
        for fault in tuple(self.waiting):
            if fault.trigger.op is not None:
                continue
            patterns = self._patterns[fault.id][what]
            published = PUBLISHED in patterns and path in self._places.published
            if published or matches(path, patterns):
                self._sighted(fault, replica, path)

    def _sighted(self, fault: FaultPlan, replica: int, path: str) -> None:
        self._seen[fault.id] += 1
        if self._seen[fault.id] >= fault.trigger.nth:
            self.fire(fault, Seen(replica, path))


def _meant(trigger: Trigger, operation: str, path: str) -> bool:
    """Whether a trigger waits for this call."""
    if trigger.op is None or operation not in CALLS[trigger.op]:
        return False
    return trigger.path is None or matches(path, (trigger.path,))
