"""Where one request is held while another goes first, so that what comes of it can differ.

Two requests, each with what it did in the plain run. Where the first one is held matters only between two of
its calls that touch what the second one touches, so each such stretch is one order and the calls within it
are not tried one by one (the equivalence of Mazurkiewicz, 1977, which partial-order reduction rests on). A
call that nobody held in the plain run ends a stretch as well: the call before it is held.

A request that came late finds other things than it would have found: a replay that was refused had no reason
to write. So one that shares an object with the held one, or came to no call at all, is also taken for one
that does the same.

A client that sleeps at that moment is woken for it (:mod:`.choosing`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final, NamedTuple

from patchstorm.choice.schedule import Choice
from patchstorm.worlds.fuse.chains import OWN
from patchstorm.worlds.fuse.choosing import HOLD
from patchstorm.worlds.fuse.outcome import NO_STEP, FuseOutcome, Step

LISTING: Final = "l"
LOCK: Final = "k"
_TOUCHED: Final = ("i", LOCK, LISTING, "n")
_MOVED: Final = ("write", "truncate", "fallocate", "copy")
_TAKEN: Final = ("unlink", "rename")
_MINTED: Final = re.compile(r"<[^>]*>|[0-9]+")


class Touched(NamedTuple):
    """What was looked at and what was changed, by name. Bytes and the name of a file are one thing where one
    changes the bytes and another takes the name away."""

    reads: frozenset[str]
    writes: frozenset[str]

    def __or__(self, other: Touched) -> Touched:
        return Touched(self.reads | other.reads, self.writes | other.writes)

    def meets(self, other: Touched) -> bool:
        """Whether their order can matter. Two names in one directory do not meet unless it is listed."""
        both = {name for name in self.writes & other.writes if name[0] != LISTING}
        return bool(both or self.writes & other.reads or self.reads & other.writes)

    def shares(self, other: Touched) -> bool:
        """Whether both had to do with one thing, directories aside."""
        mine, theirs = self.reads | self.writes, other.reads | other.writes
        return any(name[0] != LISTING for name in mine & theirs)


NOTHING: Final = Touched(frozenset(), frozenset())


@dataclass(slots=True)
class Asked:
    """One request: the client's turn that began it, its place in the order, and what was done for it."""

    turn: str
    place: int
    replica: int
    steps: list[Step] = field(default_factory=list)
    touches: list[Touched] = field(default_factory=list)
    touched: Touched = NOTHING

    def did(self, step: Step) -> None:
        """One more call was made for it."""
        touches = touched(step)
        self.steps.append(step)
        self.touches.append(touches)
        self.touched |= touches


class Rivalry(NamedTuple):
    """``mine`` is held before a call while ``theirs`` goes first. Lower is better: ``relies`` says how much
    hangs on it, ``far`` how far it is from the first call that both are about. ``alike``: what the rival
    does is guessed. ``shape`` is what two of them have in common that are about different uploads."""

    choice: Choice
    relies: int
    far: int
    alike: bool
    place: int
    shape: tuple[object, ...]


def touched(step: Step) -> Touched:
    call, path, to = _words(step.told)
    reads = {name for name in step.footprint.reads if name[0] in _TOUCHED}
    writes = {name for name in step.footprint.writes if name[0] in _TOUCHED}
    if call in _MOVED:
        writes.add(f"p{to or path}")
    elif call in _TAKEN:
        writes |= {f"p{path}", f"p{to or path}"}
    return Touched(frozenset(reads), frozenset(writes))


def _words(told: str) -> tuple[str, str, str]:
    words = told.split(" ")
    return words[0], words[1] if len(words) > 1 else "", words[3] if words[2:3] == ["->"] else ""


def requests(ran: FuseOutcome) -> list[Asked]:
    """Those of the storm, in their order. What a server does of its own accord belongs to none."""
    found: dict[str, Asked] = {}
    for place, name in enumerate(ran.order):
        request = ran.turns.get(name)
        if request is not None:
            replica = int(name.rpartition("#")[0].rpartition(" to r")[2])
            found[request] = Asked(name, place, replica)
    for step in ran.trace[ran.storm_from :]:
        asked = found.get(step.requests[0]) if step.requests else None
        if asked is not None and not step.who.endswith(OWN):
            asked.did(step)
    return list(found.values())


