"""Orders of real servers' calls: searched, and made smaller.

Of worlds that can make choices again (``World.repeats``). The first run of each plan is the plain one. What
it shows is aimed at (:meth:`patchstorm.worlds.base.Conducting.aimed`): runs with one choice each. In between,
strategies draw orders for plans of their own. What is found is then made smaller
(:mod:`patchstorm.campaign.conducted_shrinking`).
"""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import monotonic
from typing import TypeAlias

import msgspec

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.conducted_shrinking import shrink_conducted
from patchstorm.campaign.cores import cores
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.far import Far, Shown, looked_at
from patchstorm.campaign.single import run_plan
from patchstorm.campaign.skipping import unrunnable
from patchstorm.check.tried import gathered
from patchstorm.check.verdict import folded
from patchstorm.check.weight import minor_alone
from patchstorm.choice.portfolio import ONE_PLAN, check_name
from patchstorm.choice.schedule import Schedule
from patchstorm.errors import InconclusiveError
from patchstorm.report.model import RunReport
from patchstorm.report.reached import held, released
from patchstorm.run.triggers import UNSPENT
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.plan import Plan
from patchstorm.target.claims import unclaimed
from patchstorm.target.model import Target
from patchstorm.worlds.base import Conducting
from patchstorm.worlds.registry import world_of

RUNS_DEFAULT = 40
AIMED_OF_A_PLAN = 24
AIMED_BETWEEN = 4
"""So many for each order that a strategy draws."""
JOBS = 2
"""Runs at a time: while one waits for its servers to come to rest, another can go on."""
JOBS_MAX = 12
"""Of a server that sleeps all the time. Each has replicas of its own, in memory."""
STORAGE = "tmpfs"
Try: TypeAlias = tuple[Plan, Schedule | None]
"""A plan and the choices to be made in it; None: those that a strategy draws."""
Done: TypeAlias = tuple[StormResult, Conducting]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be searched; the budget is in runs or in seconds. ``jobs`` runs are under way at a time;
    None: as many as it takes to have something to do (:meth:`Search.at_once`).

    ``shown`` is told now and then how far it is.
    """

    scenario: Scenario
    target: Target
    world: str
    seed: int = 0
    runs: int | None = None
    seconds: float | None = None
    strategy: str = "portfolio"
    storage: str | None = None
    replicas: int | None = None
    claimed_only: bool = True
    allow_unreached: bool = False
    jobs: int | None = 1
    out_dir: Path
    shown: Shown | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What came of it."""

    report: RunReport
    interrupted: bool = False


def search(asked: Asked) -> Searched:
    """Search one storm until the first violation, and shrink that. UsageError for an unknown strategy."""
    return searched(asked, Search)


def searched(asked: Asked, make: Callable[[Asked], Search]) -> Searched:
    """What the search comes to that ``make`` begins, its first violation made smaller."""
    check_name(asked.strategy, stands=False)
    reason = _reason_to_skip(asked)
    if reason is not None:
        return Searched(report=_report(asked, skipped=reason))
    hunt = make(asked)
    interrupted = False
    try:
        asyncio.run(_shown(hunt))
    except KeyboardInterrupt:
        interrupted = True
    finally:
        hunt.wanted.close()
    report = held(hunt.report(), allow_unreached=asked.allow_unreached)
    fails = hunt.fails
    if fails is not None and fails.failure is not None and not interrupted:
        try:
            report = _shrunk(report, str(fails.failure), hunt.shrinking)
        except KeyboardInterrupt:  # what was found is told as it was found
            interrupted = True
    return Searched(report=report, interrupted=interrupted)


async def _shown(hunt: Search) -> None:
    async with looked_at(hunt.far, hunt.asked.shown):
        await hunt.go()


def _reason_to_skip(asked: Asked) -> str | None:
    target = asked.target
    reason = unrunnable(asked.scenario, world_of(asked.world), target, storage=asked.storage)
    if reason is None and asked.claimed_only:
        plan = plan_of(asked, 0)
        kinds = {fault.kind for fault in plan.world_faults}
        reason = unclaimed(target, plan.storage or STORAGE, kinds)
    return reason


def plan_of(asked: Asked, index: int) -> Plan:
    return draw_plan(
        asked.scenario, seed=asked.seed, index=0 if asked.strategy in ONE_PLAN else index,
        capabilities=asked.target.capabilities, replicas=asked.replicas, storage=asked.storage,
    )  # fmt: skip


