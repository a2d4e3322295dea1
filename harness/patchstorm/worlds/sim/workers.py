"""Greenlets kept for the next task: a new one costs forty times what a switch costs.

A new greenlet takes over the depth of calls of whoever switches to it first. Tasks that begin tasks
that begin tasks would so run into Python's recursion limit, in whatever code happens to run then;
therefore one greenlet, begun by the hub, begins all the others.
"""

from __future__ import annotations

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
            if kernel.pass_on(me):
                continue
            # Idle until some kernel takes this worker for its current task.


def pool() -> Workers:
    """A new pool; keep one for each process that runs many schedules."""
    return Workers()
