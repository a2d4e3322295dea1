"""Which kept failures a job of ``patchstorm run`` tries first, and that it does so once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patchstorm.campaign.corpus import Where
from patchstorm.commands.storms import Job
from patchstorm.report.model import RunReport
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target


@dataclass(slots=True)
class Before:
    """The failures of one target, as ``Corpus.before`` says."""

    kept: Mapping[Where, tuple[Path, ...]]
    _tried: dict[Where, Plan | None] = field(default_factory=dict, init=False)

    def entries(self, job: Job) -> tuple[Path, ...]:
        """What the first plan of a storm tries before it is drawn; the others draw at once."""
        return () if job.index else self.kept.get((job.world, job.scenario.name), ())

    async def live(
        self, job: Job, target: Target, *, claimed_only: bool, out_dir: Path, shared: Any
    ) -> RunReport | None:
        """What came back with real processes; None if nothing did.

        A job that is played again, as ``--confirm`` does, runs the plan that failed, and no other entry.
        """
        from patchstorm.campaign.retrying import retry_live
        from patchstorm.campaign.single import run_plan

        key = (job.world, job.scenario.name)
        if job.index or key in self._tried:
            plan = None if job.index else self._tried[key]
            if plan is None:
                return None
            again = await run_plan(
                plan, target, out_dir=out_dir, keep_safe=False, world=job.world, shared=shared,
                allow_unreached=True,
            )  # fmt: skip
            return again.report
        found = await retry_live(
            self.entries(job), target, world=job.world, claimed_only=claimed_only, out_dir=out_dir,
            shared=shared,
        )  # fmt: skip
        self._tried[key] = None if found is None else found.plan
        return None if found is None else found.report
