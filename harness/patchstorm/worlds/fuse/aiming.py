"""Orders that are worth forcing, read off a run in which nobody was disturbed.

A read-modify-write goes wrong when somebody else writes between the read and the write. The plain run shows
who touches what, so it need not be searched for: before a call of one replica, the request of another client
is let go first, as far as it gets. Calls that change what their replica had looked at come first; then what
others change is read; then the rest. Where replicas may die, they die before and after each call that changes
something, which meets every window there is (between the bytes and their record, before a rename, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from patchstorm.choice.replay import STRIKE
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import PROCESS_DIES
from patchstorm.worlds.base import Death
from patchstorm.worlds.fuse.choosing import HOLD
from patchstorm.worlds.fuse.outcome import NO_STEP, FuseOutcome, Step

Order = tuple[Choice, ...]
AFTER = "die-after"
LEAVES_NOTHING = ("close", "flock", "lockf")
"""What changes nothing that outlives its process."""
_TURN = " to r"


def aimed(ran: FuseOutcome, *, deadly: bool) -> Iterator[Order]:
    """Choices to be made in runs of their own, the most promising first."""
    held = _held(ran)
    deaths = _deaths(ran) if deadly else []
    for place in range(max(len(held), len(deaths))):
        yield from held[place : place + 1]
        yield from deaths[place : place + 1]


def _held(ran: FuseOutcome) -> list[Order]:
    """Before a call, everything that another client wants, as far as it gets: one choice."""
    places = {name: place for place, name in enumerate(ran.order)}
    turns = [(place, name) for place, name in enumerate(ran.order) if _begins(name)]
    found: list[tuple[int, int, Order]] = []
    for at, step in enumerate(ran.trace):
        place = places.get(step.key)
        if place is None:
            continue
        rank = _rank(ran.trace, at)
        rival = _rival(ran, turns, place, step)
        if rank is not None and rival is not None:
            choice = Choice(step.name, step.number, HOLD, 1, rival)
            found.append((rank, at, (choice,)))
    return [order for _, _, order in sorted(found, key=lambda one: one[:2])]


def _begins(name: str) -> bool:
    return _TURN in name and "goes on" not in name


def _rival(
    ran: FuseOutcome, turns: Sequence[tuple[int, str]], place: int, step: Step
) -> str | None:
    """The request to another replica that could have gone out by then, and went out later."""
    mine = f"{_TURN}{step.replica}#"
    never = len(ran.order)
    return next(
        (
            name
            for at, name in turns
            if ran.possible.get(name, never) <= place < at and mine not in name
        ),
        None,
    )


def _rank(trace: Sequence[Step], at: int) -> int | None:
    """How much the order with others may matter: 0 is most; None: not at all."""
    step = trace[at]
    others = [one for one in trace if one.replica != step.replica]
    if not any(step.footprint.conflicts(one.footprint) for one in others):
        return None
    if step.footprint.writes:
        looked = {
            name
            for one in trace[:at]
            if one.replica == step.replica
            for name in one.footprint.reads
        }
        return 0 if looked & set(step.footprint.writes) else 1
    return 2


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
