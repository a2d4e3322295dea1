"""What can happen next in a run: virtual time, timers, and the tasks that are ready, wait or stand still.

Nothing runs here. The kernel adds the steps and the hand-over between tasks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from patchstorm.choice.replay import SWITCH, TIMER, Nexts
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Strategy
from patchstorm.worlds.sim.task import Domain, Task
from patchstorm.worlds.sim.timers import Timer, Timers

STEP_NS = 10_000
HUB = "hub"


class Agenda:
    """Who is ready, who waits for what, and which timer is next; ``taken`` are the choices made of it.

    ``steps`` counts those of the whole run, and at ``due`` somebody thinks about who runs next.
    """

    __slots__ = (
        "_after",
        "_after_local",
        "_base_ns",
        "_nexts",
        "_patience_ns",
        "_ready",
        "_stopping",
        "_strategy",
        "_strikes",
        "_timers",
        "current",
        "due",
        "let_off",
        "steps",
        "taken",
        "waiting",
    )

    def __init__(self, strategy: Strategy, *, patience_ns: int) -> None:
        self.steps = 0
        self.due = 0
        self.current: Task | None = None
        self.taken: list[Choice] = []
        self.let_off = 0
        """How often time was let pass although somebody could have run."""
        self.waiting: dict[object, list[Task]] = {}
        """Who waits for what; empty most of the time, which callers look at before they wake."""
        self._strategy = strategy
        self._base_ns = 0
        self._patience_ns = patience_ns
        self._ready: deque[Task] = deque()
        self._timers = Timers()
        self._stopping = False
        self._after = HUB
        self._after_local = 0
        self._nexts = Nexts()
        self._strikes = 0

    # -- time -------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Virtual nanoseconds since the run began. It grows with every step."""
        return self._base_ns + self.steps * STEP_NS

    def after(self, delay_ns: int, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` so much later, in no task's name. It must not block."""
        return self._timer(delay_ns, None, callback)

    def cancel(self, timer: Timer) -> None:
        timer.cancelled = True

    def _timer(
        self, delay_ns: int, task: Task | None, callback: Callable[[], None] | None
    ) -> Timer:
        now_ns = self._base_ns + self.steps * STEP_NS
        return self._timers.add(now_ns + max(0, delay_ns), task, callback)

    # -- tasks and domains ------------------------------------------------------------------------

    def wake(self, key: object) -> None:
        """Everybody who waits for ``key`` becomes ready, in the order in which they came."""
        for task in self.waiting.pop(key, ()):
            self._make_ready(task)

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

    @property
    def stuck(self) -> list[Task]:
        """The tasks that wait without a bound for something nobody has given."""
        return [
            task
            for waiting in self.waiting.values()
            for task in waiting
            if task.sleeping is None and not (task.ready or task.doomed or task.frozen)
        ]

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

    # -- who is next ------------------------------------------------------------------------------

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
        self.let_off += 1
        return self._let_off()

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
        kind = self._nexts.kind(self._after, self._after_local)
        index = self._strategy.pick(self.steps, self._after, self._after_local, ready, timer)
        if index == 0:
            return ready.popleft()
        if index < len(ready):
            chosen = ready[index]
            del ready[index]
            self.taken.append(Choice(self._after, self._after_local, kind, index, chosen.path))
            return chosen
        self.taken.append(Choice(self._after, self._after_local, kind, index, TIMER))
        self.let_off += 1
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
