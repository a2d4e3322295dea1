"""A simulated failure gone through step by step, as it was recorded or edited by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from patchstorm.campaign.failure import Failure
from patchstorm.campaign.ran import Ran, listed, replayed, run_and_judge
from patchstorm.campaign.replay_target import plan_for
from patchstorm.campaign.simulated import named_subject, schedule_of
from patchstorm.choice.holding import Holding
from patchstorm.dialect.phrases import shortener
from patchstorm.errors import UsageError
from patchstorm.telling.record import StepRecord
from patchstorm.telling.tell import tell as told
from patchstorm.worlds.sim.agenda import STEP_NS
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.stepping import Stepping, line_of
from patchstorm.worlds.sim.workers import pool

NAMES_TOLD: Final = 6


@dataclass(frozen=True, slots=True)
class Hold:
    """A task is held before the call that it made in step ``step`` of the recorded run."""

    task: str
    step: int

    def __str__(self) -> str:
        return f"{self.task}@{self.step}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """What came of it. ``missed``: breaks that no call of the store came to."""

    ran: Ran
    story: tuple[str, ...]
    missed: tuple[int, ...]


def step_through(
    failure: Failure,
    subject: Subject | None,
    *,
    tell: Callable[[str], None] | None,
    breaks: Collection[int] = (),
    holds: Sequence[Hold] = (),
) -> Stepped:
    """Run the schedule of ``failure`` once, its steps told to ``tell`` as they are made.

    Before the calls of ``breaks`` a debugger opens in the task. Raises UsageError for a hold that names no
    call of the recorded run, and bdb.BdbQuit when somebody quits a debugger.
    """
    subject = subject or named_subject(failure)
    schedule = schedule_of(failure)
    workers = pool()
    plan = plan_for(failure, subject.target)
    before = replayed(plan, subject, schedule, workers, traced=True)
    assert before.trace is not None
    where = [_place_of(hold, before.trace.records) for hold in holds]
    order = Holding(schedule.choices, where)
    shorten = shortener(line_of(one) for one in before.trace.records)
    told_to = None if tell is None else lambda line: tell(shorten(line))
    with Stepping(subject.target.phases, told_to, breaks) as steps:
        ran = run_and_judge(
            plan, subject, order, workers, observers=(steps,), choosers=listed(schedule.draws)
        )
    account = ran.outcome.account(steps.records, ran.outcome.choices)
    story = told(ran.history, account, ran.findings)
    return Stepped(ran=ran, story=story, missed=tuple(sorted(set(breaks) - steps.stopped)))


def _place_of(hold: Hold, records: Sequence[StepRecord]) -> tuple[str, int]:
    """The task and its own step, of which the scheduler knows."""
    mine = [one for one in records if hold.task in (one.task, one.doer)]
    for one in mine:
        if one.time_ns // STEP_NS == hold.step:
            return one.task, one.local
    if not mine:
        known = dict.fromkeys(one.doer for one in records)
        raise UsageError(
            f"--hold {hold}: no task is called {hold.task}; there are {', '.join(known)}"
        )
    near = sorted(mine, key=lambda one: abs(one.time_ns // STEP_NS - hold.step))[:NAMES_TOLD]
    numbers = ", ".join(str(step) for step in sorted({one.time_ns // STEP_NS for one in near}))
    raise UsageError(
        f"--hold {hold}: {hold.task} makes no call in step {hold.step}; the nearest are {numbers}. "
        "`replay --trace` shows all"
    )
