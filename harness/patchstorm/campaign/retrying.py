"""What failed before is tried first: in the simulator step by step, with real processes its plan once.

What comes back is the result of the storm, which is then not searched any further. What does not changes
nothing: the storm goes on as if it had never been kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, Final

import msgspec

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.corpus import Corpus
from patchstorm.campaign.explored import Explored
from patchstorm.campaign.failure import Failure, read_failure
from patchstorm.campaign.keeping import failure_place, write_small
from patchstorm.campaign.ran import replayed
from patchstorm.campaign.replay_target import plan_for
from patchstorm.campaign.schedules import MIXED, Search, Session
from patchstorm.campaign.shrinking import Shrunk, unshrunk
from patchstorm.campaign.single import run_plan
from patchstorm.check.weight import minor_alone
from patchstorm.choice.coverage import Seen
from patchstorm.choice.schedule import VERSION
from patchstorm.errors import UsageError
from patchstorm.report.model import RunReport
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.plan import Plan
from patchstorm.target.claims import unclaimed
from patchstorm.target.model import Target
from patchstorm.target.registry import resolve
from patchstorm.worlds.registry import DEFAULT_STORAGE
from patchstorm.worlds.sim.app import subject_of
from patchstorm.worlds.sim.run import WORLD

REMARK: Final = "failed before and was tried first"


def retry_simulated(
    entries: Sequence[Path],
    scenario: Scenario,
    target: str,
    *,
    claimed_only: bool = True,
    out_dir: Path,
) -> Explored | None:
    """The first of ``entries`` that fails again, written below ``out_dir`` with history and story; or None.

    UsageError for a target that cannot be simulated.
    """
    if not entries:
        return None
    subject = subject_of(resolve(target))
    for failure, plan in _fitting(entries, subject.target, claimed_only=claimed_only):
        schedule = failure.schedule
        if schedule is None or schedule.version != VERSION:
            continue
        search = Search(scenario=scenario, target=target, seed=failure.seed, storage=plan.storage)
        session = Session(search, subject)
        began = monotonic()
        try:
            ran = replayed(plan, subject, schedule, session.workers, traced=True)
        except UsageError:  # what it asks for, as a storage, is not to be had any more
            continue
        if not ran.findings or minor_alone(ran.findings):
            continue  # what is minor is met by every schedule, and nothing is searched after a retry
        small = unshrunk(plan, schedule, ran)
        seconds = monotonic() - began
        return came_back(session, failure.index, small, out_dir, seconds=seconds, remark=REMARK)
    return None


def came_back(
    session: Session, index: int, small: Shrunk, out_dir: Path, *, seconds: float, remark: str
) -> Explored:
    """What a storm came to of which ``small``, tried first, is violated; written down with its story."""
    search, ran = session.search, small.ran
    path, story = write_small(failure_place(session, index, out_dir), search, small, index)
    report = RunReport(
        scenario=search.scenario.name,
        target=session.subject.target.name,
        world=WORLD,
        seed=small.plan.seed,
        verdict="violated",
        schedules=1,
        steps=ran.outcome.steps,
        seconds=seconds,
        shrinking_s=small.seconds,
        findings=ran.findings,
        failure=str(path),
        story=story,
        notes=(remark,),
    )
    return Explored(
        report=report,
        coverage=Seen().coverage(),
        virtual_seconds=0.0,
        failures=(path,),
        stories=(story,),
    )


def run_storm_again(
    corpus: Corpus,
    scenario: Scenario,
    target: Target,
    *,
    world: str,
    out_dir: Path,
    retry: bool,
    run: Callable[[], StormResult],
) -> StormResult:
    """What comes back of one storm with real processes, or else what ``run`` comes to; kept, if it failed.

    For programs outside an event loop. What cannot be kept changes nothing.
    """  # fmt: skip
    kept = corpus.before(target.origin) if retry else {}
    entries = kept.get((world, scenario.name), ())
    again = asyncio.run(retry_live(entries, target, world=world, out_dir=out_dir))
    result = run() if again is None else again
    if result.failure is not None:
        _keep(corpus, result.failure)
    return result


def explore_again(
    corpus: Corpus,
    scenario: Scenario,
    target: str,
    *,
    storage: str | None,
    replicas: int | None,
    out_dir: Path,
    retry: bool,
    search: Callable[[], Explored],
) -> Explored:
    """What comes back of one storm in the simulator, or else what ``search`` finds; kept, if it failed.

    What cannot be kept changes nothing.
    """
    kept = corpus.before(target, storage=storage, replicas=replicas) if retry else {}
    entries = kept.get((WORLD, scenario.name), ())
    found = retry_simulated(entries, scenario, target, out_dir=out_dir) or search()
    for path in found.failures:
        _keep(corpus, path)
    return found


def _keep(corpus: Corpus, path: Path) -> None:
    with contextlib.suppress(OSError, UsageError):
        corpus.keep(read_failure(path))


async def retry_live(
    entries: Sequence[Path],
    target: Target,
    *,
    world: str,
    claimed_only: bool = True,
    out_dir: Path,
    shared: Any = None,
) -> StormResult | None:
    """The run of the first of ``entries`` whose plan is violated again by one run; or None."""
    for _, plan in _fitting(entries, target, claimed_only=claimed_only):
        try:
            result = await run_plan(
                plan, target, out_dir=out_dir, keep_safe=False, world=world, shared=shared,
                allow_unreached=True,
            )  # fmt: skip
        except UsageError:
            continue
        if result.report.verdict == "violated" and not minor_alone(result.report.findings):
            notes = (REMARK, *result.report.notes)
            return replace(result, report=msgspec.structs.replace(result.report, notes=notes))
        if result.history_path is not None:  # it could not tell, and the storm itself is about to
            shutil.rmtree(result.history_path.parent, ignore_errors=True)
    return None


def _fitting(
    entries: Sequence[Path], target: Target, *, claimed_only: bool
) -> Iterator[tuple[Failure, Plan]]:
    """The entries that say something of ``target`` as it is today.

    Those that say nothing any more stay where they are; ``patchstorm replay`` names them.
    """
    for entry in entries:
        try:
            failure = read_failure(entry)
            plan = plan_for(failure, target)
        except UsageError:
            continue
        usual = MIXED[0] if failure.world == WORLD else DEFAULT_STORAGE
        faults = {fault.kind for fault in plan.world_faults}
        if claimed_only and unclaimed(target, plan.storage or usual, faults) is not None:
            continue
        yield failure, plan
