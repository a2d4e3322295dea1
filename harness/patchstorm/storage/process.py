"""A process on one host: its descriptors, its life and death.

Processes of one host share its caches: ``process(pid)`` gives a sibling. Descriptors, POSIX locks
and death belong to a process; power failure and partition belong to a host.
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from patchstorm.storage.constants import O_RDWR
from patchstorm.storage.errors import WouldBlock, failure
from patchstorm.storage.handle import Handle
from patchstorm.storage.inode import Inode

if TYPE_CHECKING:
    from patchstorm.storage.client import Client
    from patchstorm.storage.host import Host
    from patchstorm.storage.server import Server

_FIRST_FD = 3


class Process(ABC):
    """A process and its descriptors; ``Client`` adds what can be done with them."""

    __slots__ = ("fds", "free_fds", "host", "next_fd", "pid", "server", "settings", "tree", "umask")

    def __init__(self, server: Server, host: Host, pid: int) -> None:
        self.server = server
        self.tree = server.tree
        self.settings = server.settings
        self.host = host
        self.pid = pid
        self.fds: dict[int, Handle] = {}
        self.free_fds: list[int] = []
        self.next_fd = _FIRST_FD
        self.umask = 0o022

    # -- processes and hosts ------------------------------------------------------------------

    def process(self, pid: int) -> Client:
        """The process ``pid`` on the same host; made at the first call."""
        return self.host.process(pid)

    def kill(self) -> None:
        """This process dies: the kernel closes its descriptors, which also drops its locks.

        On NFS that writes its dirty data back, as a kernel does whatever the process died of;
        errors vanish with it.
        """
        for fd in sorted(self.fds):
            if fd < 0:
                del self.fds[fd]
                continue
            try:
                self.close(fd)
            except WouldBlock:
                self._abandon(fd)
            except OSError:
                continue
        self.host.processes.pop(self.pid, None)

    def crash(self) -> None:
        """The whole host dies with all its processes: dirty data are gone, state is not released.

        Between containers of one machine that is the death of a container: nothing is lost.
        """
        self.host.crash()

    def partition(self, cut: bool) -> None:
        """Cut the host off from its storage, or connect it again."""
        self.host.partition(cut)

    # -- descriptors --------------------------------------------------------------------------

    def hold(self, inode: Inode) -> int:
        """A descriptor that only says which file is meant, as O_PATH gives one; always the same number.

        It keeps nothing open and nobody closes it: a driver that is told of inodes rather than of paths
        passes it wherever a call takes a descriptor.
        """
        fd = -1 - inode.serial
        if fd not in self.fds:
            self.fds[fd] = Handle(inode, O_RDWR, 0, self.pid)
        return fd

    def _install(self, handle: Handle) -> int:
        if self.free_fds:
            fd = heappop(self.free_fds)
        else:
            fd = self.next_fd
            self.next_fd = fd + 1
        self.fds[fd] = handle
        return fd

    def _handle(self, fd: int) -> Handle:
        handle = self.fds.get(fd)
        if handle is None:
            raise failure(errno.EBADF)
        return handle

    def _forget(self, fd: int) -> Handle:
        """Take a descriptor out of the table."""
        handle = self.fds.pop(fd, None)
        if handle is None:
            raise failure(errno.EBADF)
        heappush(self.free_fds, fd)
        return handle

    def _abandon(self, fd: int) -> None:
        """Close a descriptor whose owner is dead and whose close would have to wait."""
        self._forget(fd)

    def dup(self, fd: int) -> int:
        """dup(2): another descriptor of the same open file description."""
        handle = self._handle(fd)
        handle.references += 1
        return self._install(handle)

    def _base(self, dir_fd: int | None) -> Inode | None:
        if dir_fd is None:
            return None
        inode = self._handle(dir_fd).inode
        if inode.entries is None:
            raise failure(errno.ENOTDIR)
        return inode

    @abstractmethod
    def close(self, fd: int) -> None:
        """close(2): the descriptor is gone even if an error is reported."""
