"""One storm in any world, whole: plan, run, judge, keep what failed.

This is where the layers meet: the plan is drawn, a world makes a history of it,
:mod:`patchstorm.check` judges that, and a violated run leaves a file from which it can be replayed.
Real processes race as they please, so a replay repeats the plan and says how often it failed again.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from patchstorm.campaign.concluded import StormResult, judged, not_judged, report_of
from patchstorm.campaign.failure import Failure
from patchstorm.campaign.ground import ground_of
from patchstorm.campaign.mishap import reason_of
from patchstorm.campaign.replay_target import plan_for, replay_target
from patchstorm.campaign.skipping import unrunnable
from patchstorm.check.weight import same_cause
from patchstorm.choice.schedule import Schedule
from patchstorm.errors import OtherPythonError, UsageError
from patchstorm.report.model import RunReport
from patchstorm.report.reached import held
from patchstorm.run.outcome import Outcome
from patchstorm.scenario import library
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.workloads.conformance import unasked
from patchstorm.target import registry
from patchstorm.target.model import Target
from patchstorm.worlds.registry import world_of

PLAN_FILE = "plan.json"
AIMS_MAX = 80
"""Beside five other processes a window of microseconds was met in one run of ten on two cores."""
USUAL = "processes"
"""The world of a storm for which nobody names one; the name of a run leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How often a failure came back: ``reproduced`` of ``repeats`` runs were violated likewise."""

    repeats: int
    reproduced: int
    results: tuple[StormResult, ...]

    @property
    def violated(self) -> tuple[RunReport, ...]:
        """The runs that were violated, likewise or otherwise: a server that fails anew is not mended."""
        reports = (result.report for result in self.results)
        return tuple(report for report in reports if report.verdict == "violated")


def run_storm(
    scenario: Scenario | str,
    target: Target | str,
    *,
    seed: int,
    index: int = 0,
    replicas: int | None = None,
    storage: str | None = None,
    out_dir: Path | None = None,
    keep_safe: bool = True,
    world: str = USUAL,
    shared: Any = None,
    allow_unreached: bool = False,
) -> StormResult:
    """Run one storm and judge it; see :func:`storm`, which does the same inside an event loop."""
    return asyncio.run(
        storm(
            scenario,
            target,
            seed=seed,
            index=index,
            replicas=replicas,
            storage=storage,
            out_dir=out_dir,
            keep_safe=keep_safe,
            world=world,
            shared=shared,
            allow_unreached=allow_unreached,
        )
    )


async def storm(
    scenario: Scenario | str,
    target: Target | str,
    *,
    seed: int,
    index: int = 0,
    replicas: int | None = None,
    storage: str | None = None,
    out_dir: Path | None = None,
    keep_safe: bool = True,
    world: str = USUAL,
    shared: Any = None,
    allow_unreached: bool = False,
) -> StormResult:
    """Draw the plan of ``scenario`` for ``seed`` and ``index``, run it, judge it.

    Files go to a directory of the run's own below ``out_dir``; ``keep_safe`` False leaves there only
    what is worth a look, the runs that ended violated or unknown. Without ``out_dir`` those
    are left in a temporary directory, and nothing else.

    ``shared`` is what the storms of a world use one after the other (``World.shared``);
    without it the storm has its own. A storm that did not come to what it is for is unknown, unless
    ``allow_unreached``. Raises UsageError for what was asked wrongly.
    """
    chosen, aim = library.given(scenario), registry.given(target)
    storage = world_of(world).storage_for(storage, chosen.fleet.storage)
    reason = unrunnable(chosen, world_of(world), aim, storage=storage)
    if reason is not None:
        return StormResult(report=report_of(chosen.name, aim.name, seed, world, skipped=reason))
    plan = draw_plan(
        chosen,
        seed=seed,
        index=index,
        capabilities=aim.capabilities,
        replicas=replicas,
        storage=storage,
        ground=None if chosen.compose is None else ground_of(world, aim, storage or "tmpfs"),
    )
    return await run_plan(
        plan, aim, out_dir=out_dir, keep_safe=keep_safe, world=world, shared=shared,
        allow_unreached=allow_unreached,
    )  # fmt: skip


async def run_plan(
    plan: Plan,
    target: Target,
    *,
    out_dir: Path | None = None,
    keep_safe: bool = True,
    world: str = USUAL,
    shared: Any = None,
    allow_unreached: bool = False,
    schedule: Schedule | None = None,
) -> StormResult:
    """Run and judge a plan that is drawn already, with the choices of ``schedule`` if one is given."""
    kept = False
    folder = _folder(plan, target, world, out_dir)
    try:
        result = await _aimed(folder, plan, target, world, shared, schedule)
        report = held(result.report, allow_unreached=allow_unreached)
        result = replace(result, report=report)
        kept = _worth_keeping(result, out_dir, keep_safe)
        if not kept:
            report = msgspec.structs.replace(report, histories=())
        return replace(result, report=report, folder=folder if kept else None)
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


async def _aimed(
    folder: Path, plan: Plan, target: Target, world: str, shared: Any, schedule: Schedule | None
) -> StormResult:
    """Run the plan until its faults hit the moments that they wait for, AIMS_MAX times at most.

    A run in which one came too late tells nothing, unless it was violated all the same.
    """
    for run in range(1, AIMS_MAX + 1):
        result = await _run_in(folder, plan, target, world, shared, schedule)
        stop_if_cancelled()
        if not result.missed or result.report.verdict != "safe":
            break
        if run < AIMS_MAX:
            shutil.rmtree(folder)
            folder.mkdir()
    if run > 1:
        note = f"run {run} times, until its faults hit the moments that they wait for"
        if result.missed:
            note = f"run {run} times; each time too late: {', '.join(result.missed)}"
        report = msgspec.structs.replace(result.report, notes=(*result.report.notes, note))
        result = replace(result, report=report)
    return result


def stop_if_cancelled() -> None:
    """CancelledError where somebody wants the running task to end.

    A cancellation that meets another error on its way out is lost in it: replicas that died of the
    same Ctrl-C would make the run unknown.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _worth_keeping(result: StormResult, out_dir: Path | None, keep_safe: bool) -> bool:
    if result.report.verdict in ("violated", "unknown"):
        return True
    return out_dir is not None and keep_safe


