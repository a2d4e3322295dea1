"""An HTTP/1.1 client that decides about every byte: one request, one connection, one network's mood.

Ordinary clients hide what a storm needs to control and to know: how many bytes of a body were
handed to the socket when the connection broke, whether an answer came before the body had ended,
where exactly a body stops. So the request is written here by hand, byte counts come from ``send(2)``
itself, and only answers are left to a library (h11).

Each delivery uses a fresh connection, on loopback from 127.0.0.2, so that the ports the client borrows
can never be those on which a killed replica is about to listen again, nor connect to themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

import h11

from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Mischief
from patchstorm.history.no_answer import NoAnswer
from patchstorm.legible import legible
from patchstorm.live.host import HERE, Host

CLIENT_ADDRESS = "127.0.0.2"
SERVER_ADDRESS = "127.0.0.1"
READ_BYTES = 64 * 1024
ANSWER_BYTES_MAX = 4 * 1024 * 1024
GARBLED_CHARS_MAX = 200
INTERIM_MAX = 100  # 1xx answers before the final one; real servers send one or two
EVENTS_A_TURN = 200
_UNSENT = 0x5411  # SIOCOUTQ of tcp(7): bytes that the other side has not got
PIECES_MAX = 5_000  # of a body, and one more for each PIECE_BYTES_MEAN that it may have
PIECE_BYTES_MEAN = 256
FRAMING_BYTES_MAX = 1024 * 1024  # beside the body: heads, sizes of chunks, trailers
PARTITIONED = NoAnswer.PARTITIONED
NO_WAY = (errno.EHOSTUNREACH, errno.ENETUNREACH)
LOOPBACK = "127."
DRAIN_POLL_S = 0.001
DRAIN_POLLS_MAX = 50
CONTINUE_S = 1.0

Blocks = Callable[[], Iterator[memoryview]]
Turn = Callable[[], Awaitable[None]]
Ending = Literal["reset", "fin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What came of one delivery. ``reply`` is None when there was no (whole, wanted) answer.

    ``sent`` counts body bytes that ``send(2)`` took, framing of chunks not included. ``error`` says
    why there was no answer, ``garbled`` what was wrong with what came instead of one.
    """

    reply: Reply | None
    sent: int
    error: NoAnswer | None = None
    garbled: str | None = None


