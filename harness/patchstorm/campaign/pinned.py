"""A failure that became a test: does it come back?"""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from patchstorm.campaign.failure import Failure, read_failure, violation
from patchstorm.campaign.keeping import story_of
from patchstorm.campaign.simulated import replay
from patchstorm.campaign.single import replay_live
from patchstorm.check.weight import as_grave, same_cause
from patchstorm.errors import InconclusiveError
from patchstorm.report.model import RunReport
from patchstorm.report.story import remark
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.run import WORLD


def came_back(
    path: Path, subject: Subject | None = None, *, times: int, near: int
) -> RunReport | None:
    """The report of the failure at ``path`` where a violation came back; None where none did.

    What no longer finds its steps counts as gone if none of ``near`` schedules near it is violated: a fix
    shifts steps. Raises UsageError for what cannot be replayed, InconclusiveError where no run could tell.
    """
    failure = read_failure(path)
    if failure.world == WORLD:
        return _simulated(failure, path, subject, near)
    with tempfile.TemporaryDirectory(prefix="patchstorm-") as folder:
        done = replay_live(failure, repeats=times, out_dir=Path(folder))
    reports = [one.report for one in done.results]
    likewise = [one for one in reports if same_cause(failure.findings, one.findings)]
    otherwise = [one for one in done.violated if as_grave(failure.findings, one.findings)]
    for report in (*likewise, *otherwise):
        return msgspec.structs.replace(report, failure=str(path))
    if all(report.verdict in (None, "unknown") for report in reports):
        raise InconclusiveError(f"{path}: no run could tell: {remark(reports[0])}")
    return None


def _simulated(
    failure: Failure, path: Path, subject: Subject | None, near: int
) -> RunReport | None:
    again = replay(failure, subject, near_count=near)
    findings, story = again.ran.findings, again.story
    if again.nearby is not None and again.nearby.found is not None:
        small = again.nearby.found
        findings, story = small.ran.findings, story_of(small)
    if not findings and again.ran.unknown is not None:
        raise InconclusiveError(f"{path}: could not be judged: {again.ran.unknown}")
    if not as_grave(failure.findings, findings):
        return None
    return violation(msgspec.structs.replace(failure, findings=findings, story=story), path)
