"""Simulated connections: bytes between a client of the storm and whatever listens in a process.

A :class:`Connection` is the client's end. What stands at the server's end takes bytes with ``feed`` and is
told of a reset with ``reset``: an asyncio transport here, a blocking socket in
:mod:`patchstorm.worlds.sim.hosted.sockets`.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from patchstorm.worlds.sim.hosted.here import REQUEST

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.loop import SimLoop
    from patchstorm.worlds.sim.hosted.process import HostedProcess

HOST: Final = "127.0.0.1"
PORT: Final = 8080
CLIENT_PORT: Final = 50_000


class Peer(Protocol):
    """The server's end, as the client's end sees it."""

    def feed(self, data: bytes | None) -> None:
        """Bytes arrive, or None for the end of what the client sends."""

    def reset(self) -> None:
        """The connection breaks (RST): what has not been read is lost."""


class Wire(Protocol):
    """The other end, as the end in a process sees it."""

    name: str
    process: HostedProcess

    def server_wrote(self, data: bytes) -> None:
        """The process sends."""

    def server_closed(self) -> None:
        """The process will send no more."""


class Connection:
    """The client's end. ``changed`` is called whenever something came back."""

    def __init__(self, process: HostedProcess, name: str, changed: Callable[[], None]) -> None:
        self.process = process
        self.name = name
        self.peer: Peer | None = None
        self.closed = False
        self.received = bytearray()
        self._changed = changed

    def server_wrote(self, data: bytes) -> None:
        """What a process writes between its death and its end reaches nobody."""
        if self.process.alive and not self.closed:
            self.received += data
            self._changed()

    def server_closed(self) -> None:
        if not self.closed:
            self.closed = True
            self._changed()


class Listener(asyncio.AbstractServer):
    """What ``create_server`` gives; connections reach ``protocol_factory`` on the loop."""

    def __init__(self, loop: SimLoop, protocol_factory: Callable[[], Any], port: int) -> None:
        self._loop = loop
        self._factory = protocol_factory
        self.sockets = (_Address(port),)

    def open(self) -> None:
        self._loop._process.listens(self._accept)

    def _accept(self, connection: Connection) -> None:
        connection.peer = Transport(self._loop, connection, self._factory)

    def close(self) -> None:
        process = self._loop._process
        if process.accept == self._accept:
            process.accept = None

    def close_clients(self) -> None:
        return None

    def abort_clients(self) -> None:
        return None

    def get_loop(self) -> Any:
        return self._loop

    def is_serving(self) -> bool:
        return self._loop._process.accept == self._accept

    async def wait_closed(self) -> None:
        return None

    async def start_serving(self) -> None:
        self.open()

    async def serve_forever(self) -> None:
        await self._loop.create_future()


class _Address:
    """As much of a listening socket as programs ask for to say where they listen."""

    family = 2

    def __init__(self, port: int) -> None:
        self._port = port

    def getsockname(self) -> tuple[str, int]:
        return HOST, self._port

    def fileno(self) -> int:
        return -1


_Base: Any = asyncio.transports._FlowControlMixin


class Transport(_Base):  # type: ignore[misc]
    """The server's end of a connection to an asyncio protocol.

    Nothing that is written waits, but ``loop.sendfile`` takes no transport that keeps no account of it.
    """

    _sendfile_compatible = asyncio.constants._SendfileMode.FALLBACK  # type: ignore[attr-defined]

    def __init__(self, loop: SimLoop, connection: Wire, factory: Callable[[], Any]) -> None:
        super().__init__({
            "peername": (HOST, CLIENT_PORT), "sockname": (HOST, PORT), "sslcontext": None, "socket": None,
        }, loop)  # fmt: skip
        self._connection = connection
        self._paused = self._closing = self._lost = False
        self._held: list[bytes | None] = []
        self._protocol: Any = None
        self._context = contextvars.Context()
        self._context.run(REQUEST.set, connection.name)
        self._soon(self._open, factory)

    def _soon(self, callback: Callable[..., None], *args: Any) -> None:
        self._loop.call_soon_threadsafe(callback, *args, context=self._context)

    # -- called by the client's end, in another task ---------------------------------------------------

    def feed(self, data: bytes | None) -> None:
        self._soon(self._arrive, data)

    def reset(self) -> None:
        self._soon(self._break)

    # -- on the loop -----------------------------------------------------------------------------------

    def _open(self, factory: Callable[[], Any]) -> None:
        self._protocol = factory()
        self._protocol.connection_made(self)

    def _arrive(self, data: bytes | None) -> None:
        if self._lost or self._closing:
            return
        if self._paused:
            self._held.append(data)
        elif data is None:
            if not self._protocol.eof_received():
                self.close()
        elif isinstance(self._protocol, asyncio.BufferedProtocol):
            self._fill(data)
        else:
            self._protocol.data_received(data)

    def _fill(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            buffer = self._protocol.get_buffer(len(view))
            count = min(len(buffer), len(view))
            buffer[:count] = view[:count]
            self._protocol.buffer_updated(count)
            view = view[count:]

    def _break(self) -> None:
        self._held.clear()
        self._closing = True
        self._lose(ConnectionResetError(104, "Connection reset by peer"))

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._connection.server_closed()
            self._protocol.connection_lost(error)

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        held, self._held = self._held, []
        for data in held:
            self._loop.call_soon(self._arrive, data, context=self._context)

    def is_reading(self) -> bool:
        return not self._paused

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: Any) -> None:
        if data and not self._closing:
            self._connection.server_wrote(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._connection.server_closed()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lose, None, context=self._context)

    def abort(self) -> None:
        self._closing = True
        self._loop.call_soon(self._lose, None, context=self._context)

    def get_write_buffer_size(self) -> int:
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 0, 1 << 16

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return None

    def get_protocol(self) -> Any:
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol
