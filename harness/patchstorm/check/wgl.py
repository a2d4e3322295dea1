"""Is there a legal order? The Wing-Gong-Lowe search over one concurrent history.

Wing and Gong (Testing and Verifying Concurrent Objects, JPDC 17, 1993) choose, again and again, an
operation that no other finished one precedes, apply it to the model, and take back what leads nowhere.
Lowe (Testing for Linearizability, CPE 29, 2017) adds the memory: a configuration, that is the set of
operations placed and the state reached, is entered once.

What this search adds, each of which keeps the answer exact:

- *Optional* entries (outcome unknown) may be placed at any time after their call, or never. They are
  tried only after everything that must be placed, and never where they would change nothing.
- A *pure* entry that is legal and leaves the state alone is placed at once, with no alternative: moving
  it forward takes nothing from any other order.
- A model may answer *never* (None): from this state on, whatever happens, the entry cannot be placed.
  Then the whole configuration is given up.
- ``after`` names an entry that must have been placed, so that one request may have two moments.
- A model may say what the entries that are due *want*, and what each optional one *brings*: only those that
  bring it are tried (:class:`Wants`).
- Where placing an optional entry twice could not matter (``forgetful``), the memory leaves optional
  entries out of the set.

The search can be stopped and carried on: ``advance`` takes a number of steps, so that many searches
share a budget in turns, and no clock decides anything.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
Op = TypeVar("Op")
Step = Callable[[State, Op], "Iterable[State] | None"]
BYTES_A_CONFIGURATION = 500
"""What one configuration, its frame and its step of the trail take, beside the sets of bits in them."""
Trail = tuple[int, "Trail | None"]  # the last entry placed, and the trail before it


def _unroll(trail: Trail | None) -> tuple[int, ...]:
    order = []
    while trail is not None:
        order.append(trail[0])
        trail = trail[1]
    return tuple(reversed(order))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants(Generic[State, Op]):
    """Which optional entries are worth trying before a required one; sets of bits.

    ``wants``: of what a required entry lacks, one thing that it cannot be placed without; 0 where it lacks
    nothing, or nothing that could come. ``brings``: what an optional entry has to give.

    For models in which optional entries only add, contradict each other in either order or in none, and keep
    no required entry from being placed but by bringing too much. There an entry that brings nothing wanted
    may as well come later, and of those that come before a required one any may come first: so that one does
    that brings the thing it cannot do without (as in Knuth, Dancing Links, 2000, which branches on one
    uncovered column). No optional entry may come after another.
    """

    wants: Callable[[State, Op], int]
    brings: Callable[[Op], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Generic[Op]):
    """An operation with its times; ``end`` None makes it optional.

    ``first`` precedes ``second`` when ``first.end < second.call``; entries that touch overlap.
    ``after`` is the index of another entry, or -1. ``pure``: see the module's text.
    """

    op: Op
    call: int
    end: int | None
    after: int = -1
    pure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Furthest(Generic[State]):
    """The longest legal beginning that was found: entries in order, the state, and what it met."""

    depth: int
    trail: Trail | None
    state: State
    blocked: int

    @property
    def order(self) -> tuple[int, ...]:
        return _unroll(self.trail)


class _Frame(Generic[State]):
    """One entry placed: what it was, the state before, and what else could be tried instead."""

    __slots__ = ("entry", "rest", "state", "trail")

    def __init__(
        self,
        entry: int,
        state: State,
        rest: Iterator[tuple[int, State]] | None,
        trail: Trail | None,
    ) -> None:
        self.entry = entry
        self.state = state
        self.rest = rest
        self.trail = trail


class Search(Generic[State, Op]):
    """One search. ``verdict`` is None while it is open, then whether a legal order exists.

    ``weigh`` says how many bytes a state takes; ``bytes_held`` is what all that is remembered takes, about.
    """

    def __init__(
        self,
        entries: Sequence[Entry[Op]],
        init: State,
        step: Step[State, Op],
        *,
        forgetful: bool = False,
        wants: Wants[State, Op] | None = None,
        weigh: Callable[[State], int] = lambda state: 0,
    ) -> None:
        self.entries = entries
        self.verdict: bool | None = None
        self.steps = 0
        self.furthest: Furthest[State] | None = None
        self._step = step
        self._weigh = weigh
        self._wants = wants
        self._state = init
        self._required = [entry.end is not None for entry in entries]
        self._left = sum(self._required)
        self._optional = sorted(
            (index for index, needed in enumerate(self._required) if not needed),
            key=lambda index: (entries[index].call, index),
        )
        self._remembered = [needed or not forgetful for needed in self._required]
        self._link()
        self._placed = [False] * len(entries)
        self._bits = 0
        self._base = 0  # every required entry before it is placed
        self._trail: Trail | None = None
        self._seen: set[tuple[int, int, State]] = set()
        self.bytes_held = 0
        self._stack: list[_Frame[State]] = []
        self._choices: Iterator[tuple[int, State]] | None = None
        if not self._left:
            self.verdict = True

    @property
    def configurations(self) -> int:
        """How many configurations are remembered."""
        return len(self._seen)

    @property
    def order(self) -> tuple[int, ...]:
        """The entries placed, in order; a legal order once the verdict is True."""
        return _unroll(self._trail)

    def _link(self) -> None:
        """Calls and returns of required entries by time in a doubly linked list.

        At one time calls come first: entries that touch overlap. Node 2*i+1 is the call of entry i,
        2*i+2 its return, 0 the head.
        """
        timed: list[tuple[int, int, int]] = []
        for index, entry in enumerate(self.entries):
            if entry.end is not None:
                timed.append((entry.call, 0, 2 * index + 1))
                timed.append((entry.end, 1, 2 * index + 2))
        timed.sort()
        size = 2 * len(self.entries) + 1
        self._next, self._previous = [-1] * size, [-1] * size
        last = 0
        for _, _, node in timed:
            self._next[last] = node
            self._previous[node] = last
            last = node

    def advance(self, steps: int) -> int:
        """Search on for at most so many placements tried; the result is how many were used."""
        used = 0
        while self.verdict is None and used < steps:
            used += 1
            if self._choices is None:
                self._choices = self._candidates()
            choice = next(self._choices, None)
            if choice is None:
                self._take_back()
                continue
            index, state = choice
            base = self._base_with(index)
            key = (base, self._bits_with(index) >> base, state)
            if key in self._seen:
                continue
            self._seen.add(key)
            self.bytes_held += BYTES_A_CONFIGURATION + key[1].bit_length() // 8 + self._weigh(state)
            self._place(index, state)
            self._base = base
        self.steps += used
        return used

    def forget(self) -> None:
        """Give the memory back; the search cannot be carried on."""
        self._seen.clear()
        self.bytes_held = 0

    def _place(self, index: int, state: State) -> None:
        alone = self.entries[index].pure and state == self._state
        rest = None if alone else self._choices
        self._stack.append(_Frame(index, self._state, rest, self._trail))
        self._trail = (index, self._trail)
        self._state = state
        self._bits = self._bits_with(index)
        self._placed[index] = True
        self._choices = None
        if self._required[index]:
            self._left -= 1
            self._unlink(2 * index + 1)
            self._unlink(2 * index + 2)
            if not self._left:
                self.verdict = True

    def _bits_with(self, index: int) -> int:
        """The set of remembered entries that are placed, once this one is."""
        return self._bits | 1 << index if self._remembered[index] else self._bits

    def _base_with(self, index: int) -> int:
        """The base once this entry is placed: the same for every way to one set of entries."""
        base = self._base
        while base < len(self._placed) and (base == index or self._settled(base)):
            base += 1
        return base

    def _settled(self, index: int) -> bool:
        return self._placed[index] or not self._remembered[index]

    def _take_back(self) -> None:
        """Undo to the last placement that had an alternative."""
        while self._stack:
            frame = self._stack.pop()
            index = frame.entry
            self._state = frame.state
            self._trail = frame.trail
            if self._remembered[index]:
                self._bits ^= 1 << index  # placed, so it is there
            self._placed[index] = False
            if self._remembered[index]:
                self._base = min(self._base, index)
            if self._required[index]:
                self._left += 1
                self._relink(2 * index + 2)
                self._relink(2 * index + 1)
            if frame.rest is not None:
                self._choices = frame.rest
                return
        self.verdict = False

    def _unlink(self, node: int) -> None:
        before, after = self._previous[node], self._next[node]
        self._next[before] = after
        if after >= 0:
            self._previous[after] = before

    def _relink(self, node: int) -> None:
        before, after = self._previous[node], self._next[node]
        self._next[before] = node
        if after >= 0:
            self._previous[after] = node

    def _candidates(self) -> Iterator[tuple[int, State]]:
        """What can be placed next, with the state it leads to: required first, soonest due first."""
        state, entries, step = self._state, self.entries, self._step
        due: list[tuple[int, int]] = []
        node = self._next[0]
        while node >= 0 and node % 2:  # up to the first return: it must be placed before that
            index = node // 2
            node = self._next[node]
            entry = entries[index]
            if entry.after >= 0 and not self._placed[entry.after]:
                continue
            states = step(state, entry.op)
            if states is None:
                self._note(index)
                return
            if entry.pure and any(one == state for one in states):
                yield index, state
                return
            due.append((entry.end or 0, index))
        blocked = (node - 1) // 2
        limit = entries[blocked].end or 0
        states = (
            None  # a frame keeps this iterator: what it may never need is made again if it does
        )
        wanted = self._wanted([index for _, index in due])
        for _, index in sorted(due):
            for reached in step(state, entries[index].op) or ():
                yield index, reached
        for index in self._optional:
            entry = entries[index]
            if entry.call > limit:
                break
            if self._placed[index] or (entry.after >= 0 and not self._placed[entry.after]):
                continue
            if self._wants is not None and not self._wants.brings(entry.op) & wanted:
                continue
            for reached in step(state, entry.op) or ():
                if reached != state:
                    yield index, reached
        self._note(blocked)

    def _wanted(self, due: list[int]) -> int:
        if self._wants is None:
            return 0
        found = 0
        for index in due:
            found |= self._wants.wants(self._state, self.entries[index].op)
        return found

    def _note(self, blocked: int) -> None:
        depth = len(self._stack)
        if self.furthest is None or depth > self.furthest.depth:
            self.furthest = Furthest(
                depth=depth, trail=self._trail, state=self._state, blocked=blocked
            )
