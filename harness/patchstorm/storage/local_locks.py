"""Locks of a process on local storage: flock and fcntl locks, which do not see each other."""

from __future__ import annotations

from patchstorm.storage.client import Client
from patchstorm.storage.handle import Handle
from patchstorm.storage.inode import Inode
from patchstorm.storage.locks import FileLocks, Owner


class LocalLocks(Client):
    """The lock calls of ``LocalClient``."""

    __slots__ = ()

    # -- locks ----------------------------------------------------------------------------------

    def _flock_owner(self, handle: Handle) -> Owner:
        return ("flock", self.host.name, handle.serial)

    def _locks(self, inode: Inode) -> FileLocks:
        locks = inode.locks
        if locks is None:
            locks = inode.locks = FileLocks()
        return locks

    def _flock_take(self, handle: Handle, exclusive: bool) -> None:
        inode = handle.inode
        locks = self._locks(inode)
        owner = self._flock_owner(handle)
        held = locks.flocks.get(owner)
        try:
            locks.flock(owner, exclusive)
        finally:
            if held is not None and locks.flocks.get(owner) != held:
                self.server.released(inode)

    def _flock_drop(self, handle: Handle) -> None:
        inode = handle.inode
        if inode.locks is not None and inode.locks.flock_drop(self._flock_owner(handle)):
            self.server.released(inode)

    def _range_take(self, handle: Handle, start: int, end: int, exclusive: bool) -> None:
        owner = ("posix", self.host.name, self.pid)
        self._locks(handle.inode).lock(owner, start, end, exclusive)
        self.server.released(handle.inode)

    def _range_drop(self, handle: Handle, start: int, end: int) -> None:
        locks = handle.inode.locks
        if locks is not None and locks.unlock(("posix", self.host.name, self.pid), start, end):
            self.server.released(handle.inode)
