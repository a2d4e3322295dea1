"""What running a schedule gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from patchstorm.choice.schedule import Choice
from patchstorm.history.model import History
from patchstorm.history.recorder import Recorder
from patchstorm.telling.record import Account, StepRecord
from patchstorm.worlds.sim.agenda import STEP_NS


@dataclass(slots=True, kw_only=True)
class SimOutcome:
    """What a schedule came to. ``unknown`` says why nothing can be concluded.

    ``paths`` maps the paths of deliveries' tasks to their operations. ``forced`` are choices that a fault
    of the plan made, and no strategy, and under the fault's own kind the calls that it struck. ``idle`` are
    ids of faults that were in force and hit nothing. ``said`` is what a whole server wrote of an error, by
    operation: no part of the history, as it may name addresses and what logs of the harness's take away.
    """

    recorder: Recorder
    steps: int
    virtual_ns: int
    choices: tuple[Choice, ...]
    switches: list[tuple[int, int]]
    offered: int
    notes: tuple[str, ...] = ()
    unknown: str | None = None
    stuck: tuple[str, ...] = ()
    storm_steps: int = 0
    paths: dict[str, int] = field(default_factory=dict)
    said: dict[int, str] = field(default_factory=dict)
    forced: tuple[Choice, ...] = ()
    idle: tuple[str, ...] = ()

    @property
    def history(self) -> History:
        return self.recorder.history()

    def account(self, steps: Sequence[StepRecord], choices: Sequence[Choice]) -> Account:
        """What a story is told of: ``steps`` of a traced run, and ``choices`` that led to it."""
        return Account(
            steps=steps, choices=choices, paths=self.paths, forced=self.forced, said=self.said,
            step_ns=STEP_NS,
        )  # fmt: skip
