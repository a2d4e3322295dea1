"""Worker processes that end with their parent, and leave Ctrl-C to it.

They are fresh interpreters (spawned), so nothing of this process leaks into them. Ctrl-C reaches a whole
process group, and so may SIGTERM; a worker never sees them, not even while it starts, since a blocked
signal stays blocked across fork and exec (POSIX ``pthread_sigmask``). A parent that is killed takes the
workers with it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from typing import Any, Protocol, TypeVar

from patchstorm.errors import WorkerDiedError
from patchstorm.worlds.sim.collector import look_seldom

_ENDINGS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
"""A CI system sends SIGTERM to all processes of a job; the parent tells what it has, and ends the workers."""
_AHEAD = 2  # tasks for each process, so that none waits for the next

Task = TypeVar("Task")
Result = TypeVar("Result")


class Crew(ProcessPoolExecutor):
    """``size`` processes; each calls ``start(*given)`` once, before its first task."""

    def __init__(
        self, size: int, start: Callable[..., None] | None = None, given: tuple[Any, ...] = ()
    ) -> None:
        self.size = size
        super().__init__(
            size,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(start, given),
        )

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As every executor's; this is where the processes are started.

        Where one dies while the next is started, the executor's thread closes what that one would be given.
        """
        with protected_start(), told_of_deaths():
            try:
                return super().submit(fn, *args, **kwargs)
            except OSError:
                if not self._broken:
                    raise
                raise BrokenProcessPool(self._broken) from None

    def each(
        self, work: Callable[[Task], Result], tasks: Iterator[Task]
    ) -> Iterator[tuple[Task, Result]]:
        """``work`` on every task, in the order in which they end; tasks are drawn as there is room.

        The first error is raised here; the caller stops by closing the generator.
        """
        waiting: dict[Future[Result], Task] = {}
        more = True
        while waiting or more:
            while more and len(waiting) < self.size * _AHEAD:
                try:
                    task = next(tasks)
                except StopIteration:
                    more = False
                else:
                    waiting[self.submit(work, task)] = task
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                with told_of_deaths():
                    result = future.result()
                yield waiting.pop(future), result

    def kill(self) -> None:
        """End all of them now, whatever they do."""
        for process in list((self._processes or {}).values()):
            process.kill()
        self.shutdown(wait=True, cancel_futures=True)


class Hands(Protocol):
    """Who does tasks: the processes of a crew, or the workers of a cluster. ``size`` at once."""

    size: int

    def each(
        self, work: Callable[[Task], Result], tasks: Iterator[Task]
    ) -> Iterator[tuple[Task, Result]]:
        """``work`` on every task, in the order in which they end."""

    def kill(self) -> None:
        """Give up what is under way, and let go of everything."""


def outcomes(
    work: Callable[[Task], Result], tasks: Iterator[Task], jobs: int, cluster: str | None = None
) -> Iterator[tuple[Task, Result]]:
    """Each task with what ``work`` made of it: in this process, in ``jobs`` others, or on a cluster."""
    if cluster is None and jobs <= 1:
        for task in tasks:
            yield task, work(task)
        return
    hands = hands_of(jobs, cluster)
    try:
        yield from hands.each(work, tasks)
    finally:
        hands.kill()


def hands_of(jobs: int, cluster: str | None) -> Hands:
    """``jobs`` processes of this machine, or the workers of the cluster at an address."""
    if cluster is None:
        return Crew(jobs)
    from patchstorm.campaign.cluster import Cluster  # an extra, and slow to import

    return Cluster(cluster)


@contextlib.contextmanager
def told_of_deaths() -> Iterator[None]:
    """A worker that was killed is an error that says so; for where its results are taken."""
    try:
        yield
    except BrokenProcessPool:
        raise WorkerDiedError(
            "a worker process of the simulator was killed from outside, mostly by the kernel for want of "
            "memory (`dmesg` says so); nothing was concluded. Give fewer --jobs, or more memory."
        ) from None


@contextlib.contextmanager
def protected_start() -> Iterator[None]:
    """For starting processes: what they are spared is that of their parent's signals and script."""
    with _without_interrupts(), _without_main():
        yield


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Whatever ends a command waits until this is over.

    A mask is one thread's own: where another takes the signal, Python still calls the handler in the main
    thread (signal, "Signals and threads"), and a process that is half started then dies with a traceback.
    An event loop's handler does nothing by itself, so it may stay.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
    came: list[int] = []
    kept: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in _ENDINGS}
        kept = {number: one for number, one in handlers.items() if _acts(one)}
        for number in kept:
            signal.signal(number, lambda taken, _: came.append(taken))
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for taken in dict.fromkeys(came):
            signal.raise_signal(taken)


def _acts(handler: Any) -> bool:
    return callable(handler) and not getattr(handler, "__module__", "").startswith("asyncio")


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Processes started meanwhile do not run the caller's script again.

    A spawned process imports the file of ``__main__``, since tasks may be defined there; ours never are. A
    script that searches at its top level would otherwise search in each worker as well, and end them all
    (multiprocessing, "Safe importing of main module").
    """
    main = sys.modules["__main__"]
    kept = {name: main.__dict__[name] for name in ("__spec__", "__file__") if name in main.__dict__}
    for name in kept:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


def _begin(start: Callable[..., None] | None, given: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if start is not None:
        start(*given)
    look_seldom()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has a parent"
    wait_for_end([parent.sentinel])
    os._exit(1)
