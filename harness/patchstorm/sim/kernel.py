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

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from greenlet import getcurrent, greenlet

from patchstorm.choice.replay import NEXT, STRIKE, SWITCH, TIMER
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import NEVER, Footprint, Strategy
from patchstorm.errors import InconclusiveError
from patchstorm.sim.task import Died, Domain, Task
from patchstorm.sim.timers import Timer, Timers
from patchstorm.sim.workers import Workers

STEP_NS = 10_000
DEATHS_MAX = 1_000
"""How often a dead task may swallow :class:`Died` before it is taken for a runaway."""

HUB = "hub"


class Runaway(InconclusiveError):
    """A task did not end although its host is dead, or a run took more steps than allowed."""


class Kernel:
    """One run. ``steps_max`` bounds it; ``interrupt`` is called at steps that ``interrupt_due`` names."""

    __slots__ = (
        "_after",
        "_after_local",
        "_alive",
        "_base_ns",
        "_closing",
        "_delta",
        "_named",
        "_numbers",
        "_on_strike",
        "_patience_ns",
        "_ready",
        "_runs",
        "_stopping",
        "_strategy",
        "_strikes",
        "_timers",
        "_workers",
        "current",
        "due",
        "failure",
        "hub",
        "interrupt",
        "interrupt_due",
        "offered",
        "steps",
        "steps_max",
        "switches",
        "taken",
        "waiting",
    )

    def __init__(
        self, strategy: Strategy, workers: Workers, *, steps_max: int, patience_ns: int
    ) -> None:
        self.steps = 0
        self.due = 0
        self.current: Task | None = None
        self.taken: list[Choice] = []
        self.switches: list[tuple[int, int]] = []
        self.offered = 0
        self.failure: BaseException | None = None
        self.hub: greenlet = getcurrent()
        self.interrupt: Callable[[], None] | None = None
        self.interrupt_due = NEVER
        self.steps_max = steps_max
        self._strategy = strategy
        self._workers = workers
        self._base_ns = 0
        self._patience_ns = patience_ns
        self._ready: deque[Task] = deque()
        self._timers = Timers()
        self._numbers = count()
        self._alive: dict[int, Task] = {}
        self.waiting: dict[object, list[Task]] = {}
        """Who waits for what; empty most of the time, which callers look at before they wake."""
        self._stopping = False
        self._closing = False
        self._delta = 0  # steps + delta is the current task's local step
        self._named: tuple[str, int, dict[str, int]] = ("", -1, {})
        self._after = HUB
        self._after_local = 0
        self._runs = 0
        self._strikes = 0
        self._on_strike: Callable[[int, int], None] | None = None
        workers.kernel = self

    # -- time -----------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Virtual nanoseconds since the run began. It grows with every step."""
        return self._base_ns + self.steps * STEP_NS

    def after(self, delay_ns: int, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` so much later, in no task's name. It must not block."""
        return self._timer(delay_ns, None, callback)

    def arm(self, on_strike: Callable[[int, int], None]) -> None:
        """From now on the strategy may strike replicas: ``on_strike(strike, replica)``."""
        self._on_strike = on_strike
        self._strategy.armed(self.steps)
        self.due = 0

    def disarm(self) -> None:
        self._on_strike = None

    def cancel(self, timer: Timer) -> None:
        timer.cancelled = True

    def _timer(
        self, delay_ns: int, task: Task | None, callback: Callable[[], None] | None
    ) -> Timer:
        now_ns = self._base_ns + self.steps * STEP_NS
        return self._timers.add(now_ns + max(0, delay_ns), task, callback)

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
            if self._on_strike is not None and domain is not None:
                strike = strategy.strike(self.steps, task, local)
                if strike:
                    self.taken.append(Choice(task.path, local, STRIKE, strike))
                    self._on_strike(strike, domain.index)
                    self._check(task)
            chosen = self._preempted(task, local)
            if chosen is not None:
                self._give_way(task, chosen)
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

    def wake(self, key: object) -> None:
        """Everybody who waits for ``key`` becomes ready, in the order in which they came."""
        for task in self.waiting.pop(key, ()):
            self._make_ready(task)

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

    # -- tasks and domains ------------------------------------------------------------------------

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

    def kill(self, domain: Domain) -> None:
        """Every task of the domain is doomed, wherever it stands."""
        domain.alive = False
        domain.paused = False
        domain.frozen = []
        for task in list(domain.tasks.values()):
            task.doomed = True
            task.frozen = False
            if task is self.current:
                self.due = 0
            else:
                self._make_ready(task)

    def pause(self, domain: Domain) -> None:
        """The domain's tasks stand still; timers that would wake them are kept for later."""
        domain.paused = True
        for task in [one for one in self._ready if one.domain is domain]:
            self._ready.remove(task)
            task.ready = False
            self._freeze(task)
        if self.current is not None and self.current.domain is domain:
            self.due = 0

    def unpause(self, domain: Domain) -> None:
        """The domain goes on as if nothing had been."""
        domain.paused = False
        frozen, domain.frozen = domain.frozen, []
        for task in frozen:
            task.frozen = False
            self._make_ready(task)

    def _freeze(self, task: Task) -> None:
        if not task.frozen:
            task.frozen = True
            assert task.domain is not None
            task.domain.frozen.append(task)

    def _make_ready(self, task: Task) -> None:
        if task.ready or task.done or task is self.current:
            return
        if task.sleeping is not None:
            assert isinstance(task.sleeping, Timer)
            task.sleeping.cancelled = True
            task.sleeping = None
        if task.domain is not None and task.domain.paused and not task.doomed:
            self._freeze(task)
            return
        task.ready = True
        self._ready.append(task)
        if self._strategy.woke(self.steps, task):
            self.due = 0

    # -- running ----------------------------------------------------------------------------------

    def run(self) -> None:
        """Run tasks until :meth:`stop`, or until nobody can ever run again. Called by the hub."""
        self._stopping = False
        self._runs += 1
        self._after, self._after_local = HUB, self._runs
        task = self._next()
        if task is not None:
            self._enter(task)
            self._switch_to(task)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def stop(self) -> None:
        """Return to the hub at the next opportunity."""
        self._stopping = True

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

    @property
    def stuck(self) -> list[Task]:
        """The tasks that wait without a bound for something nobody has given."""
        return [
            task
            for waiting in self.waiting.values()
            for task in waiting
            if task.sleeping is None and not (task.ready or task.doomed or task.frozen)
        ]

    def perform(self) -> None:
        """Run the current task to its end. Called by workers."""
        task = self.current
        assert task is not None
        died = False
        try:
            if not task.doomed:
                task.call()
            else:
                died = True
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

    def pass_on(self, me: greenlet) -> bool:
        """After a task's end: True if ``me`` runs the next one, else ``me`` has been used again."""
        task = None if self._closing else self._next()
        if task is None:
            self._workers.idle.append(me)
            self.current = None
            self.hub.switch()
            return True
        self._enter(task)
        if task.worker is None:
            task.worker = me
            return True
        self._workers.idle.append(me)
        task.worker.switch()
        return True

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

    def _preempted(self, task: Task, local: int) -> Task | None:
        """Ask the strategy who runs instead; None to go on."""
        ready = self._ready
        timer = self._timer_allowed()
        if not ready and not timer:
            # Still ask: the strategy has to move its next date.
            self._strategy.preempt(self.steps, task, local, ready, False)
            return None
        index = self._strategy.preempt(self.steps, task, local, ready, timer)
        if index < 0:
            return None
        if index < len(ready):
            chosen = ready[index]
            del ready[index]
            self.taken.append(Choice(task.path, local, SWITCH, index + 1, chosen.path))
            return chosen
        self.taken.append(Choice(task.path, local, SWITCH, index + 1, TIMER))
        return self._let_off()

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

    # -- who is next ------------------------------------------------------------------------------

    def _next(self) -> Task | None:
        """The next task, out of the ready list; None if the hub has to decide."""
        ready = self._ready
        self._release()
        while True:
            if self._stopping:
                return None
            if ready:
                break
            if not self._advance():
                return None
        timer = self._timer_allowed()
        if len(ready) == 1 and not timer:
            return ready.popleft()
        index = self._strategy.pick(self.steps, self._after, self._after_local, ready, timer)
        if index == 0:
            return ready.popleft()
        if index < len(ready):
            chosen = ready[index]
            del ready[index]
            self.taken.append(Choice(self._after, self._after_local, NEXT, index, chosen.path))
            return chosen
        self.taken.append(Choice(self._after, self._after_local, NEXT, index, TIMER))
        return self._let_off() or self._first()

    def _first(self) -> Task | None:
        """The dull choice: the first that is ready, at the earliest time when anybody is."""
        while not self._stopping:
            if self._ready:
                return self._ready.popleft()
            if not self._advance():
                return None
        return None

    def _timer_allowed(self) -> bool:
        if self._patience_ns <= 0:
            return False
        timers = self._timers
        if timers.first_ns - self._base_ns - self.steps * STEP_NS > self._patience_ns:
            return False
        timer = timers.earliest()
        if timer is None:
            return False
        task = timer.task
        if task is not None and task.domain is not None and task.domain.paused:
            return False
        return timer.due_ns - self._base_ns - self.steps * STEP_NS <= self._patience_ns

    def _release(self) -> None:
        """What is due by now becomes ready."""
        timers = self._timers
        now_ns = self._base_ns + self.steps * STEP_NS
        while timers.first_ns <= now_ns:
            timer = timers.pop()
            if not timer.cancelled:
                self._strike(timer)

    def _advance(self) -> bool:
        """Nobody can run: jump to the earliest timer. False if there is none."""
        timer = self._timers.earliest()
        if timer is None:
            return False
        self._timers.pop()
        self._base_ns += max(0, timer.due_ns - self.now_ns)
        self._strike(timer)
        return True

    def _let_off(self) -> Task | None:
        """The earliest timer was picked although others could run; the task that it wakes, if any."""
        timer = self._timers.earliest()
        assert timer is not None
        self._timers.pop()
        jump = max(0, timer.due_ns - self.now_ns)
        self._patience_ns -= jump
        self._base_ns += jump
        self._strike(timer)
        if timer.task is None or not timer.task.ready:
            return None
        self._ready.remove(timer.task)
        return timer.task

    def _strike(self, timer: Timer) -> None:
        timer.cancelled = True
        self._strikes += 1
        task = timer.task
        if task is not None:
            if task.sleeping is timer:
                task.sleeping = None
            self._make_ready(task)
            return
        assert timer.callback is not None
        timer.callback()


def footprint(call: str, *, reads: Any = (), writes: Any = ()) -> Footprint:
    """A footprint from strings or tuples of strings."""
    return Footprint(call, _strings(reads), _strings(writes))


def _strings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
