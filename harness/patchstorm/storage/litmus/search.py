"""Whether the model can produce one given outcome: its choices are tried, and left where a result differs.

What a real mount did is known before the model is asked. So a run is given up at the first step that shows
something else, and only choices before that step are turned: a few dozen short runs instead of all thousands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from patchstorm.storage.litmus.program import Program, Step, verbs
from patchstorm.storage.litmus.runner import (
    NEVER,
    RUNS_MAX,
    Odometer,
    Outcome,
    Parted,
    run_once,
)

DEADLOCK_RUNS_MAX: Final = 2_000
"""So many ways to go are looked at for one that never ends: about a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``steps`` is how many results from the beginning the model can give; None for ``complete``: not all
    tried."""

    produced: bool
    steps: int
    complete: bool = True


def find(
    program: Program,
    flavour: str,
    outcome: Outcome,
    *,
    same_tick: bool = False,
    runs_max: int = RUNS_MAX,
) -> Found:
    """Look for ``outcome`` among all that ``program`` can come to on ``flavour``."""
    odometer = Odometer()
    furthest = 0
    for _ in range(runs_max):
        try:
            run_once(program, flavour, odometer, same_tick=same_tick, expected=outcome)
            return Found(produced=True, steps=len(outcome))
        except Parted as parted:
            furthest = max(furthest, parted.at)
        if not odometer.turn():
            return Found(produced=False, steps=furthest)
    return Found(produced=False, steps=furthest, complete=False)


def deadlock(program: Program, flavour: str) -> tuple[Step, ...]:
    """Steps that all wait for each other, or for what nobody gives back; none where no such end was found."""
    if "lockwait" not in verbs(program):
        return ()
    odometer = Odometer()
    for _ in range(DEADLOCK_RUNS_MAX):
        outcome = run_once(program, flavour, odometer)
        stuck = [step for step, value in zip(program.steps, outcome, strict=True) if value == NEVER]
        waiting = {step.host: step for step in reversed(stuck)}  # the first of each host
        if waiting:
            return tuple(step for step in stuck if step in waiting.values())
        if not odometer.turn():
            break
    return ()
