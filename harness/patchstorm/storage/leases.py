"""The server's side of locks: who waits, whose lease has run out, what a restart asks back."""

from __future__ import annotations

from patchstorm.storage.errors import WouldBlock
from patchstorm.storage.host import Host
from patchstorm.storage.inode import Inode
from patchstorm.storage.locks import FileLocks, Owner
from patchstorm.storage.nfs_host import NfsHost
from patchstorm.storage.settings import Settings

Key = tuple[str, int | str]

_UNLIMITED_PAGES = 1 << 32


class LockService:
    """Lock state that outlives a call. ``locked`` are inodes on which NFS hosts hold locks."""

    __slots__ = ("grace_until_ns", "hosts", "locked", "settings", "wakes")

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.hosts: dict[str, Host] = {}
        self.locked: dict[int, Inode] = {}
        self.wakes: list[Key] = []
        self.grace_until_ns = 0

    # -- waiting ------------------------------------------------------------------------------

    def wake(self, key: Key) -> None:
        self.wakes.append(key)

    def take_wakes(self) -> list[Key]:
        """Keys of ``WouldBlock`` that may go on, in the order in which they became free."""
        taken, self.wakes = self.wakes, []
        return taken

    def lock_wait(self, inode: Inode) -> WouldBlock:
        """Remember that somebody waits, and say for what and until when."""
        until: int | None = None
        if inode.locks is not None:
            inode.locks.waited_for = True
            until = self._lease_end(inode.locks)
        return WouldBlock("lock", ("lock", inode.serial), until)

    def released(self, inode: Inode) -> None:
        """A lock on ``inode`` was given up: wake who waits for it."""
        locks = inode.locks
        if locks is None:
            return
        if locks.waited_for:
            locks.waited_for = False
            self.wakes.append(("lock", inode.serial))
        if locks.empty:
            self.locked.pop(inode.serial, None)

    def released_locally(self, inode: Inode, table: FileLocks) -> None:
        """A lock that only one host knew of; waiters share the inode's key."""
        if table.waited_for:
            table.waited_for = False
            self.wakes.append(("lock", inode.serial))

    def grace_wait(self) -> None:
        """WouldBlock while the server takes only reclaims."""
        until = self.grace_until_ns
        if until > self.settings.clock.now_ns:
            raise WouldBlock("grace", ("grace", 0), until)

    # -- locks of NFS hosts ---------------------------------------------------------------------

    def remote_lock(
        self, host: NfsHost, inode: Inode, owner: Owner, start: int, end: int, exclusive: bool
    ) -> None:
        """LOCK: EAGAIN on conflict, unless the holder's lease has run out."""
        self.grace_wait()
        locks = inode.locks
        if locks is None:
            locks = inode.locks = FileLocks()
        for held in locks.conflicts(owner, start, end, exclusive):
            holder = self.hosts.get(held.owner[1])
            if isinstance(holder, NfsHost) and self._expired(holder):
                self.revoke(holder)
        locks.lock(owner, start, end, exclusive)
        self.locked[inode.serial] = inode
        if locks.waited_for:
            self.released(inode)

    def _expired(self, host: NfsHost) -> bool:
        """May the server give this host's locks away? A v3 server never may by itself."""
        if host.unreclaimed:
            return True
        since = host.cut_since_ns
        if since is None or host.mount.is_v3:
            return False
        return self.settings.clock.now_ns - since >= host.mount.lease_ns

    def _lease_end(self, locks: FileLocks) -> int | None:
        ends = []
        for held in locks.ranges:
            holder = self.hosts.get(held.owner[1])
            if (
                isinstance(holder, NfsHost)
                and holder.cut_since_ns is not None
                and not holder.mount.is_v3
            ):
                ends.append(holder.cut_since_ns + holder.mount.lease_ns)
        return min(ends, default=None)

    def revoke(self, host: NfsHost) -> None:
        """The lease ran out and somebody wants a lock: all state of that host goes."""
        self.drop_locks_of(host)
        host.lose_locks()
        host.unreclaimed = False

    def drop_locks_of(self, host: Host) -> None:
        for inode in list(self.locked.values()):
            if inode.locks is not None and inode.locks.drop_host(host.name):
                self.released(inode)

    def keep_only(self, host: str, alive: set[Owner]) -> None:
        """Drop a host's locks whose owners are gone."""
        for inode in list(self.locked.values()):
            locks = inode.locks
            if locks is None:
                continue
            gone = [
                held.owner
                for held in locks.ranges
                if held.owner[1] == host and held.owner not in alive
            ]
            for owner in gone:
                locks.unlock(owner)
            if gone:
                self.released(inode)

    def returned(self, host: NfsHost) -> None:
        """A host can reach the server again: in time to reclaim after a restart, or too late."""
        if host.unreclaimed:
            if self.settings.clock.now_ns < self.grace_until_ns:
                host.unreclaimed = False
            else:
                self.revoke(host)
