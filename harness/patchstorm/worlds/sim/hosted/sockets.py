"""A connected socket for code that blocks: its reads are waits of the task that makes them."""

from __future__ import annotations

import io
from typing import Any

from patchstorm.worlds.sim.hosted.connection import CLIENT_PORT, Wire
from patchstorm.worlds.sim.timers import wait_ns


class SimSocket:
    """As much of a connected socket as handlers of ``socketserver`` ask of one."""

    def __init__(self, connection: Wire, port: int = CLIENT_PORT) -> None:
        self.port = port
        """The other end's."""
        self._connection = connection
        self._kernel = connection.process.kernel
        self._arrived = bytearray()
        self._ended = self._broken = False
        self.timeout: float | None = None

    # -- the client's end ------------------------------------------------------------------------------

    def feed(self, data: bytes | None) -> None:
        if data is None:
            self._ended = True
        else:
            self._arrived += data
        self._kernel.wake(self)

    def reset(self) -> None:
        self._broken = True
        self._arrived.clear()
        self._kernel.wake(self)

    # -- the server's end ------------------------------------------------------------------------------

    def recv_into(self, buffer: Any) -> int:
        """recv(2): waits until something is there; 0 at the end of what the client sends."""
        kernel = self._kernel
        until_ns = None if self.timeout is None else kernel.now_ns + wait_ns(self.timeout)
        while not (self._arrived or self._ended or self._broken):
            if self.timeout == 0:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            if until_ns is not None and kernel.now_ns >= until_ns:
                raise TimeoutError("timed out")
            kernel.wait(self, until_ns)
        if self._broken:
            raise ConnectionResetError(104, "Connection reset by peer")
        count = min(len(buffer), len(self._arrived))
        buffer[:count] = self._arrived[:count]
        del self._arrived[:count]
        return count

    def sendall(self, data: Any) -> None:
        if self._broken:
            raise BrokenPipeError(32, "Broken pipe")
        self._connection.server_wrote(bytes(data))

    def settimeout(self, timeout: float | None) -> None:
        self.timeout = timeout

    def setsockopt(self, *_: object) -> None:
        return None

    def makefile(self, mode: str, buffering: int = -1) -> Any:
        return io.BufferedReader(_Raw(self))

    def close(self) -> None:
        self._connection.server_closed()


class _Raw(io.RawIOBase):
    def __init__(self, sock: SimSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.recv_into(buffer)
