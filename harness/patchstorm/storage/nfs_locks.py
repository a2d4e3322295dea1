"""Locks of a process on an NFS mount, and what taking and giving them up does to caches."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from patchstorm.storage import constants as c
from patchstorm.storage.client import Client
from patchstorm.storage.errors import failure
from patchstorm.storage.handle import Handle
from patchstorm.storage.inode import Inode
from patchstorm.storage.locks import FileLocks, Owner

if TYPE_CHECKING:
    from patchstorm.storage.nfs_host import NfsHost
    from patchstorm.storage.server import Server


class NfsLocks(Client):
    """flock and lockf over NFS; ``kernel`` is the host's NFS client."""

    __slots__ = ("kernel",)

    def __init__(self, server: Server, host: NfsHost, pid: int) -> None:
        super().__init__(server, host, pid)
        self.kernel = host

    # -- locks ----------------------------------------------------------------------------------

    def _flock_owner(self, handle: Handle) -> Owner:
        return ("flock", self.host.name, handle.serial)

    def _flock_take(self, handle: Handle, exclusive: bool) -> None:
        kernel = self.kernel
        inode = handle.inode
        node = kernel.node(inode)
        if kernel.mount.local_flock:
            kernel.before_lock(node)
            self._local_flock(handle, exclusive)
        else:
            if not kernel.mount.is_v3 and not (handle.writable if exclusive else handle.readable):
                raise failure(errno.EBADF)
            kernel.contact()
            kernel.check_handle(node, True)
            kernel.before_lock(node)
            owner = self._flock_owner(handle)
            self._remote_lock(inode, owner, 0, c.FILE_BYTES_MAX, exclusive)
            self._locked(handle)
        kernel.after_lock(node)

    def _remote_lock(
        self, inode: Inode, owner: Owner, start: int, end: int, exclusive: bool
    ) -> None:
        """On the server; with a delegation here, where flock and fcntl locks do not see each other
        (flock(2))."""
        kernel = self.kernel
        if kernel.mount.delegates_files and inode.locks is not None:
            held = inode.locks.conflicts(owner, start, end, exclusive)
            mine = all(one.owner[1] == kernel.name and one.owner[0] != owner[0] for one in held)
            if held and mine and self.settings.choose("nfs.delegated-lock", 2):
                inode.locks.add(owner, start, end, exclusive)
                return
        self.server.remote_lock(kernel, inode, owner, start, end, exclusive)

    def _local_flock(self, handle: Handle, exclusive: bool) -> None:
        table = self.kernel.local_table(handle.inode)
        owner = self._flock_owner(handle)
        held = table.flocks.get(owner)
        try:
            table.flock(owner, exclusive)
        finally:
            if held is not None and table.flocks.get(owner) != held:
                self.server.released_locally(handle.inode, table)

    def _locked(self, handle: Handle) -> None:
        handle.locked = True
        handle.lost = False

    def _flock_drop(self, handle: Handle) -> None:
        self._give_up(handle, self._flock_owner(handle), 0, c.FILE_BYTES_MAX)

    def _range_take(self, handle: Handle, start: int, end: int, exclusive: bool) -> None:
        kernel = self.kernel
        inode = handle.inode
        node = kernel.node(inode)
        owner = ("posix", self.host.name, self.pid)
        if kernel.mount.local_posix:
            kernel.before_lock(node)
            kernel.local_table(inode).lock(owner, start, end, exclusive)
        else:
            kernel.contact()
            kernel.check_handle(node, True)
            kernel.before_lock(node)
            self._remote_lock(inode, owner, start, end, exclusive)
            self._locked(handle)
        kernel.after_lock(node)

    def _range_table(self, inode: Inode) -> FileLocks | None:
        if self.kernel.mount.local_posix:
            return self.kernel.local_locks.get(inode.serial)
        return inode.locks

    def _range_drop(self, handle: Handle, start: int, end: int) -> None:
        self._give_up(handle, ("posix", self.host.name, self.pid), start, end)

    def _give_up(self, handle: Handle, owner: Owner, start: int, end: int) -> None:
        """Unlock: what is dirty is sent first; a lost lock is only forgotten."""
        kernel = self.kernel
        node = kernel.node(handle.inode)
        if handle.lost:
            kernel.discard(node)
            handle.lost = handle.locked = False
            return
        if kernel.unreachable and (node.patches or handle.locked):
            raise kernel.no_answer()
        kernel.flush(node)
        self._unlock(handle, owner, start, end)
        handle.locked = False

    def _unlock(self, handle: Handle, owner: Owner, start: int, end: int) -> None:
        inode = handle.inode
        table = self.kernel.local_locks.get(inode.serial)
        if table is not None and (
            table.unlock(owner, start, end) | (owner[0] == "flock" and table.flock_drop(owner))
        ):
            self.server.released_locally(inode, table)
        locks = inode.locks
        if locks is not None and not self.kernel.unreachable and locks.unlock(owner, start, end):
            self.server.released(inode)
