"""A TCP relay on loopback: the way from a replica to the program that it shares with the others.

It passes bytes on and understands none of them. Faults cut it, hold everything back, delay what comes back,
or lose something and the connection with it: a request before it is carried out, or a reply after.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import Literal

from patchstorm.live.http import SERVER_ADDRESS
from patchstorm.scenario.faults.changing import Sparing, changes

PIECE_BYTES = 1 << 16
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER for no time: a connection that is closed so is reset (socket(7), tcp(7))."""


@dataclass(slots=True, kw_only=True)
class Loss:
    """Requests that hold ``to``, or replies to them, which get lost: ``left`` more, ``lost`` so far.

    ``sparing``: which of them they may be, if not any.
    """

    of: Literal["request", "reply"]
    left: int
    to: bytes = b""
    lost: int = 0
    sparing: Sparing | None = None

    def takes(self, what: str, asked: bytes) -> bool:
        """Whether it loses ``what`` is passing by, the request ``asked`` or its reply; then it counts."""
        if what != self.of or self.left == 0 or self.to not in asked.lower():
            return False
        if self.sparing is not None and not self.sparing.takes(changes(asked)):
            return False
        self.left -= 1
        self.lost += 1
        return True


@dataclass(slots=True, eq=False)
class Hold:
    """Waits for a replica that has just changed something, and holds its replies back until it is ``over``.

    ``skips`` replies still pass before. ``begun``: one is held back.
    """

    skips: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _way: Relay | None = None

    def takes(self, way: Relay, asked: bytes) -> bool:
        """Whether the reply to ``asked``, on ``way``, is held back."""
        if self._way is None and any(changes(asked)):
            self._way = way
        elif self._way is way and not self.begun.is_set():
            self.skips -= 1
        if self._way is not way or self.skips > 0:
            return False
        self.begun.set()
        return not self.over.is_set()


@dataclass(slots=True, eq=False)
class _Connection:
    """A replica's connection and the one to the program. ``asked``: since the last reply."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    asked: bytearray = field(default_factory=bytearray)

    def close(self) -> None:
        """What has been passed on arrives."""
        self.near.close()
        self.far.close()

    def broken(self) -> None:
        """What has not arrived is lost."""
        for writer in (self.near, self.far):
            reset(writer)


class Relay:
    """The way of one replica, once it is :meth:`open`.

    ``taken`` counts its connections, ``met`` what its faults hit so far. ``holds`` wait for somebody whose
    replies are to be held back.
    """

    def __init__(self) -> None:
        self.port = 0
        self.met = 0
        self.taken = 0
        self._to = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut = False
        self._passing = asyncio.Event()
        self._passing.set()
        self._delay_s = 0.0
        self._losses: list[Loss] = []
        self.holds: list[Hold] = []

    async def open(self, to: int) -> None:
        """Take connections on :attr:`port`, for what listens on port ``to``."""
        self._to = to
        self._server = await asyncio.start_server(self._connected, SERVER_ADDRESS, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Take no more, and break what there is."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        self._break()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- faults

    def cut(self, *, silent: bool) -> None:
        """Nothing passes: connections break and none is taken, or ``silent`` all stand still."""
        if silent:
            self._passing.clear()
        else:
            self._cut = True
            self._break()

    def mend(self) -> None:
        """All passes again, and what was held back goes on."""
        self._cut = False
        self._passing.set()

    def lose(self, loss: Loss) -> None:
        """What passes gets lost as ``loss``, which other ways may share, says."""
        self._losses.append(loss)

    def spare(self, loss: Loss) -> None:
        """No more for ``loss``."""
        if loss in self._losses:
            self._losses.remove(loss)

    def delay(self, by_ms: int) -> None:
        """Each piece of a reply comes so much later; 0: at once."""
        self._delay_s = by_ms / 1_000

    @property
    def is_struck(self) -> bool:
        """Whether any fault is in force here."""
        held = self._cut or not self._passing.is_set()
        return held or bool(self._delay_s or self._losses)

    def heal(self) -> None:
        """As if no fault had been."""
        self.mend()
        self.delay(0)
        self._losses.clear()
        self.holds.clear()

    def _break(self) -> None:
        self.met += len(self._connections)
        for connection in self._connections:
            connection.broken()

    # ---- connections

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._relay(reader, writer)
        except* (OSError, asyncio.CancelledError):  # by close(); nobody waits for this task
            pass
        finally:
            self._tasks.discard(task)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        try:
            await self._gate()
            if self._cut:
                self.met += 1
                raise ConnectionResetError
            answers, far = await asyncio.open_connection(SERVER_ADDRESS, self._to)
        except BaseException:
            reset(writer)
            raise
        connection = _Connection(writer, far)
        self._connections.add(connection)
        try:
            if self._cut:  # meanwhile
                raise ConnectionResetError
            async with asyncio.TaskGroup() as both:
                both.create_task(self._out(reader, connection))
                both.create_task(self._back(answers, connection))
        except BaseException:
            connection.broken()
            raise
        finally:
            self._connections.discard(connection)
            connection.close()

    async def _out(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        while piece := await reader.read(PIECE_BYTES):
            await self._gate()
            connection.asked += piece
            del connection.asked[:-PIECE_BYTES]
            if self._lost("request", bytes(connection.asked)):
                raise ConnectionResetError
            await _passed(connection.far, piece)
        _ended(connection.far)

    async def _back(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        while piece := await reader.read(PIECE_BYTES):
            await self._gate()
            if self._delay_s:
                self.met += 1
                await asyncio.sleep(self._delay_s)
            asked = bytes(connection.asked)
            connection.asked.clear()
            if self._lost("reply", asked):
                raise ConnectionResetError
            hold = next((one for one in self.holds if one.takes(self, asked)), None)
            if hold is not None:
                await hold.over.wait()
            await _passed(connection.near, piece)
        _ended(connection.near)

    def _lost(self, what: str, asked: bytes) -> bool:
        return any(loss.takes(what, asked) for loss in self._losses)

    async def _gate(self) -> None:
        if not self._passing.is_set():
            self.met += 1
            await self._passing.wait()


async def _passed(writer: asyncio.StreamWriter, piece: bytes) -> None:
    writer.write(piece)
    await writer.drain()


def _ended(writer: asyncio.StreamWriter) -> None:
    """One side has said all that it will; the other may go on."""
    if not writer.is_closing():
        writer.write_eof()


def reset(writer: asyncio.StreamWriter) -> None:
    """Whoever is at the other end is told that the connection was reset."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if not writer.is_closing() and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
