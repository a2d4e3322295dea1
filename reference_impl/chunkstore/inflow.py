"""Pieces of a body on their way from the loop that receives them to the worker that stores them.

The worker takes pieces for as long as there are any, so neither side waits for the other after each
one. The loop receives on until ``QUEUED_BYTES_MAX`` are waiting, then lets the worker catch up; what
comes meanwhile fills the connection's own buffer, and then the sender has to wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from .protocol import Exchange, Response

QUEUED_BYTES_MAX = 2 << 20
BATCH_BYTES_MIN = 128 << 10

Outcome = Response | None
Patiently = Callable[[Callable[[], Outcome]], Coroutine[Any, Any, Outcome]]


class Inflow:
    """The body of one exchange, which is only ever touched by the one call under way.

    ``patiently`` makes a call on a worker, and again while the store is busy.
    """

    def __init__(self, exchange: Exchange, patiently: Patiently) -> None:
        self._exchange = exchange
        self._patiently = patiently
        self._pieces: deque[bytes] = deque()
        self._put_bytes = 0  # written by the loop only
        self._stored_bytes = 0  # written by the worker only
        self._call: asyncio.Task[Outcome] | None = None

    def add(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._put_bytes += len(piece)

    async def push(self) -> Outcome:
        """See that a worker is busy if there is enough to do, and wait for it if there is too much.

        A response means that the rest of the body is not wanted. Raises what the exchange raised.
        """
        waiting_bytes = self._put_bytes - self._stored_bytes
        if self._call is not None and (self._call.done() or waiting_bytes >= QUEUED_BYTES_MAX):
            response = await self.settled()
            if response is not None:
                return response
        begun = self._stored_bytes > 0
        if self._call is None and self._pieces and not (begun and waiting_bytes < BATCH_BYTES_MIN):
            self._call = asyncio.create_task(self._patiently(self._store_all))
        return None

    async def settled(self) -> Outcome:
        """Wait for the call under way; its response, if it had one."""
        call = self._call
        if call is None:
            return None
        await asyncio.wait([call])
        self._call = None
        return call.result()

    async def stop(self) -> None:
        """Wait for the call under way whatever happens, and forget what it says."""
        while self._call is not None and not self._call.done():
            try:
                await asyncio.wait([self._call])
            except asyncio.CancelledError:
                continue  # whoever waits here is on his way out already
        if self._call is not None and not self._call.cancelled():
            self._call.exception()

    def finish(self) -> Outcome:
        """For a worker: store what is left, then end the exchange. May be called again."""
        return self._store_all() or self._exchange.end()

    def keep(self) -> Outcome:
        """As :meth:`finish`, for a body that broke off."""
        return self._store_all() or self._exchange.cut()

    def _store_all(self) -> Outcome:
        while self._pieces:
            piece = self._pieces[0]  # it stays until it is stored: the store may be busy
            response = self._exchange.data(piece)
            if response is not None:
                return response
            self._pieces.popleft()
            self._stored_bytes += len(piece)
        return None