class _Over(Exception):
    """The delivery has ended without an answer, for the reason given."""

    def __init__(self, why: NoAnswer, garbled: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.garbled = garbled


@dataclass(slots=True)
class _Progress:
    """What the sender has done so far, kept where an interruption cannot lose it."""

    sent: int = 0
    tell: Callable[[int], None] | None = None
    tell_stall: Callable[[bool], None] | None = None
    turn: Turn | None = None
    invited: asyncio.Event = field(default_factory=asyncio.Event)  # 100 Continue has come

    def count(self, taken: int) -> None:
        self.sent += taken
        if self.tell is not None:
            self.tell(taken)

    def stalls(self, *, ends: bool) -> None:
        if self.tell_stall is not None:
            self.tell_stall(ends)


@dataclass(slots=True, kw_only=True)
class Client:
    """How deliveries are made: bounds, and how a broken connection ends.

    ``ending`` "reset" sends RST, as a killed process or a firewall does; "fin" closes in order.
    """

    timeout_ms: int = 10_000
    answer_bytes_max: int = ANSWER_BYTES_MAX
    ending: Ending = "reset"
    dull: Mischief = field(default_factory=Mischief)

    async def deliver(
        self,
        port: int,
        head: Head,
        blocks: Blocks | None = None,
        mischief: Mischief | None = None,
        *,
        ending: Ending | None = None,
        on_sent: Callable[[int], None] | None = None,
        on_stall: Callable[[bool], None] | None = None,
        turn: Turn | None = None,
        address: str = SERVER_ADDRESS,
        host: Host = HERE,
    ) -> Delivery:
        """Send one request to ``port`` and await its end; never raises for what a network does.

        ``host`` is where ``address`` means something.

        ``blocks`` yields the body, ``head.length`` bytes in all; it is called once. ``ending``
        overrides the client's own for this delivery, ``on_sent`` is told of body bytes as they go,
        and ``on_stall`` when the body begins to stand still (False) and when it goes on (True).
        ``turn`` is awaited before each block but the first. A task cancelled with the message
        "partitioned" ends as a delivery with that error.
        """
        mischief = mischief or self.dull
        if mischief.lose_request:
            return Delivery(reply=None, sent=0, error=NoAnswer.LOST)
        progress = _Progress(tell=on_sent, tell_stall=on_stall, turn=turn)
        limit_ms = mischief.abandon_ms if mischief.abandon_ms is not None else self.timeout_ms
        reason = NoAnswer.TIMEOUT if mischief.abandon_ms is None else NoAnswer.ABANDONED
        sock = _client_socket(host, address)
        garbled = None
        try:
            async with asyncio.timeout(min(limit_ms, self.timeout_ms) / 1_000):
                reply = await self._exchange(
                    sock, (address, port), head, blocks, mischief, progress
                )
            _close(sock, "fin")
            return Delivery(reply=reply, sent=progress.sent)
        except TimeoutError:
            error = reason
        except asyncio.CancelledError as cancelled:
            if cancelled.args != (PARTITIONED,):
                raise
            error = PARTITIONED
        except _Over as over:
            error, garbled = over.why, over.garbled
        except ConnectionRefusedError:
            error = NoAnswer.REFUSED
        except OSError as failed:
            error = NoAnswer.UNREACHABLE if failed.errno in NO_WAY else NoAnswer.RESET
        finally:
            _close(sock, ending or self.ending)
        return Delivery(reply=None, sent=progress.sent, error=error, garbled=garbled)

    async def _exchange(
        self,
        sock: socket.socket,
        peer: tuple[str, int],
        head: Head,
        blocks: Blocks | None,
        mischief: Mischief,
        progress: _Progress,
    ) -> Reply:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, peer)
        sender = asyncio.ensure_future(_send(sock, head, blocks, mischief, progress))
        reader = asyncio.ensure_future(_read(sock, head, progress.invited, self.answer_bytes_max))
        try:
            await asyncio.wait((sender, reader), return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                await _finish_sending(sender, reader)
            reply = await reader
        finally:
            await _cancelled(sender, reader)
        if mischief.drop_response:
            raise _Over(NoAnswer.DROPPED)
        return reply


async def _finish_sending(sender: asyncio.Future[None], reader: asyncio.Future[Reply]) -> None:
    """Await the sender, unless the answer comes first or the peer stopped listening.

    A server that refuses early closes its end; what it said before is still there to be read.
    """
    await asyncio.wait((sender, reader), return_when=asyncio.FIRST_COMPLETED)
    if not sender.done():
        return
    error = sender.exception()
    if error is not None and not isinstance(error, (BrokenPipeError, ConnectionResetError)):
        raise error


async def _cancelled(*tasks: asyncio.Future[None] | asyncio.Future[Reply]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError, OSError, _Over):
            await task


def _client_socket(host: Host, peer: str) -> socket.socket:
    sock = host.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if peer.startswith(LOOPBACK):
        sock.bind((CLIENT_ADDRESS, 0))
    return sock


def _close(sock: socket.socket, ending: Ending) -> None:
    if sock.fileno() == -1:
        return
    with contextlib.suppress(OSError):
        if ending == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


async def _send(
    sock: socket.socket,
    head: Head,
    blocks: Blocks | None,
    mischief: Mischief,
    progress: _Progress,
) -> None:
    """Write the head, then the body up to where the mischief breaks it.

    Where others decide about each block, the first goes out in one piece with the head: how much of a body
    a server finds when it has read the head is no matter of speed then.
    """
    pieces = iter(()) if blocks is None else _pieces(blocks(), mischief)
    first = next(pieces, None)
    joined = progress.turn is not None and not head.asks_first and bool(first and len(first[0]))
    encoded = memoryview(head.encoded(chunked=mischief.chunked))
    await _send_all(sock, encoded, more=joined)
    if blocks is None:
        return
    if head.asks_first:
        with contextlib.suppress(TimeoutError):  # RFC 9110, 10.1.1: nobody waits for ever
            await asyncio.wait_for(progress.invited.wait(), CONTINUE_S)
    for number, (piece, pause) in enumerate(chain(() if first is None else (first,), pieces)):
        if number and progress.turn is not None:
            await progress.turn()
        framed = mischief.chunked and len(piece) > 0  # an empty chunk would end the body
        if framed:
            await _send_all(sock, memoryview(b"%x\r\n" % len(piece)), more=joined)
        await _send_all(sock, piece, progress)
        if framed:
            await _send_all(sock, memoryview(b"\r\n"))
        if pause:
            progress.stalls(ends=False)
            try:
                await asyncio.sleep(mischief.stall_ms / 1_000)
            finally:
                progress.stalls(ends=True)
    if mischief.cut_after is not None and mischief.cut_after < head.length:
        await _drained(sock)
        raise _Over(NoAnswer.CUT)
    if mischief.chunked:
        await _send_all(sock, memoryview(b"0\r\n\r\n"))


def _pieces(blocks: Iterator[memoryview], mischief: Mischief) -> Iterator[tuple[memoryview, bool]]:
    """The body cut at the stall and at the end of what may be sent; True: stall after this piece."""
    stall = mischief.stall_after if mischief.stall_ms else None
    if stall == 0:
        yield memoryview(b""), True
    position = 0
    for block in blocks:
        piece = block
        if mischief.cut_after is not None:
            piece = piece[: max(0, mischief.cut_after - position)]
        if stall is not None and position < stall <= position + len(piece):
            yield piece[: stall - position], True
            piece = piece[stall - position :]
            position = stall
        if len(piece):
            yield piece, False
        position += len(piece)
        if mischief.cut_after is not None and position >= mischief.cut_after:
            return


async def _send_all(
    sock: socket.socket, data: memoryview, progress: _Progress | None = None, *, more: bool = False
) -> None:
    """``send(2)`` until all is taken; the count is kept after each call. ``more`` follows at once."""
    done, flags = 0, socket.MSG_MORE if more else 0
    while done < len(data):
        try:
            taken = sock.send(data[done:], flags)
        except BlockingIOError:
            await _writable(sock)
            continue
        done += taken
        if progress is not None:
            progress.count(taken)


async def _writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    number = sock.fileno()
    loop.add_writer(number, _wake, ready)
    try:
        await ready
    finally:
        loop.remove_writer(number)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _drained(sock: socket.socket) -> None:
    """Wait, bounded, until the peer's kernel has what was sent: a reset would take the rest back.

    SIOCOUTQ (tcp(7)) tells how many bytes are not acknowledged yet.
    """
    for _ in range(DRAIN_POLLS_MAX):
        left = struct.unpack("i", fcntl.ioctl(sock, _UNSENT, b"\0\0\0\0"))[0]
        if left == 0:
            return
        await asyncio.sleep(DRAIN_POLL_S)


async def _read(sock: socket.socket, head: Head, invited: asyncio.Event, bytes_max: int) -> Reply:
    """The final answer; _Over where there is none to come. ``invited``: 100 has come.

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
            raise _Over(NoAnswer.CLOSED)
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
                raise _Over(NoAnswer.CLOSED)
            else:
                raise _garbled("the answer left HTTP")
        return None

    def _next(self) -> object:
        try:
            return self._parser.next_event()
        except (h11.RemoteProtocolError, ValueError) as error:  # a number of 5,000 digits
            raise _garbled(str(error)) from None


def _garbled(why: str) -> _Over:
    return _Over(NoAnswer.GARBLED, legible(why)[:GARBLED_CHARS_MAX])


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
