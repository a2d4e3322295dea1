"""Answers as they come in: bounded in everything, since a server may send for ever.

Parsing is left to a library (h11). What is no answer of HTTP is told as garbled, with what was wrong.
"""

from __future__ import annotations

import asyncio
import socket

import h11

from patchstorm.dialect.exchange import Head, Reply
from patchstorm.history.no_answer import NoAnswer
from patchstorm.legible import legible

READ_BYTES = 64 * 1024
GARBLED_CHARS_MAX = 200
INTERIM_MAX = 100  # 1xx answers before the final one; real servers send one or two
EVENTS_A_TURN = 200
PIECES_MAX = 5_000  # of a body, and one more for each PIECE_BYTES_MEAN that it may have
PIECE_BYTES_MEAN = 256
FRAMING_BYTES_MAX = 1024 * 1024  # beside the body: heads, sizes of chunks, trailers


class Over(Exception):
    """The delivery has ended without an answer, for the reason given."""

    def __init__(self, why: NoAnswer, garbled: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.garbled = garbled


async def read_answer(
    sock: socket.socket, head: Head, invited: asyncio.Event, bytes_max: int
) -> Reply:
    """The final answer; Over where there is none to come. ``invited``: 100 has come.

    Everything is bounded, since a server may send for ever: bytes as they come in, bytes of the body,
    interim answers, and by h11 the size of each head. The time is the caller's to bound, so each turn gives
    way to it: a socket that always has something to read is otherwise never waited for.
    """
    loop = asyncio.get_running_loop()
    parser = _Parser(head, bytes_max)
    while True:
        reply = parser.parsed(invited)
        if reply is not None:
            return reply
        if parser.hungry:
            parser.feed(await loop.sock_recv(sock, READ_BYTES))
        await asyncio.sleep(0)


class _Parser:
    """What has come of one answer so far."""

    def __init__(self, head: Head, bytes_max: int) -> None:
        self._parser = h11.Connection(our_role=h11.CLIENT)
        self._parser.send(h11.Request(method=head.method, target="/", headers=[("Host", "parser")]))
        self._bytes_max = bytes_max
        self._found: h11.Response | None = None
        self._body = bytearray()
        self._taken = self._interim = self._pieces = 0
        self.hungry = True

    def feed(self, data: bytes) -> None:
        """More of it has come; nothing: the connection has ended."""
        if not data and not _ends_with_connection(self._found):
            raise Over(NoAnswer.CLOSED)
        self._taken += len(data)
        if self._taken > self._bytes_max + FRAMING_BYTES_MAX:
            raise _garbled(f"more than {self._bytes_max + FRAMING_BYTES_MAX} bytes of one answer")
        self._parser.receive_data(data)

    def parsed(self, invited: asyncio.Event) -> Reply | None:
        """The whole answer; None where more has to come, or has come and is for the next turn."""
        for _ in range(EVENTS_A_TURN):
            event = self._next()
            self.hungry = event is h11.NEED_DATA
            if self.hungry:
                return None
            if isinstance(event, h11.InformationalResponse):
                invited.set()
                self._interim += 1
                if self._interim > INTERIM_MAX:
                    raise _garbled(f"more than {INTERIM_MAX} interim answers and no final one")
            elif isinstance(event, h11.Response):
                self._found = event
            elif isinstance(event, h11.Data):
                self._body += event.data
                self._pieces += 1
                if self._pieces > PIECES_MAX + self._bytes_max // PIECE_BYTES_MEAN:
                    raise _garbled(f"a body in more than {self._pieces - 1} pieces")
                if len(self._body) > self._bytes_max:
                    raise _garbled(f"a body of more than {self._bytes_max} bytes")
            elif isinstance(event, h11.EndOfMessage) and self._found is not None:
                return _reply(self._found, bytes(self._body))
            elif isinstance(event, h11.ConnectionClosed):
                raise Over(NoAnswer.CLOSED)
            else:
                raise _garbled("the answer left HTTP")
        return None

    def _next(self) -> object:
        try:
            return self._parser.next_event()
        except (h11.RemoteProtocolError, ValueError) as error:  # a number of 5,000 digits
            raise _garbled(str(error)) from None


def _garbled(why: str) -> Over:
    return Over(NoAnswer.GARBLED, legible(why)[:GARBLED_CHARS_MAX])


def _ends_with_connection(found: h11.Response | None) -> bool:
    """Whether the end of the connection is the proper end of this answer (RFC 9112, 6.3)."""
    if found is None:
        return False
    names = {name for name, _ in found.headers}
    return not names & {b"content-length", b"transfer-encoding"}


def _reply(found: h11.Response, body: bytes) -> Reply:
    headers: dict[str, str] = {}
    for name, value in found.headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return Reply(status=found.status_code, headers=headers, body=body)
