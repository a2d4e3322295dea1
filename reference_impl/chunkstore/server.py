"""The aiohttp adapter: sockets, worker threads and patience round :mod:`chunkstore.protocol`.

The event loop receives; worker threads make the store's calls, which may hash, write and sync. While
a worker works on one block the loop already receives the next, up to a bound, and then stops reading
the socket: that is all the buffering a body gets. A *busy* store gives its worker back at once; the
request sleeps on the loop and asks again, with growing, jittered pauses, until its bound.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from .errors import Busy, StoreError
from .log import LibraryHandler, Log, redacted
from .protocol import Exchange, Head, Response
from .responses import problem

if TYPE_CHECKING:
    from .config import ServerConfig
    from .store import Store

_T = TypeVar("_T")

BLOCK_BYTES = 1 << 20
LINGER_BYTES_MAX = 16 << 20
LINGER_S_MAX = 2.0
_PAUSE_S_FIRST = 0.002
_PAUSE_S_MAX = 0.2
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS = {460: "Checksum Mismatch"}


class Cut(Exception):
    """The body did not come to its end. ``status`` answers a client that may still be there."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Workers:
    """The threads that make the store's calls, and how many calls are under way."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="store")
        self._sweeper = ThreadPoolExecutor(1, thread_name_prefix="sweep")
        self.under_way = 0

    async def call(self, function: Callable[[], _T], *, sweeper: bool = False) -> _T:
        """The result of a store call made on a worker.

        A cancelled caller still waits for the call in flight: what follows (an abort) must not run
        beside it.
        """
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._sweeper if sweeper else self._pool, function)
        self.under_way += 1
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                await asyncio.wait([future])
            raise
        finally:
            if future.done():
                self.under_way -= 1

    def close(self) -> None:
        """No further calls; does not wait for those under way."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._sweeper.shutdown(wait=False, cancel_futures=True)


