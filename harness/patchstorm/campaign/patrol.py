"""The patrol: every innocent in every storm on every storage that it claims, and nobody may be accused.

A cell is an innocent, a storm and a storage. Which schedules a cell runs depends on the cell's place,
the seed and the budget alone: neither on the processes nor on the share of the whole that is run here.
No two cells of one storm run a schedule of the same number, so that each is a plan of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from patchstorm.campaign.errands import errands
from patchstorm.campaign.hunting import Patrol, Patrolled
from patchstorm.campaign.skipping import reason_to_skip
from patchstorm.campaign.suspects import Innocent, unclaimed_because
from patchstorm.choice.prng import Prng
from patchstorm.errors import ClusterLostError
from patchstorm.report.patrol import Accusation, Patrols, Row, Skipped, Unknown, verdict_of
from patchstorm.report.progress import Progress
from patchstorm.scenario import library
from patchstorm.storage.catalogue import SUMMARY
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import subject_of
from patchstorm.worlds.sim.run import WORLD


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to patrol. ``schedules`` are those of all cells that apply, run here or not.

    ``share`` (k, n): what is run here is the k-th of n parts, counted from 1.
    """

    targets: tuple[str, ...]
    schedules: int
    seed: int
    jobs: int
    out_dir: Path
    share: tuple[int, int] = (1, 1)
    cluster: str | None = None
    """The address of a scheduler whose workers do it instead of ``jobs`` processes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """``place`` is the cell's number among all, those skipped included."""

    place: int
    target: str
    storm: str
    storage: str


def every_cell(
    targets: Sequence[str], seed: int
) -> tuple[tuple[Cell, ...], tuple[tuple[Cell, str], ...]]:
    """The cells that apply, and those that do not with the reason; innocent by innocent.

    What a first plan tells is asked here as well, so that no schedule is given to a cell that runs none.
    """
    apply: list[Cell] = []
    skipped: list[tuple[Cell, str]] = []
    scenarios = library.load_all()
    place = 0
    for name in targets:
        subject = subject_of(resolve(name))
        for storage in SUMMARY:
            for scenario in scenarios:
                cell = Cell(place, name, scenario.name, storage)
                reason = unclaimed_because(scenario, subject.target, storage)
                reason = reason or reason_to_skip(
                    scenario, subject, WORLD, seed=seed, storage=storage
                )
                if reason is None:
                    apply.append(cell)
                else:
                    skipped.append((cell, reason))
                place += 1
    return tuple(apply), tuple(skipped)


def counts(cells: Sequence[Cell], schedules: int, seed: int) -> dict[Cell, int]:
    """How many schedules each cell gets: all as many, some one more; a sample if they do not suffice.

    Which cells are in the sample, or get one more, is drawn from ``seed``.
    """
    every, more = divmod(schedules, max(1, len(cells)))
    favoured = set(Prng("patchstorm", seed, "patrol").shuffled(len(cells))[:more])
    given = {cell: every + (at in favoured) for at, cell in enumerate(cells)}
    return {cell: count for cell, count in given.items() if count}


def patrol(asked: Asked, shown_for: Callable[[int], Progress]) -> Patrols:
    """Patrol. Ctrl-C is no error: what had ended is returned, marked as interrupted.

    ``shown_for`` makes the display for so many groups, each an innocent on one storage.
    """
    began = monotonic()
    applying, skipped = every_cell(asked.targets, asked.seed)
    tasks = _tasks(applying, asked)
    work = _Work(asked, skipped, tasks, shown_for)
    interrupted, lost = False, None
    try:
        with work.shown:
            for cell, outcome in errands(work.begun(tasks), asked.jobs, asked.cluster):
                work.take(cell, outcome)
    except KeyboardInterrupt:
        interrupted = True
    except ClusterLostError as error:
        interrupted, lost = True, str(error)
    rows = work.rows()
    return Patrols(
        verdict=verdict_of(rows),
        seed=asked.seed,
        schedules=sum(row.schedules for row in rows),
        cells=sum(row.cells for row in rows),
        applying=len(applying),
        share=asked.share,
        seconds=monotonic() - began,
        interrupted=interrupted,
        lost=lost,
        innocents=rows,
    )


_Task = tuple[Cell, Patrol]


