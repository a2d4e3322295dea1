"""Connections that simulated processes open: to the services of the run, over the sockets that Python has.

``socket.socket`` makes one that never reaches the machine where a process asks for a TCP socket; what it
cannot do is refused by name. Names are looked up among the services alone.
"""

from __future__ import annotations

import _socket
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from patchstorm.worlds.sim.hosted.here import current
from patchstorm.worlds.sim.hosted.process import APPLICATION
from patchstorm.worlds.sim.hosted.sockets import SimSocket

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.links import Link
    from patchstorm.worlds.sim.hosted.process import HostedProcess

Call = Callable[..., Any]
Replace = Callable[[Any, str, Call], None]
ADDRESS: Final = "127.0.0.1"
_FAMILIES: Final = (-1, socket.AF_INET, socket.AF_INET6)


def dial(process: HostedProcess, host: Any, port: Any) -> Link:
    """A connection to the service at that address, as :meth:`Beside.dial` gives it."""
    from patchstorm.worlds.sim.hosted.beside import UNKNOWN

    beside = process.kernel.beside
    if beside is None:
        process.refuse(f"a connection to {host}:{port}", UNKNOWN)
    assert beside is not None
    return beside.dial(process, str(host), int(port))


def dialled(sock: Any) -> Link | None:
    """The connection of a socket that a process opened; its owner reads it from now on."""
    return sock.link if isinstance(sock, Dialled) else None


class Dialled(socket.socket):
    """A client's TCP socket of a simulated process."""

    def __init__(
        self,
        family: int = -1,
        type: int = -1,  # noqa: A002
        proto: int = -1,
        fileno: int | None = None,
    ) -> None:
        self._io_refs, self._closed = 0, False
        process = current()
        assert process is not None
        self._process = process
        self._wire: SimSocket | None = None
        self._timeout = socket.getdefaulttimeout()
        self._family = socket.AF_INET if family == -1 else family
        self.link: Link | None = None

    @property
    def family(self) -> Any:
        return socket.AddressFamily(self._family)

    @property
    def type(self) -> Any:
        return socket.SOCK_STREAM

    @property
    def proto(self) -> int:
        return socket.IPPROTO_TCP

    @property
    def timeout(self) -> float | None:
        return self._timeout

    def __repr__(self) -> str:
        return f"<simulated socket of {self._process.name}>"

    def connect(self, address: Any) -> None:
        self.link = link = dial(self._process, address[0], address[1])
        self._wire = wire = SimSocket(link, int(address[1]))
        link.peer = wire
        wire.settimeout(self._timeout)

    def connect_ex(self, address: Any) -> int:
        try:
            self.connect(address)
        except OSError as error:
            return error.errno or 111
        return 0

    @property
    def _open(self) -> SimSocket:
        if self._closed:
            raise OSError(9, "Bad file descriptor")
        if self._wire is None:
            raise OSError(107, "Transport endpoint is not connected")
        return self._wire

    def sendall(self, data: Any, flags: int = 0) -> None:
        self._open.sendall(data)

    def send(self, data: Any, flags: int = 0) -> int:
        self._open.sendall(data)
        return memoryview(data).nbytes

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        return self._open.recv_into(view[:nbytes] if nbytes else view)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        buffer = bytearray(bufsize)
        return bytes(buffer[: self._open.recv_into(buffer)])

    def settimeout(self, value: float | None) -> None:
        self._timeout = value
        if self._wire is not None:
            self._wire.settimeout(value)

    def gettimeout(self) -> float | None:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        return self._timeout != 0

    def setsockopt(self, *_: Any) -> None:
        return None

    def getsockopt(self, *_: Any) -> Any:
        return 0

    def getpeername(self) -> Any:
        return ADDRESS, self._open.port

    def getsockname(self) -> Any:
        return ADDRESS, 0

    def fileno(self) -> int:
        return -1

    def shutdown(self, how: int) -> None:
        if how != socket.SHUT_RD:
            self._open.close()

    def _real_close(self, _ss: Any = None) -> None:
        if self._wire is not None:
            self._wire.close()

    def bind(self, address: Any) -> None:
        self._process.refuse("a real socket (bind)", WHY, APPLICATION)

    def listen(self, backlog: int = 0) -> None:
        self._process.refuse("a real socket (listen)", WHY, APPLICATION)

    def sendto(self, *_: Any) -> int:
        self._process.refuse("a real socket (sendto)", WHY)
        return 0

    def sendmsg(self, *_: Any) -> int:
        self._process.refuse("a real socket (sendmsg)", WHY)
        return 0


WHY: Final = "reaches the machine itself, which all simulated replicas share"


def install(replace: Replace) -> None:
    kind: Any = socket.socket
    kind.__new__ = _made
    replace(socket, "getaddrinfo", _looked_up(socket.getaddrinfo))


def _made(cls: Any, *args: Any, **named: Any) -> Any:
    """What ``socket.socket(...)`` makes: in a process and for TCP, one of its own."""
    if cls is socket.socket and current() is not None:
        given = dict(zip(("family", "type", "proto", "fileno"), args, strict=False)) | named
        stream = given.get("type", -1) in (-1, socket.SOCK_STREAM)
        if stream and given.get("family", -1) in _FAMILIES and given.get("fileno") is None:
            cls = Dialled
    return _socket.socket.__new__(cls, *args, **named)


def _looked_up(real: Call) -> Call:
    def getaddrinfo(host: Any, port: Any, *args: Any, **named: Any) -> Any:
        process = current()
        if process is None:
            return real(host, port, *args, **named)
        from patchstorm.worlds.sim.hosted.beside import LOCAL

        beside = process.kernel.beside
        name = host.decode() if isinstance(host, bytes) else host
        if name not in (None, *LOCAL) and not (beside is not None and beside.knows(name)):
            process.refuse(f"a look-up of {name} (getaddrinfo)", WHY)
        where = (ADDRESS, int(port or 0))
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]

    return getaddrinfo
