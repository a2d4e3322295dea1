"""Whether the model can produce one given outcome: its choices are tried, and left where a result differs.

What a real mount did is known before the model is asked. So a run is given up at the first step that shows
something else, and only choices before that step are turned: a few dozen short runs instead of all thousands.
"""

from __future__ import annotations

from dataclasses import dataclass

from patchstorm.storage.litmus.program import Program
from patchstorm.storage.litmus.runner import RUNS_MAX, Odometer, Outcome, Parted, run_once


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``steps`` is how many results from the beginning the model can give; None for ``complete``: not all
    tried."""

    produced: bool
    steps: int
    complete: bool = True


def find(program: Program, flavour: str, outcome: Outcome, *, same_tick: bool = False) -> Found:
    """Look for ``outcome`` among all that ``program`` can come to on ``flavour``."""
    odometer = Odometer()
    furthest = 0
    for _ in range(RUNS_MAX):
        try:
            run_once(program, flavour, odometer, same_tick=same_tick, expected=outcome)
            return Found(produced=True, steps=len(outcome))
        except Parted as parted:
            furthest = max(furthest, parted.at)
        if not odometer.turn():
            return Found(produced=False, steps=furthest)
    return Found(produced=False, steps=furthest, complete=False)
