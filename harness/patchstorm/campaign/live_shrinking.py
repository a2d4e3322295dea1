"""A failure of real processes, made smaller by running smaller plans.

What cannot be done: the operating system decides the order, so there are no choices to leave out, and a race
that does not come back proves nothing. A smaller plan is taken when it fails for the same cause in one of
``TRIES`` runs; one that merely did not fail so often is passed over, so the result may be larger than needed.
Nothing is run for ever: ``RUNS_MAX`` runs or ``SECONDS_MAX``, and then the best so far.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.failure import Failure, read_failure, replay_command, write_failure
from patchstorm.campaign.plan_edits import (
    fewer_chunks,
    fewer_replicas,
    without_clients,
    without_faults,
    without_uploads,
)
from patchstorm.campaign.replay_target import plan_for, replay_target
from patchstorm.campaign.single import run_plan
from patchstorm.check.weight import same_cause
from patchstorm.errors import InconclusiveError
from patchstorm.history import read_history, write_history
from patchstorm.scenario.plan import Plan
from patchstorm.worlds.registry import world_of

FIRST_TRIES = 5
TRIES = 3
RUNS_MAX = 60
SECONDS_MAX = 120.0
LIVE_EDITS = (without_clients, without_faults, without_uploads, fewer_replicas, fewer_chunks)

Attempt = Callable[[Plan], Awaitable[StormResult]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveShrunk:
    """What it came to. ``complete`` False: a bound was met first."""

    before: Plan
    after: Plan
    runs: int
    seconds: float
    complete: bool


class _Spent(Exception):
    """The bound is reached; what is best so far has to do."""


def shrink_live(failure: Failure, out: Path) -> LiveShrunk:
    """Shrink ``failure`` and write the small one to ``out``, its history beside it.

    Raises InconclusiveError if it does not come back in ``FIRST_TRIES`` runs of its own plan.
    """
    with tempfile.TemporaryDirectory(prefix="patchstorm-shrink-") as folder:
        return asyncio.run(_shrink(failure, out, Path(folder)))


async def _shrink(failure: Failure, out: Path, folder: Path) -> LiveShrunk:
    target = replay_target(failure)[0]
    failure = msgspec.structs.replace(failure, plan=plan_for(failure, target))
    with world_of(failure.world).shared(1) as shared:

        async def attempt(plan: Plan) -> StormResult:
            return await run_plan(
                plan, target, out_dir=folder, keep_safe=False, world=failure.world, shared=shared
            )

        search = LiveSearch(failure, attempt)
        small = await search.shrink()
    assert search.found is not None
    assert search.found.failure is not None
    _write(search.found.failure, out)
    return small


class LiveSearch:
    """The smallest plan so far, and the run in which it last failed. ``attempt`` runs a plan once."""

    def __init__(
        self,
        failure: Failure,
        attempt: Attempt,
        *,
        runs_max: int = RUNS_MAX,
        seconds_max: float = SECONDS_MAX,
    ) -> None:
        self.best = failure.plan
        self.found: StormResult | None = None
        self._failure = failure
        self._attempt = attempt
        self._runs = 0
        self._runs_max = runs_max
        self._began = monotonic()
        self._seconds_max = seconds_max

    async def shrink(self) -> LiveShrunk:
        """Every edit in turn, again as long as it helps."""
        complete = True
        try:
            if not await self._fails(self.best, FIRST_TRIES):
                raise InconclusiveError(
                    f"the failure did not come back in {FIRST_TRIES} runs, so no smaller plan can be told "
                    "from a lucky one. See how often it comes back first: patchstorm replay --times 50"
                )
            for edits in LIVE_EDITS:
                while await self._one_of(edits):
                    pass
        except _Spent:
            if self.found is None:
                raise InconclusiveError("the failure did not come back within the bound") from None
            complete = False
        return LiveShrunk(
            before=self._failure.plan, after=self.best, runs=self._runs,
            seconds=monotonic() - self._began, complete=complete,
        )  # fmt: skip

    async def _one_of(self, edits: Callable[[Plan], Iterator[Plan]]) -> bool:
        for plan in edits(self.best):
            if await self._fails(plan, TRIES):
                self.best = plan
                return True
        return False

    async def _fails(self, plan: Plan, tries: int) -> bool:
        for _ in range(tries):
            if self._runs >= self._runs_max or monotonic() - self._began > self._seconds_max:
                raise _Spent
            self._runs += 1
            try:
                result = await self._attempt(plan)
            except (ValueError, KeyError, msgspec.ValidationError):
                return False  # an edit that no storm can be made of
            if same_cause(self._failure.findings, result.report.findings):
                self.found = result
                return True
        return False


def _write(found: Path, out: Path) -> None:
    small = read_failure(found)
    assert small.history is not None, "a run keeps its history"
    beside = f"{out.stem}.jsonl"
    with (out.parent / beside).open("wb") as sink:
        write_history(read_history(found.parent / small.history), sink)
    write_failure(out, msgspec.structs.replace(small, history=beside, command=replay_command(out)))
