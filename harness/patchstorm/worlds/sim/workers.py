"""Greenlets kept for the next task: a new one costs forty times what a switch costs.

A new greenlet takes over the depth of calls of whoever switches to it first. Tasks that begin tasks
that begin tasks would so run into Python's recursion limit, in whatever code happens to run then;
therefore one greenlet, begun by the hub, begins all the others.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from patchstorm.worlds.sim.kernel import Kernel


class Workers:
    """A pool for one thread. ``kernel`` is whoever uses it now; a worker outlives many kernels."""

    def __init__(self) -> None:
        self.idle: list[greenlet] = []
        self.kernel: Kernel | None = None
        self._beginner: greenlet | None = None

    def take(self) -> greenlet:
        """A worker that will run the kernel's current task when it is switched to."""
        if self.idle:
            return self.idle.pop()
        if self._beginner is None:
            self._beginner = greenlet(self._begin)  # the first task is always the hub's
        worker: greenlet = self._beginner.switch(getcurrent())
        return worker

    @property
    def hub(self) -> greenlet:
        kernel = self.kernel
        assert kernel is not None, "a pool without a kernel has nothing to run"
        return kernel.hub

    def _begin(self, asked_by: greenlet) -> None:
        me = getcurrent()
        while True:
            worker = greenlet(self._work, parent=self.hub)
            worker.switch(me)
            asked_by = asked_by.switch(worker)

    def _work(self, beginner: greenlet) -> None:
        me = getcurrent()
        beginner.switch()
        while True:
            kernel = self.kernel
            assert kernel is not None
            kernel.perform()
            other = kernel.pass_on(me)
            if other is not None:
                del (
                    kernel
                )  # else who is idle keeps a run that is over, its trace and its history with it
                other.switch()  # until some kernel takes this worker for its current task


class _Pools(threading.local):
    def __init__(self) -> None:
        self.own = Workers()


_POOLS = _Pools()


def pool() -> Workers:
    """This thread's pool, for all its runs, one after the other.

    A pool is never freed: its workers are greenlets that wait in their own frames for what refers to them,
    which no collector sees. So one for each search would be a leak.
    """
    return _POOLS.own
