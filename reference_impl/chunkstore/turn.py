"""One request's turn: from its head, through its body, to its response.

A body streams through two bounded queues, the connection's read buffer and
:mod:`chunkstore.inflow`, so a body of any size needs the same memory. A *busy* store gives its worker
back at once: the request sleeps on the loop and asks again, with growing, jittered pauses, until its
bound.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from .errors import Busy
from .inflow import Inflow
from .protocol import Exchange, Response

if TYPE_CHECKING:
    from aiohttp import web

    from .config import ServerConfig
    from .workers import Workers

LINGER_BYTES_MAX = 16 << 20
LINGER_S_MAX = 2.0
_PAUSE_S_FIRST = 0.002
_PAUSE_S_MAX = 0.2
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Cut(Exception):
    """The body did not come to its end. ``status`` answers a client that may still be there."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Turn:
    """One request on its way through an exchange."""

    def __init__(
        self,
        workers: Workers,
        config: ServerConfig,
        request: web.BaseRequest,
        exchange: Exchange,
        stopping: asyncio.Event,
    ) -> None:
        self._workers = workers
        self._config = config
        self._request = request
        self._exchange = exchange
        self._stopping = stopping

    async def run(self) -> Response:
        """The answer. Raises :class:`Cut` when the body broke off; nothing of it is left then."""
        exchange = self._exchange
        try:
            response = await self._patiently(exchange.begin) or await self._stream()
            assert response is not None, "an exchange that has ended has a response"
            return response
        except BaseException:
            await self._workers.call(exchange.abort)
            raise

    async def _stream(self) -> Response | None:
        exchange = self._exchange
        content = self._request.content
        if self._request.headers.get("Expect", "").lower() == "100-continue":
            if self._request.transport is None:
                raise Cut(400, "The client left before its body.")
            self._request.transport.write(_CONTINUE)
        inflow = Inflow(exchange, self._patiently)
        try:
            while True:
                inflow.add(await self._read())
                if content.at_eof():
                    break
                early = await inflow.push()
                if early is not None:
                    return early
            return await inflow.settled() or await self._patiently(inflow.finish)
        finally:
            await inflow.stop()

    async def _read(self) -> bytes:
        """The next piece of the body as it came from the socket; empty at its end."""
        try:
            async with asyncio.timeout(self._config.idle_s):
                return (await self._request.content.readchunk())[0]
        except TimeoutError:
            raise Cut(408, f"No byte of the body came for {self._config.idle_s:g} s.") from None
        except Exception as error:
            raise Cut(400, f"The body broke off: {type(error).__name__}.") from error

    async def _patiently(self, call: Callable[[], Response | None]) -> Response | None:
        """Call, and call again while the store is busy; in the end, the busy answer.

        A replica that stops is less patient, but not at once: what is in flight shall end, and a sweeper
        holds the lock for a moment only.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.lock_wait_s
        pause_s, hurried = _PAUSE_S_FIRST, False
        while True:
            with suppress(Busy):
                return await self._workers.call(call)
            if self._request.transport is None:
                raise Cut(400, "The client left while the upload was busy.")
            if self._stopping.is_set() and not hurried:
                deadline, hurried = min(deadline, loop.time() + self._config.grace_s / 2), True
            if loop.time() >= deadline:
                return await self._workers.call(self._exchange.busy_response)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(2 * pause_s, _PAUSE_S_MAX)


async def drain(request: web.BaseRequest, *, half_close: bool) -> None:
    """Read and forget, for a bounded time and amount, so that no reset overtakes the response."""
    transport = request.transport
    if half_close and transport is not None and transport.can_write_eof():
        transport.write_eof()
    drained = 0
    try:
        async with asyncio.timeout(LINGER_S_MAX):
            while drained < LINGER_BYTES_MAX and not request.content.at_eof():
                drained += len(await request.content.readany())
    except Exception:
        return  # the client is gone, or too slow: either way it had its answer
