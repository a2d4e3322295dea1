"""A storm in the simulator as a table counts it: so many schedules, each with a verdict of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from patchstorm.campaign.budget import bounded
from patchstorm.campaign.keeping import failure_place, small_of, write_small
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.campaign.skipping import session_skip_reason
from patchstorm.report.causes import headers_alone
from patchstorm.report.matrix import plainest
from patchstorm.report.model import RunReport
from patchstorm.worlds.sim.run import WORLD

SHRINK_SECONDS_MAX: Final = 20.0


def sampled(search: Search, schedules: int, folder: Path) -> tuple[RunReport, ...]:
    """A report for each of the first ``schedules``; one that says why, where the storm does not apply.

    The one that a table shows is shrunk, and kept below ``folder``.
    """
    session = Session.of(search)
    reason = session_skip_reason(session)
    if reason is not None:
        return (_report(session, verdict=None, skipped=reason),)
    told = [session.tell(index) for index in range(bounded(search.scenario, schedules))]
    reports = [_of(session, one) for one in told]
    shown = plainest(reports)
    if shown is not None and not headers_alone(reports[shown]):
        reports[shown] = _kept(session, told[shown], reports[shown], folder)
    return tuple(reports)


def _of(session: Session, told: Told) -> RunReport:
    return _report(
        session, verdict=told.verdict, schedules=1, steps=told.steps, digest=told.digest,
        findings=told.findings, unknown=told.unknown, points=told.points, notes=told.notes,
    )  # fmt: skip


def _kept(session: Session, told: Told, report: RunReport, folder: Path) -> RunReport:
    small = small_of(session, told, seconds_max=SHRINK_SECONDS_MAX)
    place = failure_place(session, told.index, folder)
    path, story = write_small(place, session.search, small, told.index)
    return msgspec.structs.replace(
        report, findings=small.ran.findings, failure=str(path), story=story
    )


def _report(session: Session, **rest: object) -> RunReport:
    return RunReport(
        scenario=session.search.scenario.name, target=session.subject.target.name, world=WORLD,
        seed=session.search.seed, **rest,  # type: ignore[arg-type]
    )  # fmt: skip
