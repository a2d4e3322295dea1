"""What a world says of the steps of a run, so that a story can be told of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Footprint
from patchstorm.history.events import Step
from patchstorm.history.model import History

Detail = dict[str, Any]
SWEEPER: Final = "/sweeper"
"""How tasks are called last that no client asked for."""
NEVER: Final = "never made"
"""The result of a call before which its replica died."""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One file-system call: what it was asked, what came of it, and what it touched.

    ``request`` is the path of the delivery for which it was made, where that is not the task's own, and
    ``place`` the line of a server that led to it.
    """

    step: int
    time_ns: int
    task: str
    local: int
    replica: int
    call: str
    path: str
    detail: Detail
    result: str
    footprint: Footprint
    request: str = ""
    place: str = ""

    @property
    def doer(self) -> str:
        """What a person knows it by: the request, or else the task."""
        return self.request or self.task

    @property
    def failed(self) -> bool:
        """Whether the call was answered with an error; a reply that was lost looks like one as well."""
        return (self.result.isupper() and self.result.startswith("E")) or self.result == NEVER

    def event(self, phase: str) -> Step:
        """The step as a history has it."""
        detail = self.detail
        return Step(
            time_ns=self.time_ns, replica=self.replica, call=self.call, path=self.path,
            task=self.task, step=self.step, to=detail.get("to"), offset=detail.get("offset"),
            length=detail.get("length"), size=detail.get("size"), result=self.result, phase=phase,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A run as its world saw it. A choice names the task that took it and how many steps that had made.

    ``paths`` maps what deliveries are called to their operations. ``forced`` are choices that a fault made
    and no strategy, and under the fault's own kind the calls that it struck. ``step_ns`` is how long a step
    takes, where a clock moves by steps; elsewhere the steps that were made are counted. ``said`` is, by
    operation, what a server wrote of an error. ``names`` maps what servers minted to what
    calls say instead.
    """

    steps: Sequence[StepRecord]
    choices: Sequence[Choice] = ()
    paths: Mapping[str, int] = field(default_factory=dict)
    forced: Sequence[Choice] = ()
    said: Mapping[int, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    step_ns: int | None = None

    def numbering(self) -> Numbering:
        """How moments of this run are called."""
        return Numbering(self.steps, self.step_ns)

    def events(self) -> list[Step]:
        """The steps that were made, as history events."""
        return [record.event("") for record in self.steps if record.result != NEVER]


class Numbering:
    """The number by which stories call a moment: that of the last step that was made by then."""

    def __init__(self, steps: Iterable[StepRecord], step_ns: int | None) -> None:
        self._step_ns = step_ns
        self._times = [] if step_ns is not None else [one.time_ns for one in steps]

    def number(self, time_ns: int) -> int:
        if self._step_ns is not None:
            return time_ns // self._step_ns
        return bisect_right(self._times, time_ns)

    def at_once(self, begin_ns: int, end_ns: int) -> bool:
        """Whether no step lies between two moments."""
        if self._step_ns is not None:
            return end_ns - begin_ns < self._step_ns
        return self.number(begin_ns) == self.number(end_ns)

    def ended_by(self, death_ns: int, end_ns: int) -> bool:
        """Whether what ended without an answer did so of a death: at once, or as soon as anybody saw it."""
        if self._step_ns is not None:
            return abs(end_ns - death_ns) < self._step_ns
        return death_ns <= end_ns


def with_steps(history: History, steps: Iterable[Step]) -> History:
    """``history`` with every step among its events, in order of time."""
    events = sorted((*history.events, *steps), key=lambda one: one.time_ns)
    return msgspec.structs.replace(history, events=tuple(events))
