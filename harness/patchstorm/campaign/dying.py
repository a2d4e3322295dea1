"""Crash points of real servers, one by one: a replica dies before and after each call that changes something.

After ALICE (Pillai et al., OSDI 2014), as the simulator's ``crash-points``. The first run is the plain one of
the storm's plan, without the deaths that are its own; each other run has one death, by name. Nothing ends the
search before all are through but its budget: what is wanted is every window, and that there is no other.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import msgspec

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.conducted import (
    Asked,
    Search,
    Searched,
    plan_of,
    searched,
    without_deaths,
)
from patchstorm.campaign.conducted_shrinking import TRIES
from patchstorm.check.weight import harmless
from patchstorm.choice.schedule import Schedule
from patchstorm.report.model import CrashPoint, RunReport
from patchstorm.worlds.base import Death

STRATEGY: Final = "crash-points"
STRUCK: Final = "fault-struck"
"""The point of storms that are for their faults: the deaths are these, and none is the plan's."""


def enumerated(asked: Asked) -> Searched:
    """Every crash point of one storm, and the first violation made smaller."""
    return searched(asked, Deaths)


@dataclass(slots=True)
class Deaths(Search):
    """``points`` are those that were tried, by their place in the plain run."""

    points: dict[int, CrashPoint] = field(default_factory=dict)
    _deaths: list[Death] = field(default_factory=list)
    _due: deque[int] = field(default_factory=deque)
    """Whose runs are under way or to come, in their order."""

    async def go(self) -> None:
        """The plain run, then each death; one that did not come up is tried again."""
        plan = without_deaths(plan_of(self.asked, 0))
        if not await self.plain(plan):
            return
        self._deaths = list(self.wanted.deaths())
        places = list(range(len(self._deaths)))
        for _ in range(TRIES):
            self._due = deque(places)
            await self.all(
                iter([(plan, Schedule(choices=self._deaths[at].order)) for at in places])
            )
            places = [at for at in places if at in self.points and self.points[at].verdict is None]
        self._due.clear()

    def took(self, result: StormResult) -> None:
        self.results.append(result)
        report = result.report
        if not self._due:  # the plain run
            self.found = result if report.verdict == "violated" else None
            return
        at = self._due.popleft()
        death = self._deaths[at]
        checkers = tuple(dict.fromkeys(one.checker for one in report.findings))
        self.points[at] = CrashPoint(
            replica=death.replica, call=death.call, path=death.path, detail=death.detail,
            moment=death.moment, verdict=None if self.wanted.unmade else report.verdict,
            checkers=checkers, failure=report.failure, harmless=harmless(report.findings),
        )  # fmt: skip
        if report.verdict == "violated" and (self.found is None or self._weighs_more(result)):
            self.found = result

    def _weighs_more(self, result: StormResult) -> bool:
        """The first that does harm stands for all, and one that does none where there is no other."""
        assert self.found is not None, "there is one already"
        return harmless(self.found.report.findings) and not harmless(result.report.findings)

    def decided(self) -> bool:
        """A violation ends nothing, but for one of the plain run, in which nobody died."""
        return self.skipped() if self._deaths else Search.decided(self)

    def runs_max(self) -> int:
        if self.asked.runs is not None:
            return self.asked.runs
        return 1 + TRIES * len(self._deaths)

    def report(self) -> RunReport:
        report = Search.report(self)
        if not self._deaths:
            return report
        points = tuple(self.points[at] for at in sorted(self.points))
        unmet = sum(point.verdict is None for point in points)
        untried = len(self._deaths) - len(points)
        notes = list(report.notes)
        if untried:
            notes.append(
                f"{untried} of {len(self._deaths)} crash points are left untried: raise --schedules"
            )
        if unmet:
            notes.append(
                f"{unmet} crash points did not come up again: the servers went another way"
            )
        first = None if self.found is None else self.found.report
        if first is not None:
            report = msgspec.structs.replace(
                report, findings=first.findings, failure=first.failure, story=first.story
            )
        reached = tuple(
            msgspec.structs.replace(one, reached=True)
            if one.name == STRUCK and unmet < len(points)
            else one
            for one in report.points
        )
        return msgspec.structs.replace(
            report, crash_points=points, points=reached, notes=tuple(notes)
        )
