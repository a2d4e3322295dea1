"""A simulated failure run once more to see what its history does not hold: lines of source, and caches."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from patchstorm.campaign.failure import Failure
from patchstorm.campaign.ran import replayed
from patchstorm.campaign.replay_target import plan_for
from patchstorm.campaign.simulated import named_subject, schedule_of
from patchstorm.errors import UsageError
from patchstorm.history import write_history
from patchstorm.history.events import Step
from patchstorm.history.model import History
from patchstorm.history.reader import parse_history
from patchstorm.telling.record import with_steps
from patchstorm.worlds.sim.closeup import CloseUp
from patchstorm.worlds.sim.workers import pool


@dataclass(frozen=True, slots=True)
class Seen:
    """``history`` is what the run left. ``places``: for each of its steps the line of the store that led to
    it. ``held``: from which step on a replica's host held what, that was not so.
    """

    history: History
    places: tuple[str, ...]
    held: tuple[tuple[int, int, tuple[str, ...]], ...]


def look_closely(failure: Failure, history: History | None) -> Seen:
    """Run the schedule of ``failure`` again. Raises UsageError where that is not the run of ``history``.

    Where that was not kept: not the run that the failure's digest stands for, or not violated.
    """
    if failure.world != "sim":
        raise UsageError(f"in {failure.world} nothing runs twice alike")
    subject = named_subject(failure)
    watching = CloseUp(subject.target.phases)
    schedule = schedule_of(failure)
    ran = replayed(plan_for(failure, subject.target), subject, schedule, pool(), trace=watching)
    if history is None:
        if schedule.digest not in (None, ran.digest) or bool(failure.findings) > bool(ran.findings):
            raise UsageError("today's run of this schedule is another one")
        kept = BytesIO()  # as a reader of the file has it
        write_history(with_steps(ran.history, watching.events()), kept)
        history = parse_history(kept.getvalue())
    elif watching.events() != [event for event in history.events if isinstance(event, Step)]:
        raise UsageError("today's run of this schedule takes other steps")
    return Seen(history=history, places=tuple(watching.places), held=tuple(watching.held))