def _tasks(applying: Sequence[Cell], asked: Asked) -> list[_Task]:
    """What is run here: this share of the cells, each with its schedules."""
    given = counts(applying, asked.schedules, asked.seed)
    share, of = asked.share
    stride = max(given.values(), default=0)
    mine = [cell for at, cell in enumerate(given) if at % of == share - 1]
    return [(cell, _task(cell, given[cell], stride, asked)) for cell in mine]


def _task(cell: Cell, count: int, stride: int, asked: Asked) -> Patrol:
    storages = list(SUMMARY)
    column = asked.targets.index(cell.target) * len(storages) + storages.index(cell.storage)
    innocent = Innocent(
        name=cell.target, target=cell.target, storms=(cell.storm,), storage=cell.storage
    )
    return Patrol(
        innocent=innocent, storm=cell.storm, seed=asked.seed, first=column * stride, count=count,
        out_dir=asked.out_dir,
    )  # fmt: skip


@dataclass(slots=True)
class _Tally:
    """What came of the cells of one innocent so far."""

    cells: int = 0
    schedules: int = 0
    seconds: float = 0.0
    skipped: dict[str, int] = field(default_factory=dict)
    accused: list[tuple[int, Accusation]] = field(default_factory=list)
    unknown: list[tuple[int, Unknown]] = field(default_factory=list)


class _Work:
    """What has come of the cells so far, and which groups of them are shown as under way."""

    def __init__(
        self,
        asked: Asked,
        skipped: Sequence[tuple[Cell, str]],
        tasks: Sequence[_Task],
        shown_for: Callable[[int], Progress],
    ) -> None:
        self._tallies = {name: _Tally() for name in asked.targets}
        for cell, reason in skipped:
            self._skip(cell, reason)
        self._left = Counter(_group(cell) for cell, _ in tasks)
        self._done: Counter[str] = Counter()
        self._guilty: Counter[str] = Counter()
        self.shown = shown_for(len(self._left))

    def begun(self, tasks: Sequence[_Task]) -> Iterator[_Task]:
        """The tasks, each group shown from its first on."""
        known = set()
        for task in tasks:
            group = _group(task[0])
            if group not in known:
                known.add(group)
                self.shown.began(group)
            yield task

    def take(self, cell: Cell, found: Patrolled) -> None:
        tally, group = self._tallies[cell.target], _group(cell)
        if found.skipped is not None:
            self._skip(cell, found.skipped.removeprefix(f"{cell.storm}: "))
        else:
            tally.cells += 1
            tally.schedules += found.schedules
            tally.seconds += found.seconds
        where = {"storm": cell.storm, "storage": cell.storage}
        if found.accused is not None:
            self._guilty[group] += 1
            accusation = Accusation(**where, checkers=found.checkers, failure=found.failure or "")
            tally.accused.append((cell.place, accusation))
        elif found.unknown is not None:
            tally.unknown.append((cell.place, Unknown(**where, reason=found.unknown)))
        self._done[group] += found.schedules
        self._left[group] -= 1
        if not self._left[group]:
            self.shown.ended(group, self._in_brief(group))

    def rows(self) -> tuple[Row, ...]:
        return tuple(
            Row(
                name=name,
                cells=tally.cells,
                schedules=tally.schedules,
                seconds=tally.seconds,
                skipped=tuple(
                    Skipped(reason=reason, cells=count)
                    for reason, count in sorted(tally.skipped.items())
                ),
                accused=tuple(one for _, one in sorted(tally.accused, key=lambda pair: pair[0])),
                unknown=tuple(one for _, one in sorted(tally.unknown, key=lambda pair: pair[0])),
            )
            for name, tally in self._tallies.items()
        )

    def _skip(self, cell: Cell, reason: str) -> None:
        skipped = self._tallies[cell.target].skipped
        told = _in_general(reason, cell)
        skipped[told] = skipped.get(told, 0) + 1

    def _in_brief(self, group: str) -> str:
        guilty = self._guilty[group]
        said = f"accused in {guilty} cells" if guilty else "not accused"
        return f"{said}, {self._done[group]} schedules"


def _in_general(reason: str, cell: Cell) -> str:
    """A reason without the names of innocent and storage, so that equal ones are counted together."""
    reason = reason.removesuffix("; --unclaimed runs it all the same")
    reason = reason.replace(f": {cell.storage} in this storm", ": the storage in this storm")
    return reason.replace(f"which {cell.target} needs", "which the target needs")


def _group(cell: Cell) -> str:
    return f"{cell.target} on {cell.storage}"
