"""When a fault strikes a real fleet: triggers on the storage are seen by a sentinel of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from patchstorm.live.lookout import Sight
from patchstorm.run.triggers import After, Seen, Strike, Triggers, patterns_of
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target

_ON_STORAGE = ("path", "phase")


class LiveTriggers(Triggers):
    """The triggers of one storm. ``late`` counts, by fault, the sights that were over before they could
    be struck at; none of them is a try."""

    def __init__(self, plan: Plan, after: After, strike: Strike) -> None:
        super().__init__(plan, after, strike)
        self.late: Counter[str] = Counter()

    def saw(self, sight: Sight) -> None:
        """The sentinel saw what the fault of that id waits for."""
        for fault in tuple(self.waiting):
            if fault.id != sight.rule:
                continue
            if sight.held:
                self.fire(fault, Seen(path=sight.path, time_ns=sight.time_ns))
            else:
                self.late[fault.id] += 1

    @property
    def missed(self) -> tuple[str, ...]:
        """The faults that have not struck for being late."""
        return tuple(fault.id for fault in self.waiting if self.late[fault.id])


def later(ms: int, callback: Callable[[], None]) -> Callable[[], None]:
    """Call something in the running event loop."""
    return asyncio.get_running_loop().call_later(ms / 1_000, callback).cancel


def rules_of(plan: Plan, target: Target) -> list[dict[str, Any]]:
    """What a sentinel has to wait for; empty where no trigger is on the storage."""
    return [
        {"id": fault.id, "nth": fault.trigger.nth}
        | {name: list(globs) for name, globs in patterns_of(fault, target)._asdict().items()}
        for fault in plan.world_faults
        if fault.trigger.kind in _ON_STORAGE
    ]
