"""Proves that replicas are at rest: nobody moves by itself any more, and what may happen next is known.

A server that asks for nothing may still be about to: a thread is on its way, or a timer of its runtime is. So
rest is looked for in ``/proc`` (:mod:`.rest`) and not waited for, but for timers, which nobody can see.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from patchstorm.errors import InconclusiveError
from patchstorm.storage.server import Server
from patchstorm.worlds.fuse.bridge import SILENT
from patchstorm.worlds.fuse.chains import Chains
from patchstorm.worlds.fuse.choosing import Turn
from patchstorm.worlds.fuse.holding import Holding, answer_of
from patchstorm.worlds.fuse.loop import Events, Selector
from patchstorm.worlds.fuse.member import Held, Member
from patchstorm.worlds.fuse.polling import Polling
from patchstorm.worlds.fuse.protocol import Op

POLL_S: Final = 0.000_05  # between two looks whether all rest; twice as long each time
POLL_S_MAX: Final = 0.001
REST_S_MAX: Final = 30.0
LOOK_S: Final = 0.1
SPIN_NS: Final = 200_000_000
PATIENCE_S: Final = 0.02  # of a runtime's own timers, which are no choice


class Resting(Holding):
    """``spun``: who kept a processor busy while it waited."""

    def __init__(self, server: Server, selector: Selector, chains: Chains) -> None:
        super().__init__(server, selector, chains)
        self.spun: set[str] = set()
        self._turns: list[Turn] = []
        self._serving: dict[int, int] = {}
        self._patient: set[int] = set()
        self.polling = Polling()

    def performed(self, held: Held) -> tuple[int, bytes] | None:
        """The call itself, and whether its replica or others may find something new after it."""
        effect = _may_be_seen(held)
        result = super().performed(held)
        if result is not None:
            index = held.member.index
            if effect and not result[0]:
                self.polling.changed(by=index)
            if not (held.own or held.request.op in SILENT):
                self.polling.told(index, held.told, answer_of(held, result))
        return result

    def _settle(self) -> Events:
        """Until all who serve a request or were let go are at rest, or something has come for a client.

        Those that were let go alone would not do: a timer may move who serves a request. A server that
        asks again and again whether it may go on, as locks in memory do, never rests while what it waits for
        is held: when something else can happen, it has had its time after ``SPIN_NS`` on a processor.
        """
        began = time.monotonic()
        wait_s = 0.0
        ran_ns: dict[str, int] = {}
        while True:
            came = self._pump(wait_s)
            events = self._selector.come()
            if events:
                return events
            if not came and self._rests() and not self._pump(0):
                self._all_rest()
                return self._selector.come()
            # whoever has just asked, or was answered, is still on his way
            wait_s = POLL_S if came else min(POLL_S_MAX, 2 * wait_s or POLL_S)
            took_s = time.monotonic() - began
            if took_s > LOOK_S:
                restless = [one for one in self._looked_at() if _moves(one)]
                if self._spin(restless, ran_ns):
                    return []
                if took_s > REST_S_MAX:
                    names = ", ".join(one.name for one in restless)
                    raise InconclusiveError(
                        f"{names} did not come to rest within {REST_S_MAX:.0f} s: a server that keeps a "
                        "processor busy while it waits cannot be conducted; use --world processes"
                    )

    def _looked_at(self) -> list[Member]:
        """Who serves a request or was let go since all were at rest."""
        serving = {index for index, count in self._serving.items() if count}
        return [self.members[index] for index in sorted(self._moving | serving)]

    def _all_rest(self) -> None:
        for one in self._looked_at():
            asks = [held for held in (*self._held, *self._parked) if held.member is one]
            asking = {held.request.tid for held in asks}
            self.chains.rested(one.index, asking, busy=any(not held.own for held in asks))
        self._moving.clear()

    def _rests(self) -> bool:
        """Whether all of them sleep. What they asked for before that has come, and is taken in after it."""
        return not any(_moves(one) for one in self._looked_at())

    def _spin(self, restless: Iterable[Member], ran_ns: dict[str, int]) -> bool:
        """Whether one of these is left to spin: something else can happen, for which it may be waiting.

        What it had done before it was first looked at is kept in ``ran_ns``.
        """
        if not (self._held or self._turns):
            return False
        for one in restless:
            if one.watch is not None:
                now_ns = one.watch.ran_ns()
                if now_ns - ran_ns.setdefault(one.name, now_ns) > SPIN_NS:
                    self.spun.add(one.name)
                    self._moving.clear()
                    return True
        return False

    def _sleepers(self) -> list[Member]:
        """Who serves a request and asks for nothing for it: a timer of its own can move it, or its sweep."""
        asking = {held.member.index for held in (*self._held, *self._parked) if not held.own}
        asking |= {
            turn.replica for turn in self._turns if turn.goes_on and turn.replica is not None
        }
        busy = [index for index, count in sorted(self._serving.items()) if count]
        found = [self.members[index] for index in busy if index not in asking]
        return [one for one in found if one.watch is not None and not one.paused]

    def _late_timers(self) -> bool:
        """A language's runtime hands work on by timers of its own, as Go does within 10 ms. These are no
        choice: each sleeper is given ``PATIENCE_S`` once, but for those that poll (:mod:`.polling`), which
        would come for ever. True: something came, look again."""
        idle = {member.index for member in self._sleepers()}
        self.polling.sleep(idle)
        self._patient &= idle
        for index in sorted(idle - self._patient):
            if self.polling.polls(index):
                continue
            self._patient.add(index)
            if self._pump(PATIENCE_S):
                self._patient.discard(index)
                self._moving.add(index)
                return True
        return False


def _may_be_seen(held: Held) -> bool:
    """Whether others can find what this call does, if it succeeds."""
    if held.request.op in (Op.FLUSH, Op.RELEASE):
        return held.member.bridge.has_locks_on(held.request)
    return held.call.changes and held.request.op not in SILENT


def _moves(member: Member) -> bool:
    """Whether it could not be proved that all of it sleeps."""
    return member.watch is not None and not member.watch.at_rest()
