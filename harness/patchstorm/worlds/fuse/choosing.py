"""Which of the things that can happen does: strategies are asked, and what deviates is written down by name.

Where nobody minds, whoever acted last goes on, and else the first in the list is next. A choice is a
deviation from that. It is named by what would have happened (its name, and how often that had happened
before), and says what happened instead, so it means the same in another run of the same plan, as long as the
servers do the same. The strategies are those of the simulator (:mod:`patchstorm.choice`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from patchstorm.choice.replay import NEXT, STRIKE, SWITCH, TIMER
from patchstorm.choice.schedule import Choice, Key, by_key
from patchstorm.choice.strategy import GO_ON, NO_STRIKE, Footprint, Strategy
from patchstorm.worlds.fuse.chains import OWN

if TYPE_CHECKING:
    from patchstorm.worlds.fuse.member import Held

ROUNDED_NS: Final = 1_000  # asyncio counts seconds
HOLD: Final = "hold"
"""A switch after which whoever stood there is passed over as long as anybody else can do anything."""


class Turn:
    """A client that stands before its next block."""

    __slots__ = ("future", "goes_on", "key", "replica", "who")

    def __init__(self, who: str, key: str, replica: int | None, goes_on: bool) -> None:
        self.who = who
        self.key = key
        self.replica = replica
        self.goes_on = goes_on
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Option:
    """Something that can happen now: a held call, or the turn of a client.

    ``aside``: it is done for nobody who waits. ``polls``: it was asked before, and nothing has happened since
    (:mod:`.polling`).
    """

    __slots__ = ("aside", "footprint", "held", "name", "polls", "turn", "who")

    def __init__(
        self,
        who: str,
        name: str,
        footprint: Footprint | None,
        *,
        held: Held | None = None,
        turn: Turn | None = None,
        aside: bool = False,
        polls: bool = False,
    ) -> None:
        self.aside = aside or polls
        self.polls = polls
        self.who = who
        self.name = name
        self.footprint = footprint
        self.held = held
        self.turn = turn


CLOCK: Final = Option("clock", TIMER, None)
"""The earliest timer of the clients goes off although others could go on."""


class Chooses(Protocol):
    """Whoever decides. ``taken`` are the choices that were not dull, in order."""

    taken: list[Choice]

    def stands_before(self, name: str, woken_ns: int | None = None) -> None:
        """A client's turn of this name can be taken from now on; the timer of that time may have woken it."""
        ...

    def sleeps(self, until_ns: int) -> None:
        """The next timer of the clients goes off then, if nothing else is chosen."""
        ...

    def choose(self, options: Sequence[Option], *, timer: bool) -> Option:
        """One of ``options``, which is never empty, or CLOCK where ``timer`` says that there is one."""
        ...

    def number(self, name: str) -> int:
        """How often what is called so has happened."""
        ...

    def misses(self, options: Sequence[Option]) -> str | None:
        """The name of what is to happen now and is not among ``options``."""
        ...

    def minds(self, name: str) -> bool:
        """Whether the next step, which would be a call of this name, is one to be asked about."""
        ...

    def strike(self, option: Option) -> int:
        """Whether the replica dies at this call (``choice.strategy``)."""
        ...

    def value(self, name: str, kind: str, n: int) -> int:
        """One of ``range(n)``; 0 is the dull one."""
        ...


