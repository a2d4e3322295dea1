"""Schedules near a recorded one: is a failure gone, or has it only moved?

A fix shifts steps, and what was recorded then misses its place although the race is still there. So the
recorded choices are tried at steps nearby, all together and one at a time, and after that the same plan
under orders of few deviations, with the deaths and the stale answers that were recorded and without them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from patchstorm.campaign.ran import Ran, listed, replayed, run_and_judge
from patchstorm.campaign.schedules import guessed_length
from patchstorm.check.model import Finding
from patchstorm.check.weight import as_grave
from patchstorm.choice.keeping import Keeping, besides_order
from patchstorm.choice.odds import Odds
from patchstorm.choice.pct import Pct
from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.choice.schedule import Choice, Schedule
from patchstorm.choice.strategy import Strategy
from patchstorm.scenario.plan import Plan
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.workers import Workers

NEAR_DEFAULT = 300
NEAR_MAX = 100_000
SHIFT_MAX = 24
"""Steps: a fix that adds a check or takes a lock adds about as many to what a request does."""
DEPTHS = (2, 3, 4)


def near(
    plan: Plan,
    schedule: Schedule,
    subject: Subject,
    workers: Workers,
    *,
    count: int,
    then: Sequence[Finding],
) -> tuple[Schedule, int] | None:
    """The first of ``count`` schedules near ``schedule`` that fails, and how many were run; None if none
    does.

    What is less grave than what was found ``then`` does not count. What is tried depends on the plan and the
    schedule alone.
    """
    prng = Prng("near", plan.seed, plan.scenario, plan.index)
    moved = _moved(schedule.choices, prng)
    for turn in range(count):
        choices = next(moved, None) if turn % 2 == 0 else None
        if choices is not None:
            ran = replayed(plan, subject, _with(schedule, choices), workers)
        else:
            ran = _ordered(plan, schedule, subject, workers, prng, turn)
        if as_grave(then, ran.findings):
            return _with(schedule, ran.outcome.choices), turn + 1
    return None


def _with(schedule: Schedule, choices: tuple[Choice, ...]) -> Schedule:
    return Schedule(choices=choices, draws=schedule.draws)


def _moved(choices: tuple[Choice, ...], prng: Prng) -> Iterator[tuple[Choice, ...]]:
    """``choices`` at other steps: all by as much, the nearest first; then one alone, as it is drawn."""
    if not choices:
        return
    for distance in range(1, SHIFT_MAX + 1):
        for shift in (distance, -distance):
            yield tuple(_at(choice, choice.step + shift) for choice in choices)
    while True:
        which = prng.below(len(choices))
        shift = prng.below(2 * SHIFT_MAX + 1) - SHIFT_MAX
        yield tuple(
            _at(choice, choice.step + shift) if place == which else choice
            for place, choice in enumerate(choices)
        )


def _at(choice: Choice, step: int) -> Choice:
    return msgspec.structs.replace(choice, step=max(0, step))


def _ordered(
    plan: Plan, schedule: Schedule, subject: Subject, workers: Workers, prng: Prng, turn: int
) -> Ran:
    """The plan in an order of few deviations, every second time with the recorded choices of other kinds."""
    order: Strategy = Pct(prng, depth=DEPTHS[turn % len(DEPTHS)], length=guessed_length(plan))
    if turn % 8 == 7:
        order = RandomWalk(prng)
    held = besides_order(schedule.choices) if turn % 4 == 1 else []
    return run_and_judge(
        plan, subject, Keeping(held, order, Odds(prng)), workers,
        choosers=listed(schedule.draws),
    )  # fmt: skip
