"""A process on an NFS server itself: no cache, but clients' unsent data may have arrived or not."""

from __future__ import annotations

from patchstorm.storage.backend import Path
from patchstorm.storage.client import Client
from patchstorm.storage.handle import Handle
from patchstorm.storage.inode import Inode
from patchstorm.storage.local import LocalClient, LocalHost
from patchstorm.storage.stat import Stat


class ObserverHost(LocalHost):
    """The server's machine."""

    __slots__ = ()

    def _new_process(self, pid: int) -> Client:
        return ObserverClient(self.server, self, pid)


class ObserverClient(LocalClient):
    """Looks at the tree directly, after settling what NFS clients may have sent meanwhile."""

    __slots__ = ()

    def _read(self, handle: Handle, count: int, offset: int) -> bytes:
        self.server.observe(handle.inode, None)
        return super()._read(handle, count, offset)

    def _size(self, handle: Handle) -> int:
        self.server.observe(handle.inode, None)
        return super()._size(handle)

    def _stat(self, path: str, dir_fd: int | None, follow: bool) -> Stat:
        self.server.settle_removals()
        inode = self._find(path, dir_fd, follow)[2]
        if inode is not None:
            self.server.observe(inode, None)
        return super()._stat(path, dir_fd, follow)

    def fstat(self, fd: int) -> Stat:
        self.server.observe(self._handle(fd).inode, None)
        return super().fstat(fd)

    def _list(self, path: Path) -> dict[str, Inode]:
        self.server.settle_removals()
        return super()._list(path)
