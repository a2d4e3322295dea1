"""Many storms, a few at a time, and what had ended when somebody pressed Ctrl-C."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from patchstorm.campaign.errands import Errand, errands
from patchstorm.campaign.single import stop_if_cancelled
from patchstorm.errors import ClusterLostError
from patchstorm.report.model import RunReport
from patchstorm.report.progress import Progress
from patchstorm.report.story import found_in_brief, in_brief
from patchstorm.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class Job:
    """One scenario in one world. ``index`` counts its plans from 0; a simulation draws its own."""

    scenario: Scenario
    index: int
    world: str = "processes"

    @property
    def name(self) -> str:
        number = f" #{self.index}" if self.index else ""
        return f"{self.scenario.name}{number} in {self.world}"


Play = Callable[[Job], Awaitable[RunReport]]


@dataclass(frozen=True, slots=True)
class Played:
    """The reports of the jobs that ended, in the order in which the jobs were given."""

    reports: tuple[tuple[Job, RunReport], ...]
    interrupted: bool


def play_all(jobs: Sequence[Job], play: Play, *, at_once: int, shown: Progress) -> Played:
    """Play every job, ``at_once`` at a time.

    The first error cancels the others, waits until they have cleaned up, and is raised. Ctrl-C does
    the same and is no error: what had ended is returned.
    """
    ended: dict[int, RunReport] = {}
    interrupted = False
    try:
        with shown:
            asyncio.run(_play_all(jobs, play, at_once, shown, ended))
    except KeyboardInterrupt:
        interrupted = True
    reports = tuple((jobs[number], ended[number]) for number in sorted(ended))
    return Played(reports=reports, interrupted=interrupted)


def _as_it_came(job: Job, outcome: Any) -> RunReport:
    assert isinstance(outcome, RunReport), f"{job.name} came back as no report"
    return outcome


def play_away(
    jobs: Sequence[Job],
    errand: Callable[[Job], Errand],
    cluster: str,
    shown: Progress,
    report_of: Callable[[Job, Any], RunReport] = _as_it_came,
) -> Played:
    """As :func:`play_all`, by the workers of a cluster; a scheduler that goes away is an interruption.

    ``report_of`` makes a report of what came of an errand that does not come back as one.
    """
    ended: dict[int, RunReport] = {}
    interrupted = False

    def begun() -> Iterator[tuple[int, Errand]]:
        for number, job in enumerate(jobs):
            shown.began(job.name)
            yield number, errand(job)

    try:
        with shown:
            for number, outcome in errands(begun(), 1, cluster):
                report = report_of(jobs[number], outcome)
                ended[number] = report
                shown.ended(jobs[number].name, in_brief(report), found=found_in_brief(report))
    except KeyboardInterrupt:
        interrupted = True
    except ClusterLostError as error:
        sys.stderr.write(f"patchstorm: {error}\n")
        interrupted = True
    reports = tuple((jobs[number], ended[number]) for number in sorted(ended))
    return Played(reports=reports, interrupted=interrupted)


async def _play_all(
    jobs: Sequence[Job], play: Play, at_once: int, shown: Progress, ended: dict[int, RunReport]
) -> None:
    waiting = iter(enumerate(jobs))

    async def worker() -> None:
        for number, job in waiting:
            shown.began(job.name)
            report = await play(job)
            stop_if_cancelled()
            ended[number] = report
            shown.ended(job.name, in_brief(report), found=found_in_brief(report))

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
