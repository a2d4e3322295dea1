"""The deterministic scheduler: greenlets, virtual time, and one counter that everything hangs on.

Exactly one task runs at a time. Before each of its steps a task adds one to ``steps`` and compares
it with ``due``; only when that is reached does anybody think about who runs next. The task then
hands over to the chosen one directly, without a detour through the hub.

Time. A step takes ``STEP_NS``. When nobody can run, time jumps to the earliest timer. So that sleepers
also race with what runs, the earliest timer can be *picked* while others are ready: time then jumps
although they had more to do. That is legal (they were merely slow), but only ``patience_ns`` of it is
spent in a run, so that bounds which a correct server is held to still mean something.

Choices. Whoever decides is a :class:`~patchstorm.choice.strategy.Strategy`; whatever it answers that is
not dull is written down here, under its name, in ``taken``.

Death. A domain dies at one instant; each of its tasks is told by :class:`Died` the next time it runs.
Between the two it can only touch its own memory, which died as well.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet

from patchstorm.choice.replay import STANDS, STRIKE
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import NEVER, STANDS_MS, Footprint, Strategy
from patchstorm.errors import InconclusiveError
from patchstorm.worlds.sim.agenda import HUB, Agenda
from patchstorm.worlds.sim.interrupting import held_back
from patchstorm.worlds.sim.task import Died, Domain, Task
from patchstorm.worlds.sim.timers import Timers
from patchstorm.worlds.sim.workers import Workers

DEATHS_MAX = 1_000
"""How often a dead task may swallow :class:`Died` before it is taken for a runaway."""


class Runaway(InconclusiveError):
    """A task did not end although its host is dead, or a run took more steps than allowed."""


class Kernel(Agenda):
    """One run. ``steps_max`` bounds it; ``interrupt`` is called at steps that ``interrupt_due`` names."""

    __slots__ = (
        "_alive",
        "_closing",
        "_delta",
        "_named",
        "_numbers",
        "_on_strike",
        "_runs",
        "_workers",
        "failure",
        "hub",
        "interrupt",
        "interrupt_due",
        "offered",
        "steps_max",
        "switches",
    )

    def __init__(
        self, strategy: Strategy, workers: Workers, *, steps_max: int, patience_ns: int
    ) -> None:
        super().__init__(strategy, patience_ns=patience_ns)
        self.switches: list[tuple[int, int]] = []
        self.offered = 0
        self.failure: BaseException | None = None
        self.hub: greenlet = getcurrent()
        self.interrupt: Callable[[], None] | None = None
        self.interrupt_due = NEVER
        self.steps_max = steps_max
        self._workers = workers
        self._numbers = count()
        self._alive: dict[int, Task] = {}
        self._closing = False
        self._delta = 0  # steps + delta is the current task's local step
        self._named: tuple[str, int, dict[str, int]] = ("", -1, {})
        self._runs = 0
        self._on_strike: Callable[[int, int], None] | None = None
        workers.kernel = self

    def arm(self, on_strike: Callable[[int, int], None]) -> None:
        """From now on the strategy may strike replicas: ``on_strike(strike, replica)``."""
        self._on_strike = on_strike
        self._strategy.armed(self.steps)
        self.due = 0

    def disarm(self) -> None:
        self._on_strike = None

    # -- what tasks call ------------------------------------------------------------------------

    @property
    def local(self) -> int:
        """How many steps the current task has made."""
        return self.steps + self._delta

    def step(self, footprint: Footprint | None = None) -> None:
        """Announce a step; it is taken when this returns. Raises :class:`Died` on a dead host."""
        self.steps += 1
        if self.steps >= self.due:
            self.ask(footprint)

    def ask(self, footprint: Footprint | None) -> None:
        """The slow half of :meth:`step`: ``steps`` has been counted and ``due`` is reached."""
        task = self.current
        if task is None:
            return  # a process that is just starting: nobody can come between
        task.pending = footprint
        strategy = self._strategy
        domain = task.domain
        if task.doomed or self.steps > self.steps_max or (domain is not None and domain.paused):
            self._check(task)
        if self.steps >= self.interrupt_due and self.interrupt is not None:
            self.interrupt()
            self._check(task)
        local = self.steps + self._delta
        if strategy.due(self.steps - 1, task, local - 1) <= self.steps:
            if self._on_strike is not None and task.replica is not None:
                strike = strategy.strike(self.steps, task, local)
                if strike:
                    self.taken.append(Choice(task.path, local, STRIKE, strike))
                    self._on_strike(strike, task.replica)
                    self._check(task)
            if task.replica is not None:
                stands = strategy.stands(self.steps, task, local)
                if stands:
                    self.taken.append(Choice(task.path, local, STANDS, stands))
                    self._stand(task, STANDS_MS[stands - 1] * 1_000_000)
                    task.pending = None
                    return
            chosen = self._preempted(task, local)
            if chosen is not None:
                self._give_way(task, chosen)
                task.pending = None
                return  # whoever switched back has entered the task, and so asked for its next date
        task.pending = None
        self._set_due(task)

    def sleep(self, delay_ns: int) -> None:
        """The current task sleeps."""
        task = self.current
        assert task is not None
        if delay_ns <= 0:
            self.step()
            return
        self.steps += 1
        self._check(task)
        task.sleeping = self._timer(delay_ns, task, None)
        self._block(task)

    def wait(self, key: object, until_ns: int | None = None) -> None:
        """The current task waits until ``key`` is woken, or until a time."""
        task = self.current
        assert task is not None
        self.steps += 1
        self._check(task)
        self.waiting.setdefault(key, []).append(task)
        if until_ns is not None:
            task.sleeping = self._timer(until_ns - self.now_ns, task, None)
        try:
            self._block(task)
        finally:
            waiting = self.waiting.get(key)
            if waiting is not None and task in waiting:
                waiting.remove(task)
                if not waiting:
                    del self.waiting[key]

    def value(self, kind: str, n: int, name: str | None = None) -> int:
        """A choice that is not about order; 0 is the dull one.

        It is named after the current task and its step, or after ``name``; outside of any task,
        after the number of the timer that brought it about.
        """
        if n < 2:
            return 0
        task = self.current
        if name is not None:
            path, local = name, 0
        elif task is None:
            path, local = HUB, self._strikes
        else:
            path, local = task.path, self.steps + self._delta
        known = self._named
        if known[0] != path or known[1] != local:
            known = self._named = (path, local, {})
        times = known[2].get(kind, 0)
        known[2][kind] = times + 1
        if times:
            kind = f"{kind}#{times}"
        self.offered += 1
        value = self._strategy.value(self.steps, path, local, kind, n)
        if value:
            self.taken.append(Choice(path, local, kind, value))
        return value

    def spawn(
        self,
        path: str,
        call: Callable[[], None],
        domain: Domain | None = None,
        ended: Callable[[bool], None] | None = None,
    ) -> Task:
        """A new task, ready to run."""
        task = Task(path, next(self._numbers), call, domain, ended)
        self._alive[task.number] = task
        if domain is not None:
            domain.tasks[task.number] = task
        self._make_ready(task)
        return task

    # -- running ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Run tasks until :meth:`stop`, or until nobody can ever run again. Called by the hub."""
        self._stopping = False
        self._runs += 1
        self._after, self._after_local = HUB, self._runs
        task = self._next()
        if task is not None:
            self._enter(task)
            with held_back(self.fail):
                self._switch_to(task)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def stop(self) -> None:
        """Return to the hub at the next opportunity."""
        self._stopping = True

    def acting(self) -> tuple[str, str]:
        """For which delivery the current task works, if not its own, and from which line of a server."""
        return "", ""

    @property
    def closing(self) -> bool:
        """Whether the run is over and all that is left of it unwinds."""
        return self._closing

    def close(self) -> None:
        """Unwind every task, so that no ``finally`` runs later in somebody else's schedule."""
        self._closing = True
        for task in list(self._alive.values()):
            task.doomed = True
            task.ended = None
            if task.worker is not None and not task.done:
                self._enter(task)
                task.worker.switch()
        self._alive.clear()
        self.current = self.interrupt = self._on_strike = None
        self._timers = Timers()

    def let_go(self) -> None:
        """Nobody refers to the run any more."""

    def perform(self) -> None:
        """Run the current task to its end. Called by workers."""
        task = self.current
        assert task is not None
        died = task.doomed
        try:
            if not died:
                task.call()
        except Died:
            died = True
        except BaseException as failure:
            self.fail(failure)
        task.done = True
        task.worker = None
        self._alive.pop(task.number, None)
        if task.domain is not None:
            task.domain.tasks.pop(task.number, None)
        self._leave(task)
        if task.ended is not None and self.failure is None:
            try:
                task.ended(died)
            except BaseException as failure:
                self.fail(failure)

    def pass_on(self, me: greenlet) -> greenlet | None:
        """After a task's end: who goes on. None: ``me`` runs the next task; else ``me`` is idle now."""
        task = None if self._closing else self._next()
        if task is None:
            self._workers.idle.append(me)
            self.current = None
            return self.hub
        self._enter(task)
        if task.worker is None:
            task.worker = me
            return None
        self._workers.idle.append(me)
        return task.worker

    def fail(self, failure: BaseException) -> None:
        """The run is over; ``run`` raises ``failure`` in the hub."""
        if self.failure is None:
            self.failure = failure
        self._stopping = True

    def _check(self, task: Task) -> None:
        """Whatever may keep the task from going on: death, a pause, the bound of the run."""
        if task.doomed:
            self.steps -= 1
            self._die(task)
        if self.steps > self.steps_max:
            self.fail(Runaway(f"the run took more than {self.steps_max} steps"))
            self.steps_max = NEVER
            self.steps -= 1
            self._block(task)
        domain = task.domain
        while domain is not None and domain.paused and not self._closing:
            self._freeze(task)
            self._block(task)

    def _die(self, task: Task) -> None:
        task.raised += 1
        if task.raised > DEATHS_MAX:
            self.fail(
                Runaway(
                    f"{task.path} goes on although its host is dead; does it catch BaseException?"
                )
            )
            task.done = True
            self.hub.switch()
        raise Died(task.path)

    def _give_way(self, task: Task, chosen: Task) -> None:
        """``task`` stands before its step; it goes on when ``chosen`` stops, unless others interfere."""
        task.ready = True
        self._ready.appendleft(task)
        self._leave(task)
        self._enter(chosen)
        self._switch_to(chosen)
        # Here the task runs again; whoever switched to it has entered it.
        if task.doomed:
            self._die(task)

    def _stand(self, task: Task, for_ns: int) -> None:
        """``task`` stands before its step for a time that the run can still spare."""
        spent_ns = max(0, min(for_ns, self._patience_ns))
        self._patience_ns -= spent_ns
        self.let_off += 1  # who waits for it meanwhile waits for the schedule
        task.sleeping = self._timer(spent_ns, task, None)
        self._block(task)

    def _block(self, task: Task) -> None:
        """Leave the processor until somebody makes the task ready."""
        self._leave(task)
        chosen = None if self._closing else self._next()
        if chosen is None:
            self.current = None
            self.hub.switch()
        elif chosen is task:
            self._enter(task)
        else:
            self._enter(chosen)
            self._switch_to(chosen)
        if task.doomed:
            self._die(task)

    def _leave(self, task: Task) -> None:
        task.local = self.steps + self._delta
        self._after, self._after_local = task.path, task.local
        self.current = None

    def _enter(self, task: Task) -> None:
        task.ready = False
        self.current = task
        self._delta = task.local - self.steps
        self.switches.append((task.number, self.steps))
        self._set_due(task)

    def _set_due(self, task: Task) -> None:
        if task.doomed:
            self.due = 0
            return
        due = self._strategy.due(self.steps, task, self.steps + self._delta)
        due = min(due, self.interrupt_due)
        self.due = due if due <= self.steps_max else self.steps_max + 1

    def _switch_to(self, task: Task) -> None:
        worker = task.worker
        if worker is None:
            worker = task.worker = self._workers.take()
        worker.switch()


def footprint(call: str, *, reads: Any = (), writes: Any = ()) -> Footprint:
    """A footprint from strings or tuples of strings."""
    return Footprint(call, _strings(reads), _strings(writes))


def _strings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
