"""The world ``sim``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from patchstorm.errors import UsageError
from patchstorm.run.outcome import HISTORY_FILE, Outcome
from patchstorm.scenario.faults import OF_REQUESTS, TRIGGERS, within
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.base import OnTheModel


class Simulator(OnTheModel):
    """Virtual time, and a model of the storage."""

    name = "sim"
    says = "calls in one process over a model of the storage; every step is a recorded choice"
    default = True
    searches = True

    def means(self) -> Means:
        from patchstorm.worlds.sim.abilities import Abilities
        from patchstorm.worlds.sim.faults import UNAVAILABLE

        return Means(
            faults=OF_REQUESTS | within(Abilities) | UNAVAILABLE.keys(),
            triggers=frozenset(TRIGGERS),
            sees_calls=True,
            configures_creation=True,
            bounds_workers=True,
            bounds_lock_wait=True,
            own_disk=True,
        )

    def step_ns(self) -> int:
        from patchstorm.worlds.sim.agenda import STEP_NS

        return STEP_NS

    def cannot_run(self, target: Target) -> str | None:
        from patchstorm.worlds.sim.app import subject_of

        try:
            subject_of(target)
        except UsageError as error:
            return str(error)
        return None

    def shares(self, target: Target) -> bool:
        return target.simulate is not None and bool(target.simulate.services)

    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        """Its plainest schedule, in which nobody is held up; a search tries the others."""
        from patchstorm.choice.strategy import Dull
        from patchstorm.history import write_history
        from patchstorm.worlds.sim.able import reason_to_skip
        from patchstorm.worlds.sim.app import subject_of
        from patchstorm.worlds.sim.run import run_schedule
        from patchstorm.worlds.sim.scale import said, scaled
        from patchstorm.worlds.sim.workers import pool

        subject = subject_of(target)
        reason = reason_to_skip(plan, subject)
        if reason is not None:
            return Outcome(log_dir=out_dir, skipped=reason)
        ran = run_schedule(scaled(plan), subject, Dull(), pool())
        with (out_dir / HISTORY_FILE).open("wb") as file:
            write_history(ran.history, file)
        return Outcome(
            log_dir=out_dir,
            history=ran.history,
            notes=ran.notes,
            unknown=ran.unknown,
            idle=ran.idle,
            scaled=said(plan),
        )


SIM = Simulator()
