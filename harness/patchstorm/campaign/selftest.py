"""The self-test: every planted bug is hunted, every innocent patrolled, on as many processes as are given.

The tasks and what comes of each depend on the seeds and budgets alone; only the order in which they end
depends on ``jobs``. So the result is the same whatever ``jobs`` is, seconds apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

from patchstorm.campaign.errands import errands
from patchstorm.campaign.ground import ground_of
from patchstorm.campaign.hunting import Hunt, Patrol, Patrolled
from patchstorm.campaign.suspects import Innocent, Suspect
from patchstorm.errors import ClusterLostError
from patchstorm.report.progress import Progress
from patchstorm.report.selftest import (
    BugResult,
    InnocentResult,
    SelfTest,
    Trial,
    bug_result,
    whole,
)
from patchstorm.scenario.composing.ground import Ground
from patchstorm.scenario.composing.steering import Steering
from patchstorm.scenario.composing.table import Table, table_of
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.run import WORLD

COMPOSED = "composed"
BATCH = 50
"""Schedules of a patrol that one process runs in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to try. ``budget`` is for each hunt, ``schedules`` for each innocent; both in schedules."""

    suspects: tuple[Suspect, ...]
    innocents: tuple[Innocent, ...]
    seeds: tuple[int, ...]
    budget: int
    schedules: int
    jobs: int
    out_dir: Path
    keep: bool = False
    shrink: bool = True
    stories: bool = False
    strategy: str = "portfolio"
    cluster: str | None = None
    """The address of a scheduler whose workers do it instead of ``jobs`` processes."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Whose task it is: the number of the entry, and of the task among the entry's own."""

    entry: int
    task: int


_Task = tuple[_Place, Hunt | Patrol]
_Outcome = Trial | Patrolled


def selftest(asked: Asked, shown: Progress) -> SelfTest:
    """Try them all. Ctrl-C is no error: what had ended is returned, marked as interrupted."""
    began = monotonic()
    work = _Work(asked, shown)
    interrupted, lost = False, None
    try:
        with shown:
            for place, outcome in errands(work.tasks(), asked.jobs, asked.cluster):
                work.take(place, outcome)
    except KeyboardInterrupt:
        interrupted = True
    except ClusterLostError as error:
        interrupted, lost = True, str(error)
    bugs, innocents = work.results()
    table = work.table(asked)
    return SelfTest(
        verdict=whole(bugs, innocents),
        seeds=asked.seeds,
        budget=asked.budget,
        schedules=asked.schedules,
        seconds=monotonic() - began,
        interrupted=interrupted,
        lost=lost,
        bugs=bugs,
        innocents=innocents,
        pairs=None if table is None else table.in_brief(),
        never=() if table is None else table.never,
    )


class _Work:
    """The entries, what has come of their tasks so far, and what that means."""

    def __init__(self, asked: Asked, shown: Progress) -> None:
        self._shown = shown
        self._entries = [_of_bug(one, asked) for one in asked.suspects]
        self._entries += [_of_innocent(one, asked) for one in asked.innocents]

    def tasks(self) -> Iterator[_Task]:
        for number, entry in enumerate(self._entries):
            self._shown.began(entry.name)
            for place, task in enumerate(entry.tasks):
                yield _Place(number, place), task

    def take(self, place: _Place, outcome: _Outcome) -> None:
        entry = self._entries[place.entry]
        entry.outcomes[place.task] = outcome
        if len(entry.outcomes) == len(entry.tasks):
            entry.result = entry.sum_up([entry.outcomes[at] for at in range(len(entry.tasks))])
            self._shown.ended(entry.name, _in_brief(entry.result))

    def table(self, asked: Asked) -> Table | None:
        """Which pairs met where innocents were patrolled in composed storms; None if nowhere."""
        met = [
            one.met
            for entry in self._entries
            for one in entry.outcomes.values()
            if isinstance(one, Patrolled) and one.met
        ]
        if not met:
            return None
        grounds: dict[str, tuple[frozenset[str], Ground]] = {}
        for innocent in asked.innocents:
            target = resolve(innocent.target)
            if innocent.storage is not None and COMPOSED in innocent.storms:
                ground = ground_of(WORLD, target, innocent.storage)
                grounds[innocent.storage] = frozenset(target.capabilities), ground
        return table_of(Steering().after(met), grounds) if grounds else None

    def results(self) -> tuple[tuple[BugResult, ...], tuple[InnocentResult, ...]]:
        results = [entry.result for entry in self._entries]
        return (
            tuple(one for one in results if isinstance(one, BugResult)),
            tuple(one for one in results if isinstance(one, InnocentResult)),
        )


