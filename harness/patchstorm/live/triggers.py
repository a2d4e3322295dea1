"""When a fault strikes a real fleet: triggers on the storage are seen by a sentinel of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from patchstorm.run.triggers import Seen, Triggers, patterns_of
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target

_ON_STORAGE = ("path", "phase")


class LiveTriggers(Triggers):
    """The triggers of one storm."""

    def saw(self, rule: str, path: str, time_ns: int) -> None:
        """The sentinel saw what the fault of that id waits for."""
        for fault in tuple(self.waiting):
            if fault.id == rule:
                self.fire(fault, Seen(path=path, time_ns=time_ns))


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
