"""What one storm in any world came to: its history judged, and what failed written down with its story."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patchstorm.campaign.failure import FAILURE_FILE, Failure, Maker, replay_command, write_failure
from patchstorm.campaign.points import points_of
from patchstorm.check import judge, unknowns, verdict
from patchstorm.check.model import Finding, Judgement
from patchstorm.check.verdict import Verdict, folded
from patchstorm.check.weight import minor
from patchstorm.choice.schedule import Schedule
from patchstorm.history import write_history
from patchstorm.history.model import History
from patchstorm.report.model import RunReport
from patchstorm.run.outcome import HISTORY_FILE, Outcome
from patchstorm.scenario.composing.told import composition
from patchstorm.scenario.plan import Plan
from patchstorm.target import registry
from patchstorm.target.model import Target
from patchstorm.telling.record import with_steps
from patchstorm.telling.tell import tell


@dataclass(frozen=True, slots=True, kw_only=True)
class StormResult:
    """A run and its judgement. ``history`` and ``plan`` are None where the storm was not run.

    ``missed`` are ids of faults that came too late in it (:class:`~patchstorm.run.outcome.Outcome`).
    ``folder`` has its files, where they are kept.
    """

    report: RunReport
    history: History | None = None
    plan: Plan | None = None
    judgements: tuple[Judgement, ...] = ()
    missed: tuple[str, ...] = ()
    failure: Path | None = None
    history_path: Path | None = None
    folder: Path | None = None


def not_judged(plan: Plan, target: Target, world: str, outcome: Outcome) -> StormResult:
    """The result of a storm that came to no history, or to one that could not be judged."""
    report = report_of(
        plan.scenario,
        target.name,
        plan.seed,
        world,
        verdict=None if outcome.skipped else "unknown",
        skipped=outcome.skipped,
        unknown=outcome.unknown,
        notes=outcome.notes,
        seconds=outcome.seconds,
    )
    return StormResult(report=report, plan=plan)


def judged(
    folder: Path,
    plan: Plan,
    target: Target,
    world: str,
    outcome: Outcome,
    history: History,
) -> StormResult:
    history_path = folder / HISTORY_FILE
    judgements = judge(history)
    findings = tuple(sorted((f for one in judgements for f in one.findings), key=minor))
    told = _told(plan, history, findings, outcome) if findings else ()
    failure = None
    if findings:
        failure = _keep(
            folder, plan, target, world, findings, schedule=outcome.schedule, story=told
        )
    skipped = [f"{one.checker} does not apply: {one.skipped}" for one in judgements if one.skipped]
    points, unjudged = points_of(plan, history, outcome.idle)
    notes = [note for one in judgements for note in one.notes]
    report = report_of(
        plan.scenario,
        target.name,
        plan.seed,
        world,
        verdict=folded((verdict(judgements), "unknown" if outcome.unknown else None)),
        schedules=1,
        steps=len(history.operations),
        seconds=outcome.seconds,
        unknown="; ".join(filter(None, (outcome.unknown, unknowns(judgements)))) or None,
        findings=findings,
        failure=None if failure is None else str(failure),
        story=told,
        notes=(*outcome.notes, *unjudged, *notes, *skipped),
        points=points,
        scaled=outcome.scaled,
        histories=(str(history_path),),
        rules=tuple(rule for one in judgements for rule in one.rules),
    )
    return StormResult(
        report=report,
        history=history,
        plan=plan,
        judgements=judgements,
        missed=outcome.missed,
        failure=failure,
        history_path=history_path,
    )


def _told(
    plan: Plan, history: History, findings: tuple[Finding, ...], outcome: Outcome
) -> tuple[str, ...]:
    """The story of a failure, whose steps go to its history as well, where the world knows of steps."""
    account = outcome.account
    if account is None:
        return ()
    with (outcome.log_dir / HISTORY_FILE).open("wb") as file:
        write_history(with_steps(history, account.events()), file)
    return (*composition(plan), *tell(history, account, findings))


def _keep(
    folder: Path,
    plan: Plan,
    target: Target,
    world: str,
    findings: tuple[Finding, ...],
    *,
    schedule: Schedule | None,
    story: tuple[str, ...],
) -> Path:
    path = folder / FAILURE_FILE
    failure = Failure(
        world=world,
        scenario=plan.scenario,
        target=target.origin,
        seed=plan.seed,
        index=plan.index,
        replicas=plan.replicas,
        storage=plan.storage,
        plan=plan,
        findings=findings,
        history=HISTORY_FILE,
        schedule=schedule,
        story=story,
        command=replay_command(path),
        target_text=registry.text_of(target.origin),
        made_by=Maker.here(),
    )
    write_failure(path, failure)
    return path


def report_of(
    scenario: str,
    target: str,
    seed: int,
    world: str,
    *,
    verdict: Verdict | None = None,
    **rest: Any,
) -> RunReport:
    return RunReport(
        scenario=scenario, target=target, world=world, seed=seed, verdict=verdict, **rest
    )
