"""The kernel of runs with whole servers: what an interpreter keeps for a thread follows the task.

Greenlets share their thread's running event loop, its hooks for asynchronous generators, and
``sys.modules``. At every switch these become the task's own, so that ``asyncio`` and imports see in each
task what they would see in a thread of a process of its own.
"""

from __future__ import annotations

import concurrent.futures.thread as pools
import gc
import sys
from asyncio import events
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

from patchstorm.choice.strategy import Strategy
from patchstorm.storage.server import Server
from patchstorm.worlds.sim.hosted import here, once
from patchstorm.worlds.sim.hosted.here import REQUEST
from patchstorm.worlds.sim.hosted.lines import line_of
from patchstorm.worlds.sim.hosted.modules import Modules
from patchstorm.worlds.sim.hosted.streams import Streams
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.task import Died, Domain, Task
from patchstorm.worlds.sim.workers import Workers

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.beside import Beside
    from patchstorm.worlds.sim.hosted.loop import SimLoop
    from patchstorm.worlds.sim.hosted.process import HostedProcess


_UNKNOWN: Final = object()


class HostedKernel(Kernel):
    """``process`` is whose code runs now; ``loops`` are the event loops that run, by their task's number."""

    __slots__ = ("_hooked", "_modules", "_streams", "beside", "loops", "process", "scratches")

    def __init__(
        self, strategy: Strategy, workers: Workers, *, steps_max: int, patience_ns: int
    ) -> None:
        super().__init__(strategy, workers, steps_max=steps_max, patience_ns=patience_ns)
        self.process: HostedProcess | None = None
        self.loops: dict[int, SimLoop] = {}
        self.beside: Beside | None = None
        """The services that the replicas share."""
        self.scratches: dict[tuple[int, int], Server] = {}
        """The directories of hosts' own, by replica and how often it had lost power."""
        self._hooked: object = _UNKNOWN
        """The loop whose hooks for asynchronous generators are set: audit hooks are told of each change."""
        self._modules = Modules()
        self._streams: Streams | None = None
        gc.freeze()  # what is there already is no run's, and is not looked at in the end

    @property
    def stuck(self) -> list[Task]:
        """Only who waits for a lock of the storage: idle loops and pool threads wait for ever, rightly."""
        return [
            task
            for key, waiting in self.waiting.items()
            for task in waiting
            if isinstance(key, tuple)
            and task.sleeping is None
            and not (task.ready or task.doomed or task.frozen)
        ]

    def acting(self) -> tuple[str, str]:
        process = self.process
        if process is None:
            return "", ""
        return process.on_behalf or (REQUEST.get(), line_of(process))

    def run(self) -> None:
        self._begin()
        with self._between_tasks():
            super().run()

    def _begin(self) -> None:
        if self._streams is None:
            self._streams = Streams()
            self._modules.begin()
            here.begins(self)

    def close(self) -> None:
        try:
            with self._between_tasks():
                super().close()
        finally:
            _forget_threads()
            once.forget()
            self._modules.restore()
            if self._streams is not None:
                self._streams.restore()
                here.ends()

    def let_go(self) -> None:
        """Collect what the servers of the run left, as the dead that they are.

        Cycles are left of every program (its modules are such), and finalizers in them. Called at some
        later moment, when no process is there, they would act on the machine, where the storm's paths may
        mean something.
        """
        for held in (self._ready, self.waiting, self.loops, self.scratches):
            held.clear()
        self.beside = None
        said, sys.unraisablehook = sys.unraisablehook, _unheard
        self.process = _Gone()  # type: ignore[assignment]
        here.begins(self)
        try:
            gc.collect()
        finally:
            self.process = None
            here.ends()
            gc.unfreeze()
            sys.unraisablehook = said

    def kill(self, domain: Domain) -> None:
        super().kill(domain)
        if self.beside is not None and domain.process is not None:
            self.beside.left(domain.process)

    @contextmanager
    def as_process(self, process: HostedProcess) -> Iterator[None]:
        """What is called within it is done by ``process``, whoever runs. It may not give way."""
        self._begin()
        before, shown = self.process, self._modules.shown
        self.process = process
        self._modules.belong_to(process)
        try:
            yield
        finally:
            self.process = before
            if shown is not None:
                self._modules.belong_to(shown)

    def _enter(self, task: Task) -> None:
        super()._enter(task)
        domain = task.domain
        process = None if domain is None else domain.process
        self.process = process
        if process is not None:
            self._modules.belong_to(process)
        loop = self.loops.get(task.number)
        if loop is None and task.ended is not None:
            events._set_running_loop(
                None
            )  # a delivery: the harness's code, which runs no generators
        else:
            self.runs_loop(loop)

    def _leave(self, task: Task) -> None:
        super()._leave(task)
        self.process = None

    def runs_loop(self, loop: SimLoop | None) -> None:
        """The thread's running loop is ``loop``, with its hooks."""
        events._set_running_loop(loop)
        if self._hooked is not loop:
            self._hooked = loop
            sys.set_asyncgen_hooks(*((None, None) if loop is None else loop.hooks))

    @contextmanager
    def hooked_by(self, loop: SimLoop) -> Iterator[None]:
        """Within it ``loop`` begins to run and ends: asyncio itself sets its hooks, and those before."""
        before, self._hooked = self._hooked, loop
        try:
            yield
        finally:
            self._hooked = before

    @contextmanager
    def _between_tasks(self) -> Iterator[None]:
        """The harness itself may be run by an event loop: afterwards that one goes on."""
        outer, hooks = events._get_running_loop(), sys.get_asyncgen_hooks()
        self._hooked = _UNKNOWN
        try:
            yield
        finally:
            self.process = None
            events._set_running_loop(outer)
            sys.set_asyncgen_hooks(*hooks)


class _Gone:
    """A process of a run that is over: whatever is asked of it, it has died."""

    def __getattr__(self, name: str) -> NoReturn:
        raise Died("a process of a run that is over")


def _unheard(_: sys.UnraisableHookArgs) -> None:
    """The dead say nothing."""


def _forget_threads() -> None:
    """The pools' own list of threads keeps each with all of its process, unless it ends by itself."""
    known: Any = pools._threads_queues
    for thread in list(known):
        if hasattr(thread, "_simulated"):
            del known[thread]
