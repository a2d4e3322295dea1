"""A simulated failure run once more to see what its history does not hold: lines of source, and caches."""

from __future__ import annotations

from dataclasses import dataclass

from patchstorm.campaign.failure import Failure
from patchstorm.campaign.ran import replayed
from patchstorm.campaign.replay_target import plan_for
from patchstorm.campaign.simulated import named_subject, schedule_of
from patchstorm.errors import UsageError
from patchstorm.history.events import Step
from patchstorm.history.model import History
from patchstorm.worlds.sim.closeup import CloseUp
from patchstorm.worlds.sim.workers import pool


@dataclass(frozen=True, slots=True)
class Seen:
    """``places``: for each step of the history the line of the store that led to it. ``held``: from which
    step on a replica's host held what, that was not so.
    """

    places: tuple[str, ...]
    held: tuple[tuple[int, int, tuple[str, ...]], ...]


def look_closely(failure: Failure, history: History) -> Seen:
    """Run the schedule of ``failure`` again. Raises UsageError where that is not the run of ``history``."""
    if failure.world != "sim":
        raise UsageError(f"in {failure.world} nothing runs twice alike")
    subject = named_subject(failure)
    watching = CloseUp(subject.target.phases)
    replayed(
        plan_for(failure, subject.target), subject, schedule_of(failure), pool(), trace=watching
    )
    if watching.events() != [event for event in history.events if isinstance(event, Step)]:
        raise UsageError("today's run of this schedule takes other steps")
    return Seen(places=tuple(watching.places), held=tuple(watching.held))
