"""The workers of a replica's process, where a storm says how few there are: other requests queue.

As in a server with a pool of threads, a request has a worker from its head to its answer, so also while its
body stands still and while it waits for a lock. Who waits for a worker is served in the order of arrival, and
leaves the queue with its client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from patchstorm.worlds.sim.delivery import Delivery
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.serving import Broken

_ONE_OF_MANY = nullcontext()


class Pool:
    """``count`` workers; 0: as many as there are requests. It ends with its process."""

    def __init__(self, kernel: Kernel, count: int) -> None:
        self._kernel = kernel
        self._bounded = count > 0
        self._free = count
        self._queue: deque[Delivery] = deque()

    def worker(self, delivery: Delivery) -> AbstractContextManager[None]:
        """One for this request. Raises :class:`Broken` where the client leaves before there is one."""
        return self._one_of_few(delivery) if self._bounded else _ONE_OF_MANY

    @contextmanager
    def _one_of_few(self, delivery: Delivery) -> Iterator[None]:
        self._wait_for_one(delivery)
        try:
            yield
        finally:
            self._give_back()

    def _wait_for_one(self, delivery: Delivery) -> None:
        if self._free:
            self._free -= 1
            return
        self._queue.append(delivery)
        while delivery in self._queue:
            self._kernel.wait(delivery)  # woken by `_give_back`, or when its client leaves
            if delivery.gone and delivery in self._queue:
                self._queue.remove(delivery)
                raise Broken
        if delivery.gone:
            self._give_back()
            raise Broken

    def _give_back(self) -> None:
        """To who has waited longest, if anybody has."""
        if self._queue:
            self._kernel.wake(self._queue.popleft())
        else:
            self._free += 1
