"""Which simulated process runs now, in this thread: what every replaced call asks first.

Nothing is known here of what a process is. A thread in which no run is going on, and the harness's own
code between the tasks of a run, are in none.
"""

from __future__ import annotations

import contextvars
from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.kernel import HostedKernel
    from patchstorm.worlds.sim.hosted.process import HostedProcess
    from patchstorm.worlds.sim.task import Task

real_ident = get_ident
"""``get_ident`` before it was replaced: the thread of the machine."""
REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("patchstorm-request", default="")
"""The delivery for which a piece of a server runs, as far as its contexts tell."""
_kernels: dict[int, HostedKernel] = {}


def kernel_here() -> HostedKernel | None:
    """The run of this thread."""
    return _kernels.get(real_ident())


def current() -> HostedProcess | None:
    """The process whose code runs in this thread."""
    kernel = _kernels.get(real_ident())
    return None if kernel is None else kernel.process


def task_here() -> Task | None:
    """The task that runs in this thread, in whatever name."""
    kernel = _kernels.get(real_ident())
    return None if kernel is None else kernel.current


def begins(kernel: HostedKernel) -> None:
    """From now on the run of this thread is ``kernel``."""
    _kernels[real_ident()] = kernel


def ends() -> None:
    """There is no run in this thread any more."""
    _kernels.pop(real_ident(), None)


@contextmanager
def outside() -> Iterator[None]:
    """What is called within it is the interpreter's own business, and no process's.

    For the import of packages that all processes of an interpreter share: it happens once, at a moment that
    depends on what was run before. Nothing in it may give way to another task.
    """
    kernel = kernel_here()
    if kernel is None or kernel.process is None:
        yield
        return
    before, kernel.process = kernel.process, None
    try:
        yield
    finally:
        kernel.process = before
