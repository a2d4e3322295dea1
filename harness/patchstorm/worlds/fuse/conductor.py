"""Holds every file-system call of every replica until it is chosen.

When nobody moves by itself any more (every client waits, every replica that was let go is at rest), there is
a set of things that can happen: a held call, the next block of a client's request, a timer. One of them is
chosen and let happen; then again. Whoever chooses is asked in terms of names (:mod:`.choosing`).

Not everything is held. While a replica is started or killed, and while the run only waits for a server to do
something of its own accord, real time passes (:meth:`Conductor.real`): the calls of those replicas are
answered as they come, and nothing is chosen.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from patchstorm.errors import InconclusiveError
from patchstorm.storage.server import Server
from patchstorm.storage.settings import ManualClock
from patchstorm.worlds.fuse.chains import Chains
from patchstorm.worlds.fuse.choosing import CLOCK, Chooses, Option, Turn
from patchstorm.worlds.fuse.deadline import STORM_S_MAX, STORM_WALL_S_MAX, Deadline
from patchstorm.worlds.fuse.loop import Events, Selector
from patchstorm.worlds.fuse.member import Held, Member
from patchstorm.worlds.fuse.resting import Resting
from patchstorm.worlds.fuse.served import Served

STEP_NS: Final = 1_000
TIMER_S: Final = 0.1
LEASH_S: Final = 0.05
STEPS_MAX: Final = 200_000


class Conductor(Resting):
    """``before`` is asked before each call of a replica and may strike it: False where it is made no more."""

    def __init__(
        self, server: Server, clock: ManualClock, selector: Selector, chains: Chains
    ) -> None:
        super().__init__(server, selector, chains)
        self.clock = clock
        self.began_ns = clock.now_ns
        self.steps = 0
        self.chooses: Chooses | None = None
        self.before: Callable[[Held], bool] = lambda _: True
        self.stop = threading.Event()
        self.task: asyncio.Task[object] | None = None
        """What is cancelled where nobody can go on; ``failure`` is why."""
        self.failure: Exception | None = None
        self.deadline = Deadline(STORM_S_MAX, STORM_WALL_S_MAX)
        self.served = Served()
        self._engaged: set[int] = set()  # who serves a request, or has not done with the last one
        self._waited = False
        self.slept = 0.0
        """Seconds in which nothing could go on but a server's timer."""
        self._awaited = (0, "")  # the call that was given time before a step
        self._due_ns: int | None = None  # when the clients' next timer goes off
        self._real = 0
        self._runs: int | None = None  # the replica whose call was the last step
        self._last_ns = time.monotonic_ns()

    # -- who takes part -------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def real(self, *members: Member) -> AsyncIterator[None]:
        """Time is real inside, nothing is chosen, and what these replicas ask is answered at once."""
        for member in members:
            member.loose += 1
        self._real += 1
        self._last_ns = time.monotonic_ns()
        self.serve_free()
        try:
            yield
        finally:
            self._real -= 1
            self.polling.changed()
            for member in members:
                member.loose -= 1
                self._moving.add(member.index)

    @contextlib.asynccontextmanager
    async def crossing(
        self, client: str, replica: int | None, op: int
    ) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """A client's request goes out when its turn comes, and so does each block of its body."""
        assert replica is not None, "no balancer stands before these replicas"
        name = f"{client} to r{replica}"
        await self._turn(client, name, replica, False)
        request = self.served.begins(replica, client, op, turn=name)
        self._serving[replica] = self._serving.get(replica, 0) + 1
        self._engaged.add(replica)

        async def goes_on() -> None:
            await self._turn(client, f"{name}, goes on", replica, True)
            self.served.goes_on(replica, request)

        try:
            yield goes_on
        finally:
            self._serving[replica] -= 1
            self._moving.add(replica)
            self.served.ends(replica, request)

    async def _turn(self, who: str, key: str, replica: int, goes_on: bool) -> None:
        if self.chooses is None or self._real:
            return
        turn = Turn(who, key, replica, goes_on)
        rang = self._due_ns is not None and self._due_ns <= self.clock.now_ns
        self.chooses.stands_before(key, self._due_ns if rang else None)
        self._turns.append(turn)
        try:
            await turn.future
        finally:
            if turn in self._turns:
                self._turns.remove(turn)

    # -- what the loop asks ---------------------------------------------------------------------------

    def conduct(self, timeout: float | None) -> Events:
        """Nothing is ready: let one thing happen. ``timeout`` is how far the next timer is."""
        if self.failure is None:
            try:
                return self._conducted(timeout)
            except Exception as failure:
                self._give_up(failure)
        return self._let_time_pass(timeout)

    def _conducted(self, timeout: float | None) -> Events:
        if self.stop.is_set():
            raise InconclusiveError("the run was called off")
        if self.deadline.over:
            raise InconclusiveError(f"the storm did not end in time{self._who_spun()}")
        if self._real or self.chooses is None:
            return self._let_time_pass(timeout)
        self._due_ns = None if timeout is None else self.clock.now_ns + int(timeout * 1e9)
        events = self._settle()
        if events or self._late_timers():
            return events
        options = self._options()
        if self._polls_for_time(options) or self._better_waits(options, timeout):
            return self._nothing_else(timeout)
        if self._comes(options):
            return []
        self._take(options, timeout)
        return []

    def _who_spun(self) -> str:
        """What may have taken the time: each step waits anew until they have had theirs."""
        names = ", ".join(sorted(self.spun))
        busy = f": {names} kept a processor busy all the while; use --world processes"
        return busy if names else ""

    def _give_up(self, failure: Exception) -> None:
        """An error in here would end the loop, and with it what takes everything down again."""
        self.failure = failure
        self.chooses = None
        for member in self.members:
            member.conducted = False  # a process with a call that nobody answers does not even die
        if self.task is not None:
            self.task.cancel()

    def _let_time_pass(self, timeout: float | None, at_most: float = LEASH_S) -> Events:
        """Real time: answer who is free, as it comes."""
        wait = at_most if timeout is None else min(timeout, at_most)
        self._pump(wait)
        self.serve_free()
        now_ns = time.monotonic_ns()
        self.clock.now_ns += now_ns - self._last_ns
        self._last_ns = now_ns
        return self._selector.come()

    def serve_free(self) -> None:
        """Answer what has come from those of whom nothing is held."""
        while any(held.member.free for held in self._held):
            for held in [one for one in self._held if one.member.free]:
                self._held.remove(held)
                self._execute(held)
            self._pump(0)

    # -- rest -----------------------------------------------------------------------------------------

    def _arrived(self, held: Held) -> None:
        if self._goes_on(held):
            self._made(held)
        else:
            self._held.append(held)

    def _goes_on(self, held: Held) -> bool:
        """Whether it would be chosen anyway: its replica ran last, serves one request, and asks for nothing
        else; and whoever decides does not want to be asked. Then nobody has to be proved at rest."""
        index = held.member.index
        return (
            self.chooses is not None
            and not self._real
            and self._runs == index
            and self._serving.get(index) == 1
            and not held.own
            and not held.member.paused
            and not self._asks_again(held)
            and not any(
                one.member is held.member and not one.own for one in (*self._held, *self._parked)
            )
            and not self.chooses.minds(held.name)
        )

    def _made(self, held: Held) -> None:
        """It is the next step."""
        assert self.chooses is not None
        self._count_step()
        self.chooses.choose([Option(held.member.name, held.name, held.call.footprint)], timer=False)
        self._held.append(held)  # where a fault that strikes right now finds it
        self._step(held)

    def _count_step(self) -> None:
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise InconclusiveError(f"the storm took more than {STEPS_MAX} steps")
        self.clock.now_ns += STEP_NS

    def _serves(self, replica: int) -> bool:
        return replica in self._engaged

    def _conducts(self) -> bool:
        return self.chooses is not None and not self._real

    # -- choosing -------------------------------------------------------------------------------------

    def _options(self) -> list[Option]:
        """What can happen, in the order in which it happens where nobody minds.

        What a replica does for nobody, such as a sweep, comes last: it comes again every few milliseconds of
        real time, of which a conducted storm takes much. It comes first where a request of that replica
        sleeps: that may wait for what the sweep has got hold of, such as a lock in memory. What follows an
        answer, such as the close of a file, is no such thing, whichever of the two is seen first. Who polls
        gives way to whatever it may be waiting for.
        """
        asking = {one.member.index for one in (*self._held, *self._parked) if not one.own}
        self._engaged = {one for one in self._engaged if self._serving.get(one) or one in asking}
        calls = [
            Option(
                one.who, one.name, one.call.footprint, held=one,
                aside=one.own or one.member.index not in self._engaged or self._asks_again(one),
                polls=not one.own and self.polling.polls(one.member.index),
            )
            for one in self._held
            if not one.member.paused
        ]  # fmt: skip
        calls.sort(key=lambda option: (option.who, option.name))
        in_the_way = self._in_the_way()
        turns = sorted(self._turns, key=lambda turn: (not turn.goes_on, turn.who, turn.key))
        return [
            *(one for one in calls if one.held in in_the_way),
            *(one for one in calls if not one.aside),
            *(Option(turn.who, turn.key, None, turn=turn) for turn in turns),
            *(one for one in calls if one.aside and one.held not in in_the_way),
        ]

    def _in_the_way(self) -> list[Held | None]:
        """Calls of sweeps for which a request of their replica may be waiting."""
        sleepers = self._sleepers()
        return [one for one in self._held if one.own and one.member in sleepers]

    def _asks_again(self, held: Held) -> bool:
        """Whether a timer of its server's has made it, so that it is here at a moment of real time."""
        index = held.member.index
        return self.polling.polls(index) or self.polling.asks_again(index, held.told)

    def _comes(self, options: Sequence[Option]) -> bool:
        """Whether the next choice is a call that a timer has yet to make. It has been given time, once."""
        assert self.chooses is not None
        name = self.chooses.misses(options)
        if name is None or (self.steps, name) == self._awaited:
            return False
        self._awaited = (self.steps, name)
        who = next((one for one in self.members if name.startswith(f"{one.name} ")), None)
        if who is None or not self._serving.get(who.index):
            return False
        end = time.monotonic() + TIMER_S
        while (left := end - time.monotonic()) > 0:
            if self._pump(left) and any(self._is_called(one, name) for one in self._held):
                break
        return True

    def _is_called(self, held: Held, name: str) -> bool:
        assert self.chooses is not None
        return f"{held.name}#{self.chooses.number(held.name)}" == name

    def _polls_for_time(self, options: Sequence[Option]) -> bool:
        """Whether nothing can happen but that somebody asks once more, and a call waits for its time: that
        is what has to pass."""
        return all(one.polls for one in options) and (not options or bool(self._ends()))

    def _ends(self) -> list[int]:
        """When calls that have to wait for a time go on."""
        return [one.until_ns for one in self._parked if one.until_ns is not None]

    def _better_waits(self, options: Sequence[Option], timeout: float | None) -> bool:
        """Whether time is to go on first: nobody waits for a sweep, and whether one has come yet is chance.

        A request may wait for what a sweep has got hold of, such as a lock. One that sleeps is given time for
        a timer of its server's, once; before a client's patience runs out, all sweeps go on.
        """
        if not all(option.held is not None and option.held.own for option in options):
            self._waited = False
            return False
        if self._sleepers():
            first, self._waited = not self._waited, True
            return first
        return timeout is not None and not self._parked

    def _take(self, options: Sequence[Option], timeout: float | None) -> None:
        assert self.chooses is not None
        self._count_step()
        self._runs = None
        if self._due_ns is not None:
            self.chooses.sleeps(self._due_ns)
        chosen = self.chooses.choose(options, timer=timeout is not None)
        if chosen is CLOCK:
            assert timeout is not None
            self.clock.now_ns += int(timeout * 1e9) + 1
        elif chosen.turn is not None:
            turn = chosen.turn
            self._turns.remove(turn)
            self.polling.changed()
            if turn.replica is not None:
                self._moving.add(turn.replica)
            if not turn.future.done():
                turn.future.set_result(None)
        else:
            held = chosen.held
            assert held is not None, "a turn, or a held call"
            self._runs = None if held.own else held.member.index
            self._step(held)

    def _step(self, held: Held) -> None:
        """It is the call's turn, unless a fault strikes its replica right before."""
        held.member.local += 1
        held.chosen = True
        if self.before(held):
            self._held.remove(held)
            self._execute(held)

    def _nothing_else(self, timeout: float | None) -> Events:
        """Only timers can go on: a server's, in real time, or the next one of the clients, or of a call.

        Who polls sleeps on a timer, too. While a call waits for its time that is not what it needs.
        """
        ends = self._ends()
        sleepers = self._sleepers()
        if sleepers and not (ends and all(self.polling.polls(one.index) for one in sleepers)):
            return self._servers_timers(timeout)
        if timeout is not None:
            ends.append(self.clock.now_ns + int(timeout * 1e9) + 1)
        if not ends:
            raise InconclusiveError("nobody can go on any more, and the storm is not over")
        self.clock.now_ns = max(self.clock.now_ns, min(ends))
        self._end_waits()
        return []

    def _servers_timers(self, timeout: float | None) -> Events:
        """Real time, until one of them has gone off."""
        self._last_ns = time.monotonic_ns()
        now = time.monotonic()
        end = now + (TIMER_S if timeout is None else min(TIMER_S, timeout))
        while (left := end - now) > 0:
            events = self._let_time_pass(left)
            before, now = now, time.monotonic()
            self.slept += now - before
            if events or any(not one.own for one in self._held):
                self._moving |= set(self._serving)
                self._end_waits()  # time has passed for them, too
                return events
        self._end_waits()  # whoever sleeps may be waiting for them
        return []

    def _end_waits(self) -> None:
        """Calls that had to wait for a time try again once it has come."""
        now_ns = self.clock.now_ns
        over = [one for one in self._parked if one.until_ns is not None and one.until_ns <= now_ns]
        self._parked = [one for one in self._parked if one not in over]
        self._held[:0] = over
