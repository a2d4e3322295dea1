"""An innocent that serves few requests at once: each replica has a pool of workers, and the rest queue.

A request has a worker from its head to its answer, a slow body included. One that finds none is asked again a
little later, and told to come back where that takes too long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property

from chunkstore.config import Settings
from chunkstore.errors import Busy
from chunkstore.port import Data
from chunkstore.protocol import Exchange
from chunkstore.protocol_headers import Head
from chunkstore.responses import Response
from patchstorm.catalog.model import Innocent
from patchstorm.catalog.sequential import SequentialStore

WORKERS = 2


class PooledStore(SequentialStore):
    """The sequential store with the free workers of its process."""

    @cached_property
    def free(self) -> threading.BoundedSemaphore:
        return threading.BoundedSemaphore(WORKERS)


class PooledExchange(Exchange):
    """A request that needs a worker."""

    def __init__(self, store: PooledStore, settings: Settings, head: Head) -> None:
        super().__init__(store, settings, head)
        self._pool = store.free
        self._holds = False

    def begin(self) -> Response | None:
        if not self._holds and not self._pool.acquire(blocking=False):
            raise Busy("All workers are at work.")
        self._holds = True
        return self._done_with(super().begin)

    def data(self, block: Data) -> Response | None:
        return self._done_with(lambda: super(PooledExchange, self).data(block))

    def end(self) -> Response:
        response = self._done_with(super().end)
        assert response is not None
        return response

    def abort(self) -> None:
        super().abort()
        self._let_go()

    def _done_with(self, step: Callable[[], Response | None]) -> Response | None:
        """A step; with its answer the worker is free again."""
        response = step()
        if response is not None:
            self._let_go()
        return response

    def _let_go(self) -> None:
        if self._holds:
            self._holds = False
            self._pool.release()


INNOCENT = Innocent(
    says="a sequential store with two workers for each replica: other requests queue",
    store=PooledStore,
    exchange=PooledExchange,
)
