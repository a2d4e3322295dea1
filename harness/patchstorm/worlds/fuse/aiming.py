"""Orders that are worth forcing, read off a run in which nobody was disturbed.

A read-modify-write goes wrong when somebody else writes between the read and the write. The plain run shows
who touches what, so it need not be searched for: a request is held before a call while another one goes first
(:mod:`.rivals`). Where replicas may die, they die before and after each call that changes something, which
meets every window there is (between the bytes and their record, before a rename, ...).
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.choice.replay import STRIKE
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import PROCESS_DIES
from patchstorm.worlds.base import Death
from patchstorm.worlds.fuse.outcome import NO_STEP, FuseOutcome
from patchstorm.worlds.fuse.rivals import ranked, rivalries

Order = tuple[Choice, ...]
AFTER = "die-after"
LEAVES_NOTHING = ("close", "flock", "lockf")
"""What changes nothing that outlives its process."""


def aimed(ran: FuseOutcome, *, deadly: bool) -> Iterator[Order]:
    """Choices to be made in runs of their own, the most promising first."""
    held = [(one.choice,) for one in ranked(rivalries(ran))]
    deaths = _deaths(ran) if deadly else []
    for place in range(max(len(held), len(deaths))):
        yield from held[place : place + 1]
        yield from deaths[place : place + 1]


def _deaths(ran: FuseOutcome) -> list[Order]:
    """A call that was made and never answered is the better bet, so of each pair it comes first."""
    orders = [death.order for death in deaths_of(ran)]
    return [order for pair in zip(orders[1::2], orders[::2], strict=True) for order in pair]


def deaths_of(ran: FuseOutcome) -> list[Death]:
    """A death before, and one after, each call that changes something."""
    found: list[Death] = []
    for step in ran.trace[ran.storm_from :]:
        call, path, detail = words_of(step.told)
        if step.number == NO_STEP or not step.footprint.writes or call in LEAVES_NOTHING:
            continue
        dies = Choice(step.name, step.number, STRIKE, PROCESS_DIES)
        after = Choice(step.name, step.number, AFTER, 1)
        found += [
            Death((dies,), step.replica, call, path, detail, "before"),
            Death((dies, after), step.replica, call, path, detail, "after"),
        ]
    return found


def words_of(told: str) -> tuple[str, str, str]:
    """Operation, path or paths, and the rest of what is said of a call."""
    words = told.split(" ")
    end = 4 if words[2:3] == ["->"] else 2
    return words[0], " ".join(words[1:end]), " ".join(words[end:])