class _Entry:
    """One bug or one innocent: its tasks, and how their outcomes are summed up."""

    def __init__(
        self,
        name: str,
        tasks: tuple[Hunt | Patrol, ...],
        sum_up: Callable[[list[_Outcome]], BugResult | InnocentResult],
    ) -> None:
        self.name = name
        self.tasks = tasks
        self.sum_up = sum_up
        self.outcomes: dict[int, _Outcome] = {}
        self.result: BugResult | InnocentResult | None = None


def _of_bug(suspect: Suspect, asked: Asked) -> _Entry:
    hunts = tuple(
        Hunt(
            suspect=suspect, seed=seed, budget=asked.budget, strategy=asked.strategy,
            shrink=asked.shrink, keep=asked.keep, stories=asked.stories, out_dir=asked.out_dir,
        )
        for seed in asked.seeds
    )  # fmt: skip
    return _Entry(suspect.name, hunts, partial(_bug_of, suspect))


def _bug_of(suspect: Suspect, outcomes: list[_Outcome]) -> BugResult:
    trials = tuple(one for one in outcomes if isinstance(one, Trial))
    return bug_result(suspect.name, WORLD, suspect.caught_by, trials)


def _of_innocent(innocent: Innocent, asked: Asked) -> _Entry:
    patrols = tuple(_patrols(innocent, asked.schedules, asked.seeds[0], asked.out_dir))
    return _Entry(innocent.name, patrols, partial(_innocent_of, innocent, patrols))


def _patrols(innocent: Innocent, schedules: int, seed: int, out_dir: Path) -> Iterator[Patrol]:
    """The schedules spread over the storms, in batches: half of them composed ones, the others evenly."""
    begin = innocent.first
    composed = schedules // 2 if COMPOSED in innocent.storms and len(innocent.storms) > 1 else 0
    others = [storm for storm in innocent.storms if storm != COMPOSED or not composed]
    every, more = divmod(schedules - composed, len(others))
    counts = [(storm, every + (place < more)) for place, storm in enumerate(others)]
    for storm, count in ((COMPOSED, composed), *counts):
        for done in range(0, count, BATCH):
            yield Patrol(
                innocent=innocent, storm=storm, seed=seed, first=begin + done,
                count=min(BATCH, count - done), out_dir=out_dir,
            )  # fmt: skip


def _innocent_of(
    innocent: Innocent, patrols: tuple[Patrol, ...], outcomes: list[_Outcome]
) -> InnocentResult:
    done = [one for one in outcomes if isinstance(one, Patrolled)]
    accused = next((at for at, one in enumerate(done) if one.accused is not None), None)
    counted = done if accused is None else done[: accused + 1]
    schedules = sum(one.schedules for one in counted)
    seconds = sum(one.seconds for one in counted)
    common = partial(
        InnocentResult, name=innocent.name, storage=innocent.storage, storms=innocent.storms,
        schedules=schedules, seconds=seconds,
    )  # fmt: skip
    if accused is not None:
        found = done[accused]
        return common(
            verdict="accused", storm=patrols[accused].storm, checkers=found.checkers,
            failure=found.failure,
        )  # fmt: skip
    unknown = next((one.unknown for one in done if one.unknown is not None), None)
    if unknown is not None:
        return common(verdict="unknown", reason=unknown)
    if not schedules:
        return common(verdict="skipped", reason=next(one.skipped for one in done))
    return common(verdict="innocent")


def _in_brief(result: BugResult | InnocentResult) -> str:
    verdict = result.verdict.replace("-", " ")
    if isinstance(result, BugResult) and result.checker is not None:
        verdict = f"{verdict} by {result.checker}"
    return f"{verdict}, {result.schedules} schedules, {result.seconds:.1f} s"
