"""aiohttp's server with one change: what is not even HTTP is refused in our words, not with an echo.

aiohttp answers a malformed request with the line it stumbled over, and that line may hold a token.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from .errors import BadRequest, StoreError
from .log import Log
from .responses import Response, problem

BLOCK_BYTES = 1 << 20
_KEEPALIVE_S = 75.0
_REASONS = {460: "Checksum Mismatch"}


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
    __slots__ = ("_log",)

    def __init__(self, log: Log, manager: web.Server, **options: Any) -> None:
        super().__init__(manager, **options)
        self._log = log

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
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], log: Log
    ) -> None:
        super().__init__(
            handler,
            read_bufsize=BLOCK_BYTES,
            lingering_time=0,
            keepalive_timeout=_KEEPALIVE_S,
            auto_decompress=False,
            access_log=None,
        )
        self._log = log

    def __call__(self) -> RequestHandler:
        return _Connection(self._log, self, loop=self._loop, **self._kwargs)