def without_deaths(plan: Plan) -> Plan:
    """The plan as it is when nobody in it dies."""
    alive = tuple(one for one in plan.faults if not FAULTS[one.kind].deadly)
    return msgspec.structs.replace(plan, faults=alive)


@dataclass(slots=True)
class Search:
    """One storm's runs until something fails.

    ``minor``: the first that fails by what a search goes on after.
    """

    asked: Asked
    results: list[StormResult] = field(default_factory=list)
    found: StormResult | None = None
    minor: StormResult | None = None
    wanted: Conducting = field(init=False)
    _began: float = field(default_factory=monotonic)
    _slept: deque[float] = field(default_factory=lambda: deque(maxlen=JOBS_MAX))

    def __post_init__(self) -> None:
        self.wanted = world_of(self.asked.world).conducting()

    async def go(self) -> None:
        """Run until something fails or the budget is spent."""
        if self.asked.strategy != "portfolio":
            await self.all(self._drawn(index) for index in count())
            return
        index = 0
        while not self.over():
            index = await self._round(index)

    async def _round(self, index: int) -> int:
        """One plan as it comes, what is aimed at in it, and plans with orders that are drawn in between."""
        plan = plan_of(self.asked, index)
        kinds = [FAULTS[fault.kind] for fault in plan.world_faults]
        deadly = any(kind.deadly for kind in kinds)
        if not await self.plain(plan):
            return index + 1
        if deadly:
            plan = without_deaths(plan)
            if self.over() or not await self.plain(plan):
                return index + 1
        orders = self.wanted.aimed(deadly=deadly)[:AIMED_OF_A_PLAN]
        index += 1
        tries: list[Try] = []
        for place, order in enumerate(orders):
            tries.append((plan, Schedule(choices=order)))
            if place % AIMED_BETWEEN == AIMED_BETWEEN - 1:
                tries.append(self._drawn(index))
                index += 1
        if not orders:
            tries.append(self._drawn(index))
            index += 1
        await self.all(iter(tries))
        return index

    def _drawn(self, index: int) -> Try:
        return plan_of(self.asked, index), None

    async def plain(self, plan: Plan) -> bool:
        """Run as it comes; True: it was judged, and is safe."""
        await self.all(iter([(plan, Schedule())]))
        report = self.results[-1].report
        return (report.verdict == "safe" or minor_alone(report.findings)) and self.wanted.ran

    async def all(self, tries: Iterator[Try]) -> None:
        """A few at a time, so that one waits for its servers while another works. What came of them is
        taken in their own order up to where the search is over, so it does not matter how many."""
        under_way: deque[asyncio.Task[Done]] = deque()
        try:
            while True:
                going = [one for one in under_way if not one.done()]
                while len(going) < self.at_once() and self._room(len(under_way)):
                    one = next(tries, None)
                    if one is None:
                        break
                    going.append(asyncio.create_task(self._run(*one)))
                    under_way.append(going[-1])
                if not under_way or self.over():
                    return
                await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
                while under_way and under_way[0].done() and not self.decided():
                    result, self.wanted = under_way.popleft().result()
                    self._slept.append(self.wanted.slept)
                    self.took(result)
        finally:
            for task in under_way:
                task.cancel()
            for ended in await asyncio.gather(*under_way, return_exceptions=True):
                if not isinstance(ended, BaseException):  # nobody hears of it
                    _forget(ended[0])

    def at_once(self) -> int:
        """How many runs are to be under way. Who waits for a server's own timer, as two clients do of whom
        the server has one ask for a lock every two seconds, does nothing else meanwhile: others can."""
        if self.asked.jobs is not None:
            return self.asked.jobs
        jobs = min(JOBS, cores())
        awake = 1 - sum(self._slept) / max(1, len(self._slept))
        return round(jobs / max(awake, jobs / JOBS_MAX))

    def took(self, result: StormResult) -> None:
        """The next one is through."""
        self.results.append(result)
        if result.report.verdict != "violated":
            return
        if not minor_alone(result.report.findings):
            self.found = result
        elif self.minor is None:
            self.minor = result
        else:
            _forget(result)  # one such failure is enough to keep

    def _room(self, under_way: int) -> bool:
        """Whether one more run is within the budget."""
        return not self.over() and not self._enough(len(self.results) + under_way)

    def over(self) -> bool:
        asked, done = self.asked, len(self.results)
        if self.decided() or self._enough(done):
            return True
        late = asked.seconds is not None and monotonic() - self._began >= asked.seconds
        return done > 0 and late

    def decided(self) -> bool:
        """Whether no run that is under way matters any more. One that ends as the time is up still does."""
        return self.found is not None or self.skipped()

    def skipped(self) -> bool:
        return bool(self.results) and self.results[-1].report.skipped is not None

    def _enough(self, runs: int) -> bool:
        """A budget in seconds has no number of runs unless that is said, too."""
        asked = self.asked
        return (asked.seconds is None or asked.runs is not None) and runs >= self.runs_max()

    def runs_max(self) -> int:
        """How many runs there are to be, where the budget is in runs."""
        return RUNS_DEFAULT if self.asked.runs is None else self.asked.runs

    async def _run(self, plan: Plan, schedule: Schedule | None) -> Done:
        wanted = self.wanted.beside(self.asked.strategy)
        result = await run_plan(
            plan, self.asked.target, out_dir=self.asked.out_dir, keep_safe=False,
            world=self.asked.world, shared=wanted, schedule=schedule, allow_unreached=True,
        )  # fmt: skip
        return result, wanted

    def far(self, *, shrinking: bool = False) -> Far:
        """How far it is."""
        bad = [one.report.findings for one in self.results if one.report.verdict == "violated"]
        found = f"{bad[-1][0].checker}: {bad[-1][0].summary}" if bad and bad[-1] else ""
        return Far(
            schedules=len(self.results), seconds=monotonic() - self._began, violations=len(bad),
            budget=None if self.asked.seconds is not None else self.runs_max(), found=found,
            shrinking=shrinking,
        )  # fmt: skip

    def shrinking(self) -> None:
        """What was found is being made smaller, and another run begins for that."""
        if self.asked.shown is not None:
            self.asked.shown(self.far(shrinking=True))

    @property
    def fails(self) -> StormResult | None:
        """The run that stands for what was found."""
        return self.found or self.minor

    def report(self) -> RunReport:
        """One line for all runs; a violation stands for itself."""
        reports = [released(one.report) for one in self.results]  # what one reached, all have tried
        if not reports:
            why = "interrupted before one run was through"
            seconds = monotonic() - self._began
            return _report(self.asked, verdict="unknown", unknown=why, seconds=seconds)
        last = reports[-1] if self.fails is None else released(self.fails.report)
        if last.skipped is not None:
            return last
        count = len(reports)
        unsure = [one for one in reports if one.verdict == "unknown"]
        verdict = folded([one.verdict for one in reports])
        return msgspec.structs.replace(
            last, verdict=verdict, schedules=count, seconds=monotonic() - self._began,
            steps=sum(one.steps for one in reports),
            unknown=None if self.fails is not None or not unsure else unsure[0].unknown,
            points=gathered(one.points for one in reports), notes=_notes(reports),
        )  # fmt: skip


