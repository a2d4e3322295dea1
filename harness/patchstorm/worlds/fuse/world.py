"""The world ``fuse``."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from patchstorm.run.outcome import HISTORY_FILE, Outcome
from patchstorm.scenario.faults import OF_REQUESTS, TRIGGERS, within
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.base import OnTheModel, Row
from patchstorm.worlds.fuse import SCHEDULES

if TYPE_CHECKING:
    from patchstorm.choice.schedule import Schedule
    from patchstorm.worlds.fuse.choosing import Deciding, Repeating
    from patchstorm.worlds.fuse.outcome import FuseOutcome
    from patchstorm.worlds.fuse.searching import Wanted


class Fuse(OnTheModel):
    """Real server processes whose every file-system call is held until it is chosen."""

    name = "fuse"
    says = "real server processes over a model of the storage; each file-system call waits to be chosen"
    repeats = True
    contains = True
    schedules = SCHEDULES

    def means(self) -> Means:
        from patchstorm.worlds.fuse.abilities import Abilities

        return Means(
            faults=OF_REQUESTS | within(Abilities),
            triggers=frozenset(TRIGGERS),
            sees_calls=True,
            own_disk=True,
        )

    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        """Its plainest order for the first plan of a storm; a strategy of the portfolio's for the others."""
        from patchstorm.worlds.fuse.choosing import Deciding
        from patchstorm.worlds.fuse.searching import strategy_of

        strategy = strategy_of(plan, shared.strategy, shared.length)
        return await self._run(plan, target, Deciding(strategy), out_dir, shared)

    def shared(self, at_once: int) -> AbstractContextManager[Wanted]:
        """How orders are drawn, and the servers that outlive a storm."""
        return contextlib.closing(self.conducting())

    def conducting(self) -> Wanted:
        from patchstorm.worlds.fuse.searching import Wanted

        return Wanted()

    async def repeat(
        self, plan: Plan, target: Target, schedule: Schedule, *, out_dir: Path, shared: Any
    ) -> Outcome:
        """Run it with the choices of ``schedule`` where their names come up."""
        from patchstorm.worlds.fuse.choosing import Repeating

        known = None if schedule.openers is UNSET else set(schedule.openers)
        repeating = Repeating(schedule.choices)
        return await self._run(plan, target, repeating, out_dir, shared, openers=known)

    async def _run(
        self,
        plan: Plan,
        target: Target,
        chooser: Deciding | Repeating,
        out_dir: Path,
        shared: Wanted,
        openers: set[str] | None = None,
    ) -> Outcome:
        from patchstorm.history import write_history
        from patchstorm.live.storage import UnavailableStorage
        from patchstorm.worlds.fuse.searching import schedule_of
        from patchstorm.worlds.fuse.story import account_of
        from patchstorm.worlds.fuse.suits import reason_to_skip

        reason = reason_to_skip(plan, target)
        if reason is not None:
            return Outcome(log_dir=out_dir, skipped=reason)
        stop = threading.Event()
        try:
            if target.only_contained:
                from patchstorm.worlds.fuse.boxes import prepare

                await prepare(target)
            ran = await _threaded(
                partial(
                    shared.keeping.run, plan, target, chooser, out_dir=out_dir, stop=stop,
                    openers=openers,
                ),
                stop,
            )  # fmt: skip
        except UnavailableStorage as missing:
            return Outcome(log_dir=out_dir, skipped=str(missing))
        shared.last = ran
        with (out_dir / HISTORY_FILE).open("wb") as file:
            write_history(ran.history, file)
        return Outcome(
            log_dir=out_dir,
            history=ran.history,
            notes=ran.notes,
            unknown=ran.unknown,
            seconds=ran.seconds,
            idle=ran.idle,
            schedule=schedule_of(ran),
            account=account_of(ran),
        )

    async def doctor(self) -> AsyncIterator[Row]:
        from patchstorm.worlds.fuse.doctor import rows

        async for row in rows(f"world {self.name}"):
            yield row


async def _threaded(run: Callable[[], FuseOutcome], stop: threading.Event) -> FuseOutcome:
    """``run`` in a thread of its own: the event loop's have room for few more than there are processors.

    Cancelled, it is stopped at its next step and waited for: it still writes to its directory, which
    whoever cancels it is about to remove.
    """
    with ThreadPoolExecutor(1) as own:
        running = asyncio.get_running_loop().run_in_executor(own, run)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            stop.set()
            while not running.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.shield(asyncio.wait({running}))
            running.exception()  # seen, and of no interest any more
            raise


FUSE = Fuse()
