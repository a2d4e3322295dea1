"""An order of real servers' calls is made smaller by leaving choices out.

A run of real servers may go another way although the same is asked of it, so an order counts as failing when
it fails in one of ``TRIES`` runs, and the file says of how many it did.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import msgspec

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.failure import Failure, read_failure, replay_command, write_failure
from patchstorm.campaign.replay_target import plan_for, replay_target
from patchstorm.campaign.single import run_plan
from patchstorm.check.weight import same_cause
from patchstorm.choice.schedule import Choice, Schedule
from patchstorm.choice.shrink import fewer
from patchstorm.errors import InconclusiveError
from patchstorm.history import read_history, write_history
from patchstorm.worlds.base import Conducting
from patchstorm.worlds.registry import world_of

TRIES = 2
SHRINK_RUNS_MAX = 80
SHRINK_SECONDS_MAX = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """What shrinking came to. ``complete`` False: a bound was met first. ``rate``: as in ``3 of 3``."""

    choices: tuple[Choice, ...]
    runs: int
    seconds: float
    complete: bool
    rate: str


def shrink_conducted(
    failure: Failure, out: Path, begins: Callable[[], None] = lambda: None
) -> Small:
    """Leave out choices of ``failure`` as long as it comes back; the small one goes to ``out``.

    ``begins`` is called before each run that this takes.
    Raises InconclusiveError if it does not come back at all.
    """
    with (
        tempfile.TemporaryDirectory(prefix="patchstorm-shrink-") as folder,
        world_of(failure.world).shared(1) as wanted,
    ):
        shrinking = _Shrinking(failure, Path(folder), wanted, begins)
        small = shrinking.shrink()
        assert shrinking.best is not None and shrinking.best.failure is not None
        found = read_failure(Path(shrinking.best.failure))
        assert found.history is not None, "a run keeps its history"
        history = Path(shrinking.best.failure).parent / found.history
        beside = "history.jsonl" if out.name == "failure.json" else f"{out.stem}.jsonl"
        with (out.parent / beside).open("wb") as sink:
            write_history(read_history(history), sink)
        kept = msgspec.structs.replace(
            found, history=beside, command=replay_command(out), plan=failure.plan
        )
        write_failure(out, kept)
        return small


class _Spent(Exception):
    """A bound was met; what is best so far has to do."""


class _Shrinking:
    def __init__(
        self, failure: Failure, folder: Path, wanted: Conducting, begins: Callable[[], None]
    ) -> None:
        self._begins = begins
        self._failure = failure
        self._folder = folder
        self._target = replay_target(failure)[0]
        self._plan = plan_for(failure, self._target)
        self._wanted = wanted
        self._runs = 0
        self._began = monotonic()
        recorded = failure.schedule
        self._openers = msgspec.UNSET if recorded is None else recorded.openers
        self.best: StormResult | None = None

    def shrink(self) -> Small:
        assert self._failure.schedule is not None, "a failure of this world has its choices"
        kept: Sequence[Choice] = self._failure.schedule.choices
        complete = True
        try:
            if not self._holds(kept, tries=3):
                raise InconclusiveError(
                    "the failure did not come back in 3 runs, so it was left as it was found; see how "
                    "often it does: patchstorm replay --times 20"
                )
            kept = fewer(kept, self._holds)
        except _Spent:
            complete = False
        kept = self._made()
        again = [self._once(kept) for _ in range(3)]
        return Small(
            choices=tuple(kept), runs=self._runs, seconds=monotonic() - self._began,
            complete=complete, rate=f"{sum(again)} of {len(again)}",
        )  # fmt: skip

    def _made(self) -> tuple[Choice, ...]:
        """The choices of the best run: what was asked for and could be made."""
        assert self.best is not None and self.best.failure is not None
        schedule = read_failure(Path(self.best.failure)).schedule
        return () if schedule is None else schedule.choices

    def _holds(self, choices: Sequence[Choice], tries: int = TRIES) -> bool:
        return any(self._bounded(choices) for _ in range(tries))

    def _bounded(self, choices: Sequence[Choice]) -> bool:
        spent = monotonic() - self._began > SHRINK_SECONDS_MAX
        if self.best is not None and (spent or self._runs >= SHRINK_RUNS_MAX):
            raise _Spent
        return self._once(choices)

    def _once(self, choices: Sequence[Choice]) -> bool:
        self._runs += 1
        self._begins()
        schedule = Schedule(choices=tuple(choices), openers=self._openers)
        result = asyncio.run(
            run_plan(
                self._plan, self._target, out_dir=self._folder, keep_safe=False,
                world=self._failure.world, shared=self._wanted, schedule=schedule,
            )
        )  # fmt: skip
        fails = same_cause(self._failure.findings, result.report.findings)
        if fails:
            self.best = result
        return fails