class Naming:
    """What every chooser keeps: who acted last, and how often each name came up."""

    def __init__(self) -> None:
        self.taken: list[Choice] = []
        self.last = ""
        self.behind = ""
        """Who is passed over."""
        self.order: list[str] = []
        self.possible: dict[str, int] = {}
        """Since when in ``order`` each turn could have been taken."""
        self.asleep: dict[str, int] = {}
        """Since when the next timer was the one after which it could."""
        self._alarm = (0, 0)
        self._stood: Counter[str] = Counter()
        self._seen: Counter[str] = Counter()
        self._asked: Counter[Key] = Counter()

    def stands_before(self, name: str, woken_ns: int | None = None) -> None:
        """A client's turn can be taken from now on."""
        turn = f"{name}#{self._stood[name]}"
        self._stood[name] += 1
        self.possible[turn] = len(self.order)
        if woken_ns is not None:
            self.sleeps(woken_ns)
            self.asleep[turn] = self._alarm[1]

    def sleeps(self, until_ns: int) -> None:
        """The next timer of the clients goes off then."""
        if abs(until_ns - self._alarm[0]) > ROUNDED_NS:
            self._alarm = (until_ns, len(self.order))

    def number(self, name: str) -> int:
        """How often what is called so has happened."""
        return self._seen[name]

    def key(self, option: Option) -> str:
        """The full name: which one of those called so."""
        return f"{option.name}#{self._seen[option.name]}"

    def dull(self, options: Sequence[Option]) -> tuple[int, bool]:
        """What happens where nobody minds; True: somebody goes on."""
        if self.behind and all(one.who == self.behind or one.polls for one in options):
            self.behind = ""
        first: int | None = None
        for place, option in enumerate(options):
            if option.who == self.behind:
                continue
            own = option.held is not None and option.held.own
            if option.who == self.last and (own or not option.aside):
                return place, True
            if first is None:
                first = place
        return first or 0, False

    def during(self, name: str) -> int:
        """Which one of those called so is happening just now."""
        return max(0, self._seen[name] - 1)

    def kind(self, name: str, number: int, kind: str) -> Key:
        """The name of a decision; one of the same name that comes again is numbered."""
        key = (name, number, kind)
        times = self._asked[key]
        self._asked[key] += 1
        return key if not times else (key[0], key[1], f"{kind}~{times}")

    def happened(self, option: Option, *, dull: bool = False) -> Option:
        """Write down that it happens now. A sweep for which nobody decided is in nobody's way: whoever acted
        before it goes on after it."""
        self.order.append(self.key(option))
        self._seen[option.name] += 1
        if not dull or option.held is None or not option.held.own:
            self.last = option.who
        return option


class Task:
    """Whoever an option belongs to, as strategies know it."""

    __slots__ = ("local", "number", "path", "pending", "replica")

    def __init__(self, path: str, number: int) -> None:
        self.path = path
        self.number = number
        self.pending: Footprint | None = None
        digits = path[1:].removesuffix(OWN)
        self.replica: int | None = int(digits) if path[:1] == "r" and digits.isdigit() else None
        self.local = 0


class Deciding(Naming):
    """Asks a strategy of the simulator."""

    def __init__(self, strategy: Strategy) -> None:
        super().__init__()
        self.steps = 0
        self._strategy = strategy
        self._tasks: dict[str, Task] = {}
        self._entered = ""
        self._due = 0

    def arm(self) -> None:
        """The storm begins: the strategy may strike from here on."""
        self._strategy.armed(self.steps)
        self._due = 0

    def choose(self, options: Sequence[Option], *, timer: bool) -> Option:
        place, goes_on = self.dull(options)
        dull = options[place]
        others = [one for one in options if one is not dull]
        self.steps += 1
        ask = self._preempted if goes_on else self._picked
        chosen = ask(dull, others, timer)
        if chosen is CLOCK:
            return chosen
        task = self._task(chosen)
        task.local += 1
        if self._entered != task.path or self.steps >= self._due:
            self._entered = task.path
            self._due = self._strategy.due(self.steps, task, task.local)
        return self.happened(chosen, dull=chosen is dull)

    def minds(self, name: str) -> bool:
        return self.steps + 1 >= self._due

    def misses(self, options: Sequence[Option]) -> str | None:
        return None

    def _preempted(self, dull: Option, others: list[Option], timer: bool) -> Option:
        task = self._task(dull)
        strategy = self._strategy
        if self.steps < self._due or not (others or timer):
            return dull
        local = task.local + 1
        chosen = dull
        if strategy.due(self.steps - 1, task, local - 1) <= self.steps:
            ready = [self._task(one) for one in others]
            place = strategy.preempt(self.steps, task, local, ready, timer)
            if place != GO_ON:
                chosen = others[place] if place < len(others) else CLOCK
                self._note(dull, SWITCH, chosen)
        return chosen

    def _picked(self, dull: Option, others: list[Option], timer: bool) -> Option:
        after = self._tasks.get(self.last)
        ready = [self._task(one) for one in (dull, *others)]
        local = 0 if after is None else after.local
        place = self._strategy.pick(self.steps, self.last, local, ready, timer)
        if place == 0:
            return dull
        chosen = (dull, *others)[place] if place <= len(others) else CLOCK
        self._note(dull, NEXT, chosen)
        return chosen

    def _note(self, dull: Option, kind: str, chosen: Option) -> None:
        name, step, kind = self.kind(dull.name, self.number(dull.name), kind)
        target = TIMER if chosen is CLOCK else self.key(chosen)
        self.taken.append(Choice(name, step, kind, 1, target))

    def strike(self, option: Option) -> int:
        task = self._task(option)
        strategy = self._strategy
        if strategy.due(self.steps - 1, task, task.local - 1) > self.steps:
            return NO_STRIKE
        found = strategy.strike(self.steps, task, task.local)
        if found:
            self.taken.append(Choice(option.name, self.during(option.name), STRIKE, found))
        return found

    def value(self, name: str, kind: str, n: int) -> int:
        key = self.kind(name, self.during(name), kind)
        found = self._strategy.value(self.steps, name, key[1], kind, n)
        if found:
            self.taken.append(Choice(*key, found))
        return found

    def _task(self, option: Option) -> Task:
        task = self._tasks.get(option.who)
        if task is None:
            task = self._tasks[option.who] = Task(option.who, len(self._tasks))
        task.pending = option.footprint
        return task


