"""What the kernel runs: tasks, and the host that a task lives on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from patchstorm.choice.strategy import Footprint

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from greenlet import greenlet

    from patchstorm.worlds.sim.hosted.process import HostedProcess


class Died(BaseException):
    """The task's host is dead. Raised at every call of its port, so that nothing swallows it for long.

    A ``BaseException``, since code under test may catch ``Exception``.
    """


class Domain:
    """A failure domain: tasks that die, stand still and come back together.

    ``index`` is the replica; None for what stands beside the fleet.
    """

    __slots__ = ("alive", "frozen", "index", "paused", "process", "tasks")

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.alive = True
        self.paused = False
        self.tasks: dict[int, Task] = {}
        self.frozen: list[Task] = []
        self.process: HostedProcess | None = None
        """Whose tasks these are, where a whole server is simulated."""


class Task:
    """A piece of synchronous code with a stable name. ``local`` is valid while it does not run.

    ``pending`` is the step it is about to take, if somebody watches. ``ended`` is told, with True if
    the task died, when it has come to its end. ``locals`` and ``loop`` are what a thread of a simulated
    process keeps of its own: the state of ``threading.local``, and the event loop that was set.
    """

    __slots__ = (
        "call",
        "domain",
        "done",
        "doomed",
        "ended",
        "frozen",
        "local",
        "locals",
        "loop",
        "number",
        "path",
        "pending",
        "raised",
        "ready",
        "replica",
        "sleeping",
        "worker",
    )

    def __init__(
        self,
        path: str,
        number: int,
        call: Callable[[], None],
        domain: Domain | None,
        ended: Callable[[bool], None] | None,
    ) -> None:
        self.path = path
        self.number = number
        self.call = call
        self.domain = domain
        self.replica = None if domain is None else domain.index
        self.ended = ended
        self.worker: greenlet | None = None
        self.pending: Footprint | None = None
        self.local = 0
        self.locals: dict[int, Any] | None = None
        self.loop: AbstractEventLoop | None = None
        self.raised = 0
        self.sleeping: object | None = None
        self.doomed = False
        self.done = False
        self.ready = False
        self.frozen = False

    def __repr__(self) -> str:
        return f"<task {self.path} at {self.local}>"
