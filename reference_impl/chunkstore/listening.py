"""aiohttp's server with one change: what is not even HTTP is refused in our words, not with an echo.

aiohttp answers a malformed request with the line it stumbled over, and that line may hold a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from .errors import BadRequest, StoreError
from .log import Log
from .responses import Response, problem

BLOCK_BYTES = 1 << 20
READ_BYTES = 64 << 10
"""Of a body that nobody takes yet, aiohttp keeps up to twice as much before the sender has to wait."""
_FULL = b"All connections are taken; come back later.\n"
_NO_ROOM = (
    b"HTTP/1.1 423 Locked\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(_FULL), _FULL)
)
"""423, as for everything that is only a matter of time: after any other error to a HEAD, tus-js-client
begins a new upload."""
_KEEPALIVE_S = 75.0
_UNREAD = "unread"
_REASONS = {460: "Checksum Mismatch"}


def set_aside(request: web.BaseRequest) -> None:
    """Before reading its body only raises why it broke off: note what came of it and nobody has read."""
    with suppress(RuntimeError):  # somebody waits for more, so there is nothing
        if request.content.exception() is None:
            request[_UNREAD] = request.content.read_nowait()


def unread(request: web.BaseRequest) -> bytes:
    """What was set aside of its body."""
    came: bytes = request.get(_UNREAD, b"")
    return came


def as_web(response: Response) -> web.Response:
    """The response as aiohttp sends it.

    The length is given to HEAD too: aiohttp's own client closes the connection without it.
    """
    headers = list(response.headers)
    if response.status != 204:
        headers.append(("Content-Length", str(len(response.body))))
    reason = _REASONS.get(response.status)
    return web.Response(
        status=response.status, reason=reason, headers=headers, body=response.body or None
    )


class _Connection(RequestHandler):
    __slots__ = ("_log", "_most", "_refused")

    def __init__(self, log: Log, most: int, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._log = log
        self._most = most
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serve it, or say at once that there is no room; the client comes back."""
        assert self._manager is not None
        if len(self._manager.connections) < self._most:
            super().connection_made(transport)
            return
        self._refused = True
        self._log.write("warning", "no-room", connections=self._most)
        assert isinstance(transport, asyncio.Transport)
        transport.write(_NO_ROOM)
        transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)

    def eof_received(self) -> None:
        if not self._refused:
            super().eof_received()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._refused:
            return
        if self._current_request is not None:
            set_aside(self._current_request)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what aiohttp could not parse, or to an exception that escaped a handler."""
        refusal = StoreError("The server met an error it did not expect.")
        if status < 500:
            refusal = BadRequest("The request is not well-formed HTTP/1.1 (RFC 9112).")
        self._log.write(
            "warning" if status < 500 else "error",
            "bad-http",
            status=status,
            exception=type(exc).__name__,
        )
        if request.writer.output_size > 0:
            raise ConnectionError("a response is on its way already; there is no place for another")
        answer = as_web(problem(refusal))
        answer.force_close()
        return answer


class Listener(web.Server):
    """Makes one connection's protocol for each client."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        log: Log,
        connections: int,
    ) -> None:
        super().__init__(
            handler,
            read_bufsize=READ_BYTES,
            lingering_time=0,
            keepalive_timeout=_KEEPALIVE_S,
            auto_decompress=False,
            access_log=None,
        )
        self._log = log
        self._most = connections

    def __call__(self) -> RequestHandler:
        return _Connection(self._log, self._most, self, loop=self._loop, **self._kwargs)
