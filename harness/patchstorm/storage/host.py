"""A host: what the processes on it share, and what happens when it dies or is cut off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from patchstorm.storage.errors import WouldBlock
from patchstorm.storage.inode import Inode

if TYPE_CHECKING:
    from patchstorm.storage.client import Client
    from patchstorm.storage.server import Server


class Host(ABC):
    """One machine, or one container, with the storage mounted."""

    __slots__ = ("name", "processes", "server")

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.processes: dict[int, Client] = {}

    def process(self, pid: int) -> Client:
        """The process ``pid``; made at the first call."""
        found = self.processes.get(pid)
        if found is None:
            found = self.processes[pid] = self._new_process(pid)
        return found

    def lock_wait(self, inode: Inode) -> WouldBlock:
        """What a caller that must wait for a lock on ``inode`` is told."""
        return self.server.lock_wait(inode)

    @abstractmethod
    def _new_process(self, pid: int) -> Client: ...

    @abstractmethod
    def crash(self) -> None: ...

    @abstractmethod
    def reboot(self, view: Client) -> None: ...

    @abstractmethod
    def partition(self, cut: bool) -> None: ...
