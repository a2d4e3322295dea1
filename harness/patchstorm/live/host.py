"""A host: where a replica runs, and from where it is reached. In the world ``processes`` there is one."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Protocol


class Host(Protocol):
    """What a replica and its clients need of a machine."""

    def enter(self, *command: str, directory: str) -> tuple[str, ...]:
        """``command`` as it has to be started from here, so that it runs there, in ``directory``."""
        ...

    def socket(self) -> socket.socket:
        """A TCP socket for which 127.0.0.1 is that host; OSError (EHOSTUNREACH) while it is down."""
        ...


@dataclass(frozen=True, slots=True)
class ThisHost:
    """The machine that the harness runs on; ``entry`` stands before every command.

    ``holder`` is the process whose namespaces that enters, where it does nothing else.
    """

    entry: tuple[str, ...] = ()
    holder: int | None = None

    def enter(self, *command: str, directory: str) -> tuple[str, ...]:
        """The caller starts commands in their directory anyway."""
        return (*self.entry, *command)

    def socket(self) -> socket.socket:
        """A plain socket."""
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


HERE = ThisHost()
