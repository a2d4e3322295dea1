"""Brings about a plan's faults, and those that a strategy thinks of, and takes every one of them back.

What a fault does is its deed (:mod:`patchstorm.scenario.faults`); here it is begun between two calls and
carried on by a task. Begin and end are written to the history as ``fault`` events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from patchstorm.choice.strategy import PROCESS_DIES, STORAGE_LOSES_POWER
from patchstorm.history.recorder import Recorder
from patchstorm.run.strikes import hit_by, note
from patchstorm.run.triggers import Seen
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.faults.deed import LAST, Hit, Steps, Together
from patchstorm.scenario.plan import FaultPlan, Trigger
from patchstorm.worlds.fuse.abilities import Abilities

DOWN_MS: Final = 150
_DONE: Final = object()


class Faults:
    """The faults of one run."""

    def __init__(self, abilities: Abilities, recorder: Recorder, stamp: Callable[[], int]) -> None:
        self._abilities = abilities
        self._recorder = recorder
        self._stamp = stamp
        self._tasks: set[asyncio.Task[None]] = set()
        self._sudden = 0

    def strike(self, fault: FaultPlan, seen: Seen) -> None:
        """Begin ``fault`` now."""
        hit = self._hit(fault, seen.replica)
        note(self._recorder, fault, hit, seen.path, self._stamp)
        deed = FAULTS[fault.kind].deed
        assert deed is not None  # a plan with one without is skipped
        steps = deed(self._abilities, fault, hit)
        following = self._follow(fault, hit, seen.path, steps, next(steps, _DONE))
        self._tasks.add(asyncio.get_running_loop().create_task(following))

    def sudden(self, strike: int, replica: int) -> None:
        """A strike that a strategy chose and no plan has."""
        self._sudden += 1
        whole = strike == STORAGE_LOSES_POWER
        fault = FaultPlan(
            id=f"sudden-{self._sudden}",
            kind="crash" if strike == PROCESS_DIES else "power-loss",
            whom="storage" if whole else "replica",
            replica=None if whole else replica,
            trigger=Trigger(kind="step"),
            for_ms=DOWN_MS,
        )
        self.strike(fault, Seen(replica))

    async def _follow(
        self, fault: FaultPlan, hit: Hit, path: str | None, steps: Steps, first: object
    ) -> None:
        await self._carry_out(fault, steps, first)
        note(self._recorder, fault, hit, path, self._stamp, ends=True)

    async def _carry_out(self, fault: FaultPlan, steps: Steps, step: object) -> None:
        """The rest of a deed, of which ``step`` has been begun."""
        while step is not _DONE:
            if step is LAST:
                await self._abilities.last(fault)
            elif isinstance(step, Together):
                parts = [self._carry_out(fault, part, next(part, _DONE)) for part in step.deeds]
                await asyncio.gather(*parts)
            elif step is not None:
                assert callable(step)
                await step()
            step = next(steps, _DONE)

    async def end(self) -> None:
        """Every fault ends, and its error, if it had one, is raised here."""
        self._abilities.healing.set()
        tasks, self._tasks = self._tasks, set()
        await asyncio.gather(*tasks)

    def cancel(self) -> None:
        """The storm is given up."""
        for task in self._tasks:
            task.cancel()

    def _hit(self, fault: FaultPlan, acting: int | None) -> Hit:
        count = len(self._abilities.conductor.members)
        if FAULTS[fault.kind].loses_power and self._abilities.local and fault.whom != "storage":
            return tuple(range(count))  # containers of one machine lose power together
        return hit_by(fault, count, lambda: acting)
