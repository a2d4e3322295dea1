"""Threads of a simulated process: tasks of the kernel, in everything that ``threading`` tells of them.

``Thread.start``, ``join`` and ``is_alive`` are replaced, so pools, timers and servers of the standard
library that are made of threads work as they are.
"""

from __future__ import annotations

import _thread
import concurrent.futures.thread as pools
import contextvars
import os
import queue
import sys
import threading
from collections.abc import Callable
from concurrent import futures
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from patchstorm.worlds.sim.hosted.here import current, real_ident, task_here
from patchstorm.worlds.sim.hosted.lines import Line, on_behalf, own_line
from patchstorm.worlds.sim.hosted.locks import Local, Lock, RLock, SharedLock
from patchstorm.worlds.sim.task import Died
from patchstorm.worlds.sim.timers import wait_ns

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.process import HostedProcess

IDENT: Final = 10_000_000
CPUS: Final = 4
Call = Callable[..., Any]
Replace = Callable[[Any, str, Any], None]


class SimThread:
    """How a thread of a simulated process stands."""

    __slots__ = ("line", "process", "running", "thread")

    def __init__(self, process: HostedProcess, thread: threading.Thread, line: Line | None) -> None:
        self.line = line
        """Of the server's own, which started it."""
        self.process = process
        self.thread = thread
        self.running = True


def start(process: HostedProcess, thread: threading.Thread) -> None:
    """Begin ``thread`` as a task of ``process``."""
    if not process.alive:
        raise Died(process.name)
    state = SimThread(process, thread, own_line(process, sys._getframe(1)))
    thread._simulated = state  # type: ignore[attr-defined]
    kernel = process.kernel

    def body() -> None:
        task = kernel.current
        assert task is not None
        process.threads[task.number] = state
        thread._ident = IDENT + task.number  # type: ignore[attr-defined]
        try:
            thread.run()
        except Died:
            raise
        except SystemExit:
            pass
        except BaseException:
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), thread)))
        finally:
            state.running = False
            process.threads.pop(task.number, None)
            kernel.wake(state)

    thread._started.set()  # type: ignore[attr-defined]
    number = thread.__dict__["_count"]
    kernel.spawn(
        f"{process.name}/thread-{number}",
        lambda: contextvars.Context().run(body),
        process.domain,
    )


def join(state: SimThread, timeout: float | None) -> None:
    """Wait until the thread has ended, or ``timeout`` seconds."""
    kernel = state.process.kernel
    if kernel.current is None or not state.process.alive:
        return
    until_ns = None if timeout is None else kernel.now_ns + wait_ns(timeout)
    while state.running and (until_ns is None or kernel.now_ns < until_ns):
        kernel.wait(state, until_ns)


def install(replace: Replace) -> None:
    replace(threading, "Lock", Lock)
    replace(_thread, "allocate_lock", Lock)
    replace(threading, "RLock", RLock)
    replace(threading, "local", Local)
    replace(threading, "get_ident", _ident)
    replace(threading, "current_thread", _current(threading.current_thread))
    replace(queue, "SimpleQueue", queue._PySimpleQueue)  # type: ignore[attr-defined]
    executors: Any = pools
    executors._global_shutdown_lock = SharedLock()
    for name in ("cpu_count", "process_cpu_count"):
        if hasattr(os, name):
            replace(os, name, _cpus(getattr(os, name)))
    executors.ThreadPoolExecutor.submit = _submitting(executors.ThreadPoolExecutor.submit)
    thread: Any = threading.Thread
    results: Any = futures.Future
    for kind in (thread, results):  # sets of them are walked in the same order in every run
        kind.__init__ = _counting(kind.__init__, f"{kind.__name__.lower()}_count")
        kind.__hash__ = lambda self: self.__dict__.get("_count") or id(self) >> 4
    thread.start = _starting(thread.start)
    thread.join = _joining(thread.join)
    thread.is_alive = _living(thread.is_alive)
    threading._newname = _naming(threading._newname)  # type: ignore[attr-defined]


def _ident() -> int:
    """The main task of a process has the ident of the main thread, as libraries compare the two."""
    process, task = current(), task_here()
    if process is None or task is None or task.number not in process.threads:
        return real_ident()
    return IDENT + task.number


def _current(real: Call) -> Call:
    main = threading.main_thread()

    def current_thread() -> Any:
        process, task = current(), task_here()
        if process is None or task is None:
            return real()
        state = process.threads.get(task.number)
        return main if state is None else state.thread

    return current_thread


def _cpus(real: Call) -> Call:
    return lambda: real() if current() is None else CPUS


def _counting(real: Call, counter: str) -> Call:
    def __init__(self: Any, *args: Any, **named: Any) -> None:  # noqa: N807
        process = current()
        if process is not None:
            self._count = getattr(process, counter) + 1
            setattr(process, counter, self._count)
        real(self, *args, **named)

    return __init__


def _naming(real: Call) -> Call:
    """Numbers in the names of threads are a process's own; 3.10 and later give the template."""

    def newname(name_template: str = "Thread-%d") -> str:
        process = current()
        if process is None:
            return str(real(name_template))
        return name_template % process.thread_count

    return newname


def _starting(real: Call) -> Call:
    def thread_start(self: Any) -> None:
        process = current()
        if process is None:
            real(self)
            return
        if not getattr(self, "_initialized", False):
            raise RuntimeError("thread.__init__() not called")
        if hasattr(self, "_simulated"):
            raise RuntimeError("threads can only be started once")
        if "_count" not in self.__dict__:  # made by a shared package, before there was a process
            process.thread_count += 1
            self._count = process.thread_count
        start(process, self)

    return thread_start


def _submitting(real: Call) -> Call:
    @wraps(real)
    def submit(self: Any, fn: Call, /, *args: Any, **named: Any) -> Any:
        process = current()
        return real(self, fn if process is None else on_behalf(process, fn), *args, **named)

    return submit


def _joining(real: Call) -> Call:
    def thread_join(self: Any, timeout: float | None = None) -> None:
        state = self.__dict__.get("_simulated")
        if state is None:
            real(self, timeout)
        else:
            join(state, timeout)

    return thread_join


def _living(real: Call) -> Call:
    def is_alive(self: Any) -> bool:
        state = self.__dict__.get("_simulated")
        return bool(real(self) if state is None else state.running)

    return is_alive
