"""A host with an NFS mount: its caches, its death, its being cut off."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from patchstorm.storage.client import Client
from patchstorm.storage.errors import WouldBlock, failure
from patchstorm.storage.flavour import NfsMount
from patchstorm.storage.inode import Inode
from patchstorm.storage.locks import FileLocks, Owner
from patchstorm.storage.nfs_changes import NameChanges
from patchstorm.storage.nfs_node import CachedNode

if TYPE_CHECKING:
    from patchstorm.storage.server import Server


class NfsHost(NameChanges):
    """The kernel of one client host. ``local_locks`` hold what ``local_lock``/``nolock`` keep."""

    __slots__ = ("local_locks",)

    def __init__(self, server: Server, name: str, mount: NfsMount) -> None:
        super().__init__(server, name, mount)
        self.local_locks: dict[int, FileLocks] = {}

    def _new_process(self, pid: int) -> Client:
        from patchstorm.storage.nfs_client import NfsClient

        return NfsClient(self.server, self, pid)

    # -- locks --------------------------------------------------------------------------------

    def before_lock(self, node: CachedNode) -> None:
        """do_setlk: what is dirty is sent before a lock is taken or given up."""
        self.flush(node)

    def after_lock(self, node: CachedNode) -> None:
        """A new lock holder must see what the last one wrote: nothing cached is believed.

        What happens after that, without the lock, a version 4 client may not see for a while: with a
        delegation it keeps its attributes, and goes on doing so when it had to give it back (do_setlk; seen
        with 4.0 and 4.2).
        """
        if node.reopened and self.mount.delegates_files and self._delegated(node):
            return
        node.expires_ns = 0
        self.drop_clean(node)
        if not self.unreachable:
            size = node.size
            self.absorb(node)
            node.held_size = size
            if self.mount.is_v3:
                node.expires_ns = 0

    def _delegated(self, node: CachedNode) -> bool:
        """The client kept old pages for its own, and opened the file again since: so it may have been given a
        delegation, with which a lock refreshes nothing (seen with 4.0 on 7.2)."""
        unchanged = node.blind and node.change == node.inode.change
        return unchanged and self.settings.choose("nfs.delegated", 2) == 1

    def local_table(self, inode: Inode) -> FileLocks:
        """The locks of this host alone."""
        table = self.local_locks.get(inode.serial)
        if table is None:
            table = self.local_locks[inode.serial] = FileLocks()
        return table

    def has_byte_locks(self, inode: Inode) -> bool:
        """A lock that does not cover the whole file: then a write is not widened to its page."""
        tables = [inode.locks, self.local_locks.get(inode.serial)]
        mine = [
            held
            for table in tables
            if table is not None
            for held in table.ranges
            if held.owner[1] == self.name
        ]
        return any(held.start > 0 or held.end < 1 << 62 or not held.exclusive for held in mine)

    def lock_wait(self, inode: Inode) -> WouldBlock:
        table = self.local_locks.get(inode.serial)
        if table is not None:
            table.waited_for = True
        return self.server.lock_wait(inode)

    # -- death and partition ----------------------------------------------------------------------

    def crash(self) -> None:
        """Dirty data go (perhaps some had been sent), locks and opens stay until the lease ends."""
        for node in self.nodes.values():
            self.crash_dirty(node)
            if not self.mount.is_v3:
                for _ in range(node.opens):
                    self.server.close_on_server(node.inode)
        for process in self.processes.values():
            process.fds.clear()
        self.processes.clear()
        self.nodes = {}
        self.removals = []
        self.timed_out = []
        self.local_locks = {}
        self.crashed = True
        if self.cut_since_ns is None:
            self.cut_since_ns = self.clock.now_ns

    def reboot(self, view: Client) -> None:
        """Back with empty caches. The server learns of it and frees what the dead host held:
        version 4 by the new client instance, version 3 by statd's notification."""
        self.crashed = False
        self.cut_since_ns = None
        self.unreclaimed = False
        self.processes[view.pid] = view
        self.server.drop_locks_of(self)

    def partition(self, cut: bool) -> None:
        """Cut the host off, or let it reach its storage again."""
        if cut:
            if self.cut_since_ns is None:
                self.cut_since_ns = self.clock.now_ns
            return
        if self.cut_since_ns is None or self.crashed:
            return
        self.cut_since_ns = None
        self.server.returned(self)
        timed_out, self.timed_out = self.timed_out, []
        for late in timed_out:
            if self.settings.choose("nfs.late-request", 2):
                try:
                    late()
                except OSError:
                    continue
        self._release_orphans()
        self.server.wake(("host", self.name))

    def _release_orphans(self) -> None:
        """Unlock calls that could not be sent while cut off: owners that are gone."""
        alive: set[Owner] = set()
        for pid, process in self.processes.items():
            alive.add(("posix", self.name, pid))
            alive.update(("flock", self.name, handle.serial) for handle in process.fds.values())
        self.server.keep_only(self.name, alive)

    def lose_locks(self) -> None:
        """The server gave this host's locks away: I/O on those descriptors fails (fcntl(2))."""
        for process in self.processes.values():
            for handle in process.fds.values():
                if handle.locked:
                    handle.lost = not self.mount.is_v3
                    handle.locked = False

    def fail_if_lost(self, lost: bool) -> None:
        """EIO on a descriptor whose lock is lost, once the client has heard of it."""
        if lost and not self.unreachable:
            raise failure(errno.EIO)
