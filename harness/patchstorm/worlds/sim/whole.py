"""Brings a store in that answers whole requests: one function, called once the body has come.

The simplest way to simulate a server of one's own; ``docs/adapting-a-store.md`` has an example. A store
that works on a body while it comes implements :class:`patchstorm.worlds.sim.app.Conversation` instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A whole answer."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Busy(Exception):
    """Raised by a handler: nothing happened, ask again a little later."""


Handler = Callable[[Request], Response]


class WholeRequests:
    """An application of one handler; ``sweep`` is called now and then if the subject has a sweeper."""

    busy: type[Exception] = Busy

    def __init__(self, handle: Handler, sweep: Callable[[], object] | None = None) -> None:
        self._handle = handle
        self._sweep = sweep

    def exchange(self, method: str, path: str, headers: Headers) -> _Collected:
        return _Collected(self._handle, method, path, headers)

    def sweep(self) -> object:
        return None if self._sweep is None else self._sweep()


class _Collected:
    def __init__(self, handle: Handler, method: str, path: str, headers: Headers) -> None:
        self._handle = handle
        self._method = method
        self._path = path
        self._headers = {name.lower(): value for name, value in headers}
        self._body = bytearray()
        # RFC 9112, 6.3: without either of these no byte follows the head.
        length = self._headers.get("content-length", "0")
        self._has_body = length != "0" or "transfer-encoding" in self._headers

    def begin(self) -> Response | None:
        return None if self._has_body else self._answer()

    def data(self, block: Any) -> Response | None:
        self._body += block
        return None

    def end(self) -> Response:
        return self._answer()

    def abort(self) -> None:
        self._body.clear()

    def busy_response(self) -> Response:
        return Response(status=423, headers=(("Retry-After", "1"),))

    def _answer(self) -> Response:
        return self._handle(
            Request(
                method=self._method, path=self._path, headers=self._headers, body=bytes(self._body)
            )
        )
