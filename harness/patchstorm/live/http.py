"""An HTTP/1.1 client that decides about every byte: one request, one connection, one network's mood.

Ordinary clients hide what a storm needs to control and to know: how many bytes of a body were
handed to the socket when the connection broke, whether an answer came before the body had ended,
where exactly a body stops. So the request is written here by hand, and byte counts come from ``send(2)``
itself.

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

from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Mischief
from patchstorm.history.no_answer import NoAnswer
from patchstorm.live.answers import Over, read_answer
from patchstorm.live.host import HERE, Host

CLIENT_ADDRESS = "127.0.0.2"
SERVER_ADDRESS = "127.0.0.1"
ANSWER_BYTES_MAX = 4 * 1024 * 1024
_UNSENT = 0x5411  # SIOCOUTQ of tcp(7): bytes that the other side has not got
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
        try:
            sock = _client_socket(host, address)
        except OSError as failed:
            if failed.errno not in NO_WAY:
                raise  # this machine's own lack
            return Delivery(reply=None, sent=0, error=NoAnswer.UNREACHABLE)
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
        except Over as over:
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
        reader = asyncio.ensure_future(
            read_answer(sock, head, progress.invited, self.answer_bytes_max)
        )
        try:
            await asyncio.wait((sender, reader), return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                await _finish_sending(sender, reader)
            reply = await reader
        finally:
            await _cancelled(sender, reader)
        if mischief.drop_response:
            raise Over(NoAnswer.DROPPED)
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
        with contextlib.suppress(asyncio.CancelledError, OSError, Over):
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
        raise Over(NoAnswer.CUT)
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