def rivalries(ran: FuseOutcome) -> list[Rivalry]:
    """All of them, as they come."""
    asked = requests(ran)
    places = {name: place for place, name in enumerate(ran.order)}
    found: list[Rivalry] = []
    for mine in asked:
        last = max((places.get(step.key, -1) for step in mine.steps), default=-1)
        for theirs in asked:
            if theirs.replica == mine.replica or not mine.place < theirs.place:
                continue
            if _since(ran, theirs) > last:
                continue
            found += _of(ran, mine, theirs, theirs.touched, places, alike=False)
            if mine.touched.shares(theirs.touched) or not theirs.steps:
                both = mine.touched | theirs.touched
                found += _of(ran, mine, theirs, both, places, alike=True)
    return found


def ranked(found: Sequence[Rivalry]) -> list[Rivalry]:
    """The most promising first, each choice once. What another upload has had a try of comes later."""
    best: dict[Choice, Rivalry] = {}
    seen: Counter[tuple[object, ...]] = Counter()
    times: dict[Choice, int] = {}
    for one in sorted(found, key=_promise):
        if one.choice not in best:
            best[one.choice] = one
            times[one.choice] = seen[one.shape]
            seen[one.shape] += 1
    rest = sorted(best.values(), key=lambda one: (times[one.choice], *_promise(one)))
    known = [one for one in rest if not one.alike]
    guessed = [one for one in rest if one.alike]
    pairs = [[one for one in two if one] for two in zip_longest(known, guessed)]
    return [one for two in pairs for one in sorted(two, key=lambda one: one.place)]


def _promise(one: Rivalry) -> tuple[int, ...]:
    return one.relies, one.far, one.alike, one.place


def _of(
    ran: FuseOutcome, mine: Asked, theirs: Asked, does: Touched, places: Mapping[str, int], *,
    alike: bool,
) -> Iterator[Rivalry]:  # fmt: skip
    stretches = list(_stretches(mine, does, places))
    first = _first_change(mine, stretches)
    kind = (*_kind(theirs), alike)
    for nth, (at, held) in enumerate(stretches):
        if not _since(ran, theirs) <= places[held.key] < theirs.place:
            continue
        far = 2 * (nth - first) if nth >= first else 2 * (first - nth) - 1
        choice = Choice(held.name, held.number, HOLD, 1, theirs.turn)
        shape = (_plain(held.told), nth - first, *kind)
        relies = _relies(mine, at, does)
        yield Rivalry(choice, relies, far, alike, places[held.key], shape)


def _stretches(mine: Asked, does: Touched, places: Mapping[str, int]) -> Iterator[tuple[int, Step]]:
    """Before which steps it matters that somebody ``does`` all this, and which call is held for it."""
    held: Step | None = None
    for at, (step, touches) in enumerate(zip(mine.steps, mine.touches, strict=True)):
        if step.number != NO_STEP and step.key in places:
            held = step
        if touches.meets(does):
            if held is not None:
                yield at, held
            held = None


def _first_change(mine: Asked, stretches: Sequence[tuple[int, Step]]) -> int:
    """Which stretch ends with the first change that the other one can have to do with; a lock is none."""
    for nth, (at, _) in enumerate(stretches):
        if any(name[0] != LOCK for name in mine.touches[at].writes):
            return nth
    return max(0, len(stretches) - 1)


def _relies(mine: Asked, at: int, does: Touched) -> int:
    """0: it has looked at what the other one changes, and goes on to change something that both are about."""
    looked = any(touches.reads & does.writes for touches in mine.touches[:at])
    acts = any(Touched(frozenset(), one.writes).meets(does) for one in mine.touches[at:])
    return 2 - looked - acts


def _since(ran: FuseOutcome, theirs: Asked) -> int:
    """From which place in the order on it could have gone out, were its client woken where that slept."""
    return min(ran.possible[theirs.turn], ran.asleep.get(theirs.turn, len(ran.order)))


def _kind(asked: Asked) -> tuple[str, ...]:
    changes = {_plain(step.told) for step in asked.steps if touched(step).writes}
    return tuple(sorted(changes))


def _plain(told: str) -> str:
    return _MINTED.sub("", told)