def _forget(result: StormResult) -> None:
    """Nothing is kept of a run."""
    if result.folder is not None:
        shutil.rmtree(result.folder, ignore_errors=True)


def _notes(reports: Sequence[RunReport]) -> tuple[str, ...]:
    """Each remark once; that a fault was never due, where it was in no run."""
    said = dict.fromkeys(note for one in reports for note in one.notes)
    everywhere = set(said).intersection(*(one.notes for one in reports))
    return tuple(note for note in said if not note.startswith(UNSPENT) or note in everywhere)


def _report(asked: Asked, **rest: object) -> RunReport:
    named = {"scenario": asked.scenario.name, "target": asked.target.name, "world": asked.world}
    return RunReport(**{"verdict": None, **named, "seed": asked.seed, **rest})  # type: ignore[arg-type]


def _shrunk(report: RunReport, path: str, begins: Callable[[], None]) -> RunReport:
    """The report with the smaller failure in place of the one that was found."""
    try:
        small = shrink_conducted(read_failure(Path(path)), Path(path), begins)
    except InconclusiveError as error:
        return msgspec.structs.replace(report, notes=(*report.notes, str(error)))
    failure = read_failure(Path(path))
    count = len(failure.schedule.choices) if failure.schedule is not None else 0
    said = f"shrunk to {count} choice{'s' * (count != 1)}; it came back in {small.rate} of its last runs"
    return msgspec.structs.replace(
        report, findings=failure.findings, story=failure.story, notes=(*report.notes, said)
    )
