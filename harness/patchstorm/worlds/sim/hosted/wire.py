"""One request of a storm, spoken as bytes over a simulated connection: the client's side of it.

The request comes in pieces, each a step, cut and stalled as the storm says; what a client that leaves sends
is a reset or an orderly end, which the schedule chooses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPMethod
from typing import Final

import h11

from patchstorm.dialect.exchange import Head
from patchstorm.worlds.sim.app import Answer
from patchstorm.worlds.sim.delivery import Delivery
from patchstorm.worlds.sim.hosted.connection import Connection
from patchstorm.worlds.sim.hosted.process import HostedProcess
from patchstorm.worlds.sim.serving import Broken, Garbled, HungUp
from patchstorm.worlds.sim.steps import NETWORK

_ARRIVES, _BLOCK, _ANSWERS = NETWORK["request"], NETWORK["body"], NETWORK["answer"]
_RESET, _FIN = range(2)
_DIGITS_MAX: Final = 10
_SERVER_ERROR: Final = 500
CONTINUE_NS = 1_000_000_000
"""How long a client waits for 100 (Continue) before it sends the body all the same (RFC 9110, 10.1.1)."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole answer; a name may stand in it more than once."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def carry(process: HostedProcess, delivery: Delivery, body: Iterator[bytes]) -> Answer:
    """The answer to one request.

    Raises :class:`Broken` where the client has left, :class:`HungUp` where the server closed without an
    answer, :class:`Garbled` for what is no HTTP, and ``Died`` with the replica.
    """
    kernel = process.kernel
    kernel.step(_ARRIVES)
    while process.accept is None:
        process.callers.append(delivery)
        kernel.wait(delivery)
        if delivery.gone:
            raise Broken
    assert delivery.head is not None
    process.requests[delivery.path] = f"{delivery.head.method} {delivery.head.path}"
    connection = Connection(process, delivery.path, lambda: kernel.wake(delivery))
    process.accept(connection)
    return _Exchange(delivery, delivery.head, connection).run(body)


class _Exchange:
    def __init__(self, delivery: Delivery, head: Head, connection: Connection) -> None:
        self._delivery = delivery
        self._head = head
        self._connection = connection
        self._kernel = connection.process.kernel
        self._answer = _Coming(head)
        self._output = connection.process.output
        self._written = self._output.total
        assert connection.peer is not None
        self._feed: Callable[[bytes | None], None] = connection.peer.feed

    def run(self, body: Iterator[bytes]) -> Whole:
        try:
            self._send(body)
            self._wait(lambda: False)
        except Broken:
            self._leave()
            raise
        if self._delivery.gone:
            self._leave()
            raise Broken
        reply = self._answer.reply
        self._kernel.step(_ANSWERS)
        if not self._connection.closed:
            self._feed(None)
        if reply is None:
            raise HungUp
        if reply.status >= _SERVER_ERROR:  # what it logs of its errors tells more than the answer
            self._delivery.said = self._output.last_line_since(self._written)
        return reply

    def _send(self, body: Iterator[bytes]) -> None:
        chunked = self._delivery.mischief.chunked
        self._feed(self._head.encoded(chunked=chunked))
        if not self._head.has_body:
            return
        if self._head.asks_first:
            self._wait(lambda: self._answer.invited, self._kernel.now_ns + CONTINUE_NS)
        for block in body:
            self._kernel.step(_BLOCK)
            if self._over():
                return
            self._feed(b"%x\r\n%b\r\n" % (len(block), block) if chunked else bytes(block))
        if chunked:
            self._feed(b"0\r\n\r\n")

    def _wait(self, reached: Callable[[], bool], until_ns: int | None = None) -> None:
        """Until the answer is there, or ``reached``, or nothing more can come."""
        while not self._over() and not reached():
            if until_ns is not None and self._kernel.now_ns >= until_ns:
                return
            self._kernel.wait(self._delivery, until_ns)

    def _over(self) -> bool:
        connection = self._connection
        self._answer.read(connection.received, connection.closed)
        return self._answer.reply is not None or connection.closed or self._delivery.gone

    def _leave(self) -> None:
        """The client is gone, as one that was killed, or in order."""
        peer = self._connection.peer
        assert peer is not None
        if self._kernel.value("leaves", 2, self._delivery.path) == _RESET:
            peer.reset()
        else:
            peer.feed(None)


_HEAD: Final = re.compile(
    rb"HTTP/1\.1 ([2-5]\d\d)(?: [^\r\n\0]*)?\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n\0]*\r\n)*)\r\n"
)


def _plain(method: str, received: bytearray) -> Whole | None:
    """A whole answer of the plainest form; None for any other, which is h11's to read.

    Nearly every answer is one, and reading it so costs a tenth.
    """
    head = _HEAD.match(received)
    if head is None:
        return None
    lines = head[2].decode("latin-1").split("\r\n")[:-1]
    fields = [line.partition(":") for line in lines]
    headers = tuple((name.lower(), value.strip(" \t")) for name, _, value in fields)
    lengths = [value for name, value in headers if name == "content-length"]
    status = int(head[1])
    if any(name == "transfer-encoding" for name, _ in headers):
        return None
    if method == HTTPMethod.HEAD or status in (204, 304):
        length = 0
    elif len(lengths) == 1 and lengths[0].isdecimal() and len(lengths[0]) < _DIGITS_MAX:
        length = int(lengths[0])
    else:
        return None
    if len(received) != head.end() + length:
        return None
    return Whole(status, headers, bytes(received[head.end() :]))


class _Coming:
    """What came back, as far as it is an answer."""

    def __init__(self, head: Head) -> None:
        self.reply: Whole | None = None
        self.invited = False
        self._method = head.method
        self._made: h11.Connection | None = None
        self._head: h11.Response | None = None
        self._body = bytearray()
        self._ended = False

    def read(self, received: bytearray, closed: bool) -> None:
        """Take what is in ``received`` out of it."""
        if self.reply is not None or not (received or (closed and not self._ended)):
            return
        if self._made is None:
            self.reply = _plain(self._method, received)
            if self.reply is not None:
                received.clear()
                return
        try:
            if received:
                self._parser.receive_data(bytes(received))
                received.clear()
            if closed and not self._ended:
                self._ended = True
                self._parser.receive_data(b"")
            self._events()
        except h11.RemoteProtocolError as error:
            if closed and self._head is None:
                return  # it closed without a word
            raise Garbled(str(error)) from None

    @property
    def _parser(self) -> h11.Connection:
        if self._made is None:
            self._made = h11.Connection(h11.CLIENT)
            asked = h11.Request(method=self._method, target="/", headers=[("Host", "parser")])
            self._made.send(asked)
            self._made.send(h11.EndOfMessage())
        return self._made

    def _events(self) -> None:
        while self.reply is None:
            event = self._parser.next_event()
            if (
                event is h11.NEED_DATA
                or event is h11.PAUSED
                or isinstance(event, h11.ConnectionClosed)
            ):
                return
            if isinstance(event, h11.InformationalResponse):
                self.invited = True
            elif isinstance(event, h11.Response):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                self.reply = self._whole()

    def _whole(self) -> Whole:
        assert self._head is not None
        headers = tuple(
            (name.decode("ascii"), value.decode("latin-1")) for name, value in self._head.headers
        )
        return Whole(self._head.status_code, headers, bytes(self._body))