class Turn:
    """One request on its way through an exchange."""

    def __init__(
        self, workers: Workers, config: ServerConfig, request: web.BaseRequest, exchange: Exchange
    ) -> None:
        self._workers = workers
        self._config = config
        self._request = request
        self._exchange = exchange

    async def run(self) -> Response:
        """The answer. Raises :class:`Cut` when the body broke off; nothing of it is left then."""
        exchange = self._exchange
        try:
            response = await self._patiently(exchange.begin)
            return await self._stream() if response is None else response
        except BaseException:
            await self._workers.call(exchange.abort)
            raise

    async def _stream(self) -> Response:
        exchange = self._exchange
        content = self._request.content
        if self._request.headers.get("Expect", "").lower() == "100-continue":
            if self._request.transport is None:
                raise Cut(400, "The client left before its body.")
            self._request.transport.write(_CONTINUE)
        while True:
            block = await self._read()
            if content.at_eof():
                return await self._patiently(partial(_finish, exchange, block), exchange.end)
            early = await self._workers.call(partial(exchange.data, block))
            if early is not None:
                return early

    async def _read(self) -> bytes:
        """What has come of the body since the last look; empty only at its end."""
        try:
            async with asyncio.timeout(self._config.idle_s):
                return await self._request.content.readany()
        except TimeoutError:
            raise Cut(408, f"No byte of the body came for {self._config.idle_s:g} s.") from None
        except Exception as error:
            raise Cut(400, f"The body broke off: {type(error).__name__}.") from error

    async def _patiently(
        self, first: Callable[[], _T], then: Callable[[], _T] | None = None
    ) -> _T | Response:
        """Call, and call again while the store is busy; in the end, the busy answer."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.lock_wait_s
        pause_s = _PAUSE_S_FIRST
        call = first
        while True:
            try:
                return await self._workers.call(call)
            except Busy:
                call = then or first
            if self._request.transport is None:
                raise Cut(400, "The client left while the upload was busy.")
            if loop.time() >= deadline:
                return await self._workers.call(self._exchange.busy_response)
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(2 * pause_s, _PAUSE_S_MAX)


def _finish(exchange: Exchange, block: bytes) -> Response:
    response = exchange.data(block) if block else None
    return exchange.end() if response is None else response


class Replica:
    """One server process over a shared store."""

    def __init__(
        self,
        config: ServerConfig,
        store: Store,
        log: Log,
        exchange_type: type[Exchange] = Exchange,
    ) -> None:
        self._config = config
        self._store = store
        self._exchange_type = exchange_type
        self._log = log
        self._workers = Workers(config.workers)
        self._stopping = asyncio.Event()

    async def serve(self, listener: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT, then end what is in flight within the grace period."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        server = web.Server(
            self.handle,
            read_bufsize=BLOCK_BYTES,
            lingering_time=0,
            keepalive_timeout=75.0,
            auto_decompress=False,
            access_log=None,
        )
        runner = web.ServerRunner(server, shutdown_timeout=self._config.grace_s / 2)
        await runner.setup()
        await web.SockSite(runner, listener, backlog=1024).start()
        self._announce(listener)
        sweeping = asyncio.create_task(self._sweep_for_ever())
        await self._stopping.wait()
        self._log.write("info", "stopping", under_way=self._workers.under_way)
        sweeping.cancel()
        await runner.cleanup()
        await asyncio.wait([sweeping], timeout=self._config.grace_s / 2)
        self._workers.close()
        self._log.write("info", "stopped", abandoned=self._workers.under_way)
        if self._workers.under_way:
            # A store call hangs, say on dead storage. The store is safe at every instant, so leave.
            os._exit(0)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its head to its response."""
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        head = _head(request)
        exchange = self._exchange_type(self._store, self._config.settings, head)
        try:
            response = await Turn(self._workers, self._config, request, exchange).run()
        except Cut as cut:
            refusal = StoreError(cut.detail)
            refusal.status, refusal.title = cut.status, "Body cut off"
            response = problem(refusal)
        except Exception as error:
            self._log.failure("unexpected", error, method=head.method, path=head.path)
            response = problem(StoreError("The server met an error it did not expect."))
        self._log.write(
            "error" if response.status in (500, 507) else "info",
            "request",
            method=head.method,
            path=head.path[:200],
            status=response.status,
            session=exchange.claims.session if exchange.claims else None,
            received=exchange.received,
            ms=round(1000 * (loop.time() - started_s), 2),
        )
        return await self._respond(request, response)

    async def _respond(self, request: web.BaseRequest, response: Response) -> web.StreamResponse:
        """Send the response; a body nobody wants is drained within bounds, so that it arrives."""
        answer = web.Response(
            status=response.status,
            reason=_REASONS.get(response.status),
            headers=list(response.headers),
            body=response.body or None,
        )
        if request.content.is_eof():
            return answer
        left = request.content_length
        polite = left is not None and left <= BLOCK_BYTES and "Expect" not in request.headers
        if not polite:
            answer.force_close()
        await answer.prepare(request)
        await answer.write_eof()
        await _drain(request, half_close=not polite)
        return answer

    async def _sweep_for_ever(self) -> None:
        """One pass at a time; the first soon after the start, none in step with other replicas."""
        pause_s = min(0.1, self._config.sweep_s)
        while True:
            await asyncio.sleep(pause_s * random.uniform(0.75, 1.25))
            try:
                for trouble in await self._workers.call(self._store.sweep, sweeper=True):
                    self._log.write("warning", "sweep", trouble=redacted(trouble))
            except Exception as error:
                self._log.failure("sweep-failed", error)
            pause_s = self._config.sweep_s

    def _announce(self, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        ready = {
            "event": "ready",
            "host": host,
            "port": port,
            "pid": os.getpid(),
            "root": self._config.root,
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()


async def _drain(request: web.BaseRequest, *, half_close: bool) -> None:
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


def _head(request: web.BaseRequest) -> Head:
    path, _, query = request.raw_path.partition("?")
    if not path.startswith("/"):  # absolute-form, RFC 9112, section 3.2.2
        path, query = request.rel_url.raw_path, request.rel_url.raw_query_string
    headers = tuple(request.headers.items())
    return Head(method=request.method, path=path, query=query, headers=headers)


def run(
    config: ServerConfig,
    store: Store,
    listener: socket.socket,
    exchange_type: type[Exchange] = Exchange,
) -> None:
    """Serve on a bound socket until told to stop. Another ``exchange_type`` is for tests."""
    log = Log(config.log_level)
    for name in ("aiohttp", "asyncio"):
        library = logging.getLogger(name)
        library.handlers[:] = [LibraryHandler(log)]
        library.propagate = False

    async def main() -> None:
        await Replica(config, store, log, exchange_type).serve(listener)

    asyncio.run(main())
