"""Stores that serve few requests at once: each replica has a pool of workers, and the rest queue.

A request has a worker from its head to its answer, a slow body included. One that finds none is asked again a
little later, and told to come back where that takes too long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any

from chunkstore.config import Settings
from chunkstore.errors import Busy
from chunkstore.port import Data
from chunkstore.protocol import Exchange
from chunkstore.protocol_headers import Head
from chunkstore.responses import Response
from patchstorm.catalog.model import Bug, Innocent
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


class WorkersLost(PooledExchange):
    """Gives the worker back with the answer, and a body that breaks off never gets one."""

    def abort(self) -> None:
        Exchange.abort(self)


class WorkersNested(PooledExchange):
    """Has the end of a body done by a second worker, and waits for it with the first."""

    _helper = False

    def end(self) -> Response:
        if not self._helper and not self._pool.acquire(blocking=False):
            raise Busy("All workers are at work.")
        self._helper = True
        response = super().end()
        self._pool.release()
        return response

    def abort(self) -> None:
        """Nobody can be told to wait no longer, so both go on being waited for."""
        Exchange.abort(self)


class TurnsStore(PooledStore):
    """Who is receiving a body of which upload, in this process."""

    @cached_property
    def receiving(self) -> set[str]:
        return set()


class WorkersWaiting(PooledExchange):
    """One body of an upload at a time. Who waits keeps a worker; the body needs one for each of its blocks.

    A thread that waits is not told that its client has left.
    """

    def __init__(self, store: TurnsStore, settings: Settings, head: Head) -> None:
        super().__init__(store, settings, head)
        self._receiving = store.receiving
        self._upload = head.path
        self._mine = False

    def begin(self) -> Response | None:
        response = super().begin()
        if response is None and not self._mine:
            if self._upload in self._receiving:
                raise Busy("Another body of this upload is on its way.")
            self._receiving.add(self._upload)
            self._mine = True
            self._let_go()
        return response

    def data(self, block: Data) -> Response | None:
        self._have_worker()
        response = super().data(block)
        self._let_go()
        return response

    def end(self) -> Response:
        self._have_worker()
        response = super().end()
        self._done()
        return response

    def abort(self) -> None:
        Exchange.abort(self)
        self._done()

    def _have_worker(self) -> None:
        if not self._holds and not self._pool.acquire(blocking=False):
            raise Busy("All workers are at work.")
        self._holds = True

    def _done(self) -> None:
        if self._mine:
            self._mine = False
            self._receiving.discard(self._upload)


def _bug(name: str, says: str, stands_for: str, **rest: Any) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        caught_by=("availability", "completion", "starvation"),
        also=("waiting", "refusal"),
        base="sequential",
        twin=INNOCENT,
        sim_only="real processes of the catalogue have as many threads as requests",
        **{"store": PooledStore, **rest},
    )


BUGS = (
    _bug(
        "workers-lost",
        "a body that breaks off keeps its worker for ever",
        "a semaphore that the error path does not release: after so many cut connections nobody is served",
        storms=("truncated",),
        deed="client PATCH cut",
        exchange=WorkersLost,
    ),
    _bug(
        "workers-nested",
        "a worker waits for another worker of the same pool, and all of them do",
        "a task of a thread pool that submits to its own pool and waits: CPython docs, concurrent.futures",
        storms=("parallel",),
        deed="answer 423",
        exchange=WorkersNested,
    ),
    _bug(
        "workers-waiting",
        "requests that wait for an upload hold the workers that the upload's body needs to go on",
        "blocking locks taken in an executor whose threads the holder needs, too",
        storms=("few-workers",),
        deed="answer 423",
        store=TurnsStore,
        exchange=WorkersWaiting,
    ),
)