async def _lived(
    folder: Path, plan: Plan, target: Target, world: str, shared: Any, schedule: Schedule | None
) -> Outcome:
    reason = unasked(plan, target.dialect)
    if reason is not None:
        return Outcome(log_dir=folder, skipped=reason)
    place = world_of(world)
    with nullcontext(shared) if shared is not None else place.shared(1) as own:
        if schedule is not None and place.repeats:
            return await place.repeat(plan, target, schedule, out_dir=folder, shared=own)
        return await place.run(plan, target, out_dir=folder, shared=own)


async def _run_in(
    folder: Path, plan: Plan, target: Target, world: str, shared: Any, schedule: Schedule | None
) -> StormResult:
    (folder / PLAN_FILE).write_bytes(msgspec.json.encode(plan) + b"\n")
    try:
        outcome = await _lived(folder, plan, target, world, shared, schedule)
    except (UsageError, OtherPythonError):
        raise
    except Exception as error:
        outcome = Outcome(log_dir=folder, unknown=reason_of(error))
    if outcome.history is not None:
        try:
            return judged(folder, plan, target, world, outcome, outcome.history)
        except Exception as error:
            outcome = replace(outcome, unknown=reason_of(error))
    return not_judged(plan, target, world, outcome)


def replay_live(
    failure: Failure, *, target: Target | None = None, repeats: int = 1, out_dir: Path | None = None
) -> Replayed:
    """Run the failure's plan ``repeats`` times and count the runs that failed in the same way.

    ``target`` stands in for the one in which it was found.
    """
    aim = target or replay_target(failure)[0]
    plan = plan_for(failure, aim)

    async def once(shared: Any) -> StormResult:
        return await run_plan(
            plan, aim, out_dir=out_dir, world=failure.world, shared=shared,
            schedule=failure.schedule,
        )  # fmt: skip

    async def run() -> list[StormResult]:
        with world_of(failure.world).shared(1) as shared:
            return [await once(shared) for _ in range(repeats)]

    results = tuple(asyncio.run(run()))
    again = [result for result in results if same_cause(failure.findings, result.report.findings)]
    return Replayed(repeats=repeats, reproduced=len(again), results=results)


def _folder(plan: Plan, target: Target, world: str, out_dir: Path | None) -> Path:
    """A new directory named after the run."""
    place = "" if world == USUAL else f"-{world}"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", f"{plan.scenario}-{target.name}{place}-{plan.seed}")
    if plan.index:
        name = f"{name}-{plan.index}"
    if out_dir is None:
        return Path(tempfile.mkdtemp(prefix=f"patchstorm-run-{name}-"))
    out_dir.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        folder = out_dir / (name if number == 1 else f"{name}.{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{out_dir / name}: too many runs of this name; clear the directory")