class Repeating(Naming):
    """Makes the listed choices where their names come up, and goes on as usual elsewhere.

    ``unplaced`` are those that could not be made: a run without them is another run.
    """

    def __init__(self, choices: Iterable[Choice]) -> None:
        super().__init__()
        self._choices = tuple(choices)
        self._by_key = by_key(self._choices)
        self._used: set[Key] = set()
        self._woken_for = ""

    def arm(self) -> None:
        return

    def minds(self, name: str) -> bool:
        number = self.number(name)
        return any((name, number, kind) in self._by_key for kind in (SWITCH, NEXT, HOLD))

    @property
    def unplaced(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self._choices if choice.key not in self._used)

    def choose(self, options: Sequence[Option], *, timer: bool) -> Option:
        called, self._woken_for = self._woken_for, ""
        for option in options:
            if called and self.key(option) == called:
                return self.happened(option)
        place, goes_on = self.dull(options)
        dull = options[place]
        choice = self._listed(dull, goes_on, len(options) > 1 or timer)
        found = None if choice is None else self._found(choice, options, timer)
        if choice is None or found is None:
            return self.happened(dull, dull=True)
        self._used.add(choice.key)
        self.taken.append(choice)
        if choice.kind == HOLD:
            self.behind = dull.who
        return found if found is CLOCK else self.happened(found)

    def misses(self, options: Sequence[Option]) -> str | None:
        """Of the choice that is listed for the decision between these."""
        dull = options[self.dull(options)[0]]
        for kind in (HOLD, SWITCH, NEXT):
            key = (dull.name, self.number(dull.name), kind)
            times = self._asked[key]
            choice = self._by_key.get((*key[:2], f"{kind}~{times}") if times else key)
            if choice is not None and choice.key not in self._used:
                there = [self.key(option) for option in options]
                return choice.target if choice.target not in there else None
        return None

    def _listed(self, dull: Option, goes_on: bool, open_: bool) -> Choice | None:
        """The choice that is listed for this decision. Somebody is held once."""
        number = self.number(dull.name)
        held = self._by_key.get((dull.name, number, HOLD))
        if held is not None and held.key not in self._used:
            return held
        if not open_:
            return None
        mine, other = (SWITCH, NEXT) if goes_on else (NEXT, SWITCH)
        found = self._by_key.get(self.kind(dull.name, number, mine))
        if (
            found is None
        ):  # who acted last may be another one each time: what is to happen is said all the same
            found = self._by_key.get((dull.name, number, other))
        return None if found is None or found.key in self._used else found

    def _found(self, choice: Choice, options: Sequence[Option], timer: bool) -> Option | None:
        """What the choice names; where just that cannot happen, another call of the same one. A client that
        sleeps when somebody is held for it is woken, and goes first."""
        target = choice.target or ""
        if target == TIMER:
            return CLOCK if timer else None
        for option in options:
            if self.key(option) == target:
                return option
        who = target.partition(" ")[0]
        found = next((option for option in options if option.who == who), None)
        if found is None and choice.kind == HOLD and timer:
            self._woken_for = target
            return CLOCK
        return found

    def strike(self, option: Option) -> int:
        choice = self._by_key.get((option.name, self.during(option.name), STRIKE))
        if choice is None:
            return NO_STRIKE
        self._used.add(choice.key)
        self.taken.append(choice)
        return choice.value

    def value(self, name: str, kind: str, n: int) -> int:
        choice = self._by_key.get(self.kind(name, self.during(name), kind))
        if choice is None or choice.value >= n:
            return 0
        self._used.add(choice.key)
        self.taken.append(choice)
        return choice.value
