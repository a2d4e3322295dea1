"""The aiohttp adapter: a replica's life, and HTTP round :mod:`chunkstore.protocol`.

Nothing of tus is decided here. What a request does on the way is in :mod:`chunkstore.turn`.
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
from contextlib import suppress
from typing import TYPE_CHECKING

from aiohttp import web

from .errors import StoreError
from .listening import BLOCK_BYTES, Listener, as_web
from .log import LibraryHandler, Log, redacted, redacted_path
from .protocol import Exchange, Head, Response
from .responses import problem
from .turn import Cut, Turn, drain
from .workers import Workers

if TYPE_CHECKING:
    from .config import ServerConfig
    from .store import Store

_LAST_S = 1.0


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
        self._in_flight = 0

    async def serve(self, listener: socket.socket) -> None:
        """Serve until SIGTERM or SIGINT, then end what is in flight within the grace period."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        runner = web.ServerRunner(
            Listener(self.handle, self._log, self._config.connections), shutdown_timeout=_LAST_S
        )
        await runner.setup()
        site = web.SockSite(runner, listener, backlog=1024)
        await site.start()
        self._announce(listener)
        sweeping = asyncio.create_task(self._sweep_for_ever())
        await self._stopping.wait()
        self._log.write("info", "stopping", in_flight=self._in_flight)
        sweeping.cancel()
        await site.stop()
        await self._let_requests_end()
        await runner.cleanup()
        await asyncio.wait([sweeping], timeout=_LAST_S)
        self._workers.close()
        self._log.write("info", "stopped", abandoned=self._workers.under_way)
        if self._workers.under_way:
            # A store call hangs, say on dead storage. The store is safe at every instant, so leave.
            os._exit(0)

    async def _let_requests_end(self) -> None:
        """No connection is closed under a request; whoever is slower than the grace is cut off."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._config.grace_s
        while self._in_flight and loop.time() < deadline:
            await asyncio.sleep(0.02)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request, from its head to its response."""
        self._in_flight += 1
        try:
            response = await self._answer(request)
            return await self._respond(request, response)
        finally:
            self._in_flight -= 1

    async def _answer(self, request: web.BaseRequest) -> Response:
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        head = _head(request)
        exchange = self._exchange_type(self._store, self._config.settings, head)
        try:
            turn = Turn(self._workers, self._config, request, exchange, self._stopping)
            response = await turn.run()
        except Cut as cut:
            response = problem(cut.refusal)
        except Exception as error:
            self._log.failure("unexpected", error, **self._named(head))
            response = problem(StoreError("The server met an error it did not expect."))
        failed = response.status in (500, 507)
        self._log.write(
            "error" if failed else "info",
            "request",
            **self._named(head),
            status=response.status,
            session=exchange.claims.session if exchange.claims else None,
            received=exchange.received,
            ms=round(1000 * (loop.time() - started_s), 2),
            **({"problem": response.body.decode()} if failed else {}),
        )
        return response

    def _named(self, head: Head) -> dict[str, str]:
        """What a log may say of a request: nothing that a client may have put a token into."""
        base = self._config.settings.base_path
        served = head.path in (base, f"{base}/", f"{base}/status")
        path = head.path if served else redacted_path(head.path)
        return {"method": redacted_path(head.method), "path": path}

    async def _respond(self, request: web.BaseRequest, response: Response) -> web.StreamResponse:
        """Send the response; a body nobody wants is drained within bounds, so that it arrives."""
        answer = as_web(response)
        if self._stopping.is_set():
            answer.force_close()
        if request.content.is_eof():
            return answer
        left = request.content_length
        polite = left is not None and left <= BLOCK_BYTES and "Expect" not in request.headers
        if not polite:
            answer.force_close()
        with suppress(ConnectionError):  # the client has left; there is nobody to answer
            await answer.prepare(request)
            await answer.write_eof()
            await drain(request, half_close=not polite)
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
