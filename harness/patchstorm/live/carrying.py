"""Deeds of faults, carried on by tasks: what they begin with is done at once, the rest as time passes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.faults.deed import LAST, Hit, Steps, Together
from patchstorm.scenario.plan import FaultPlan

_DONE: Final = object()


class Ground(Protocol):
    """What deeds are done on; ``healing``: no fault lasts any longer."""

    healing: asyncio.Event

    async def last(self, fault: FaultPlan) -> None:
        """Wait as long as ``fault`` lasts, or until healing."""
        ...


class Deeds:
    """The deeds that are under way on one ground."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, fault: FaultPlan, hit: Hit, over: Callable[[], None]) -> None:
        """Do what ``fault`` begins with, and have a task do the rest; ``over`` is called at its end."""
        deed = FAULTS[fault.kind].deed
        assert deed is not None  # a plan with one without is skipped
        steps = deed(self._ground, fault, hit)
        following = self._follow(fault, steps, next(steps, _DONE), over)
        self._tasks.add(asyncio.get_running_loop().create_task(following))

    async def _follow(
        self, fault: FaultPlan, steps: Steps, first: object, over: Callable[[], None]
    ) -> None:
        await self._carry_out(fault, steps, first)
        over()

    async def _carry_out(self, fault: FaultPlan, steps: Steps, step: object) -> None:
        """The rest of a deed, of which ``step`` has been begun."""
        while step is not _DONE:
            if step is LAST:
                await self._ground.last(fault)
            elif isinstance(step, Together):
                parts = [self._carry_out(fault, part, next(part, _DONE)) for part in step.deeds]
                await asyncio.gather(*parts)
            elif step is not None:
                assert callable(step)
                await step()
            step = next(steps, _DONE)

    async def end(self) -> None:
        """Have every fault end now, and wait until it has. Errors of a fault are raised here."""
        self._ground.healing.set()
        tasks, self._tasks = self._tasks, set()
        await asyncio.gather(*tasks)

    def cancel(self) -> None:
        """The storm is given up: stop without healing anything."""
        for task in self._tasks:
            task.cancel()
