"""One request's turn: from its head, through its body, to its response.

A body streams through two bounded queues, the connection's read buffer and
:mod:`chunkstore.inflow`, so a body of any size needs the same memory. A *busy* store gives its worker
back at once: the request sleeps on the loop and asks again, with growing, jittered pauses, until its
bound.

A client that leaves ends its request for as long as its body is needed: then what came is kept, which
nobody waits for, also where the store was busy before a byte of it had been read. Once the body is whole,
it is committed whether somebody listens or not.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from .errors import BadRequest, Busy, Stopping, StoreError, TooSlow
from .inflow import Inflow
from .listening import set_aside, unread
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
    """The body did not come to its end. ``refusal`` answers a client that may still be there.

    ``sound``: what came until then is what the client sent; so it is kept.
    """

    def __init__(self, refusal: StoreError, *, sound: bool = True) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.sound = sound


class Stopped(Exception):
    """The replica stops, and the time that it leaves to bodies is over."""


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
        """The answer. Raises :class:`Cut` when the body broke off; what came of it is kept by then."""
        exchange = self._exchange
        try:
            response = await self._patiently(exchange.begin) or await self._stream()
            assert response is not None, "an exchange that has ended has a response"
            return response
        except BaseException:
            await self._workers.call(exchange.abort)
            raise

    async def _stream(self) -> Response | None:
        if self._request.headers.get("Expect", "").lower() == "100-continue":
            if self._request.transport is None:
                raise Cut(BadRequest("The client left before its body."))
            self._request.transport.write(_CONTINUE)
        inflow = Inflow(self._exchange, self._patiently)
        ending = asyncio.create_task(self._end_in_time())
        try:
            return await self._receive(inflow) or await self._unheard(inflow.finish)
        except Cut as cut:
            await inflow.stop()
            if cut.sound:
                inflow.add(unread(self._request))
                await self._unheard(inflow.keep)
            raise
        finally:
            ending.cancel()
            await inflow.stop()

    async def _receive(self, inflow: Inflow) -> Response | None:
        """Take the whole body in, as far as it is wanted."""
        while True:
            inflow.add(await self._read())
            if self._request.content.at_eof():
                with suppress(Cut):  # the client has left; it has left nothing out
                    return await inflow.settled()
                return None
            early = await inflow.push()
            if early is not None:
                return early

    async def _end_in_time(self) -> None:
        """A replica that stops ends a body itself, while there is time to keep what came of it."""
        await self._stopping.wait()
        await asyncio.sleep(self._config.grace_s)
        set_aside(self._request)
        self._request.content.set_exception(Stopped())

    async def _read(self) -> bytes:
        """The next piece of the body as it came from the socket; empty at its end."""
        content = self._request.content
        try:
            async with asyncio.timeout(self._config.idle_s):
                return (await content.readchunk())[0]
        except (OSError, Stopped) as error:
            if content.is_eof():
                return unread(self._request)  # of a body that came whole
            raise self._cut(error) from error
        except Exception as error:
            raise Cut(_broken(error), sound=False) from error

    def _cut(self, error: OSError | Stopped) -> Cut:
        if isinstance(error, Stopped):
            return Cut(Stopping("This replica stops; go on at another."))
        if self._request.transport is not None and isinstance(error, TimeoutError):
            return Cut(TooSlow(f"No byte of the body came for {self._config.idle_s:g} s."))
        return Cut(_broken(error))

    async def _unheard(self, call: Callable[[], Response | None]) -> Response | None:
        """As :meth:`_patiently`, for what is to be done whether the client is still there or not."""
        return await self._patiently(call, heard=False)

    async def _patiently(
        self, call: Callable[[], Response | None], *, heard: bool = True
    ) -> Response | None:
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
            left = self._request.transport is None
            if heard and left and not unread(self._request):
                raise Cut(BadRequest("The client left while the upload was busy."))
            if self._stopping.is_set() and not hurried:
                deadline, hurried = min(deadline, loop.time() + self._config.grace_s / 2), True
            if loop.time() >= deadline:
                return await self._workers.call(self._exchange.busy_response)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(2 * pause_s, _PAUSE_S_MAX)


def _broken(error: Exception) -> BadRequest:
    return BadRequest(f"The body broke off: {type(error).__name__}.")


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
