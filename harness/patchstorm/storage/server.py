"""The shared storage as a whole: one tree, the hosts that mount it, locks, restarts, power loss.

    server = Server("nfs4,actimeo=1", clock=clock, choose=chooser)
    host_a, host_b = server.mount("a"), server.mount("b")
    fd = host_a.open("/x", O_CREAT | O_RDWR)

A server owns no time and draws no chance: ``clock.now_ns`` and ``choose(kind, n)`` are its caller's.
"""

from __future__ import annotations

from collections.abc import Callable

from patchstorm.storage.client import Client
from patchstorm.storage.durability import Durability
from patchstorm.storage.faults import Faults
from patchstorm.storage.flavour import Flavour
from patchstorm.storage.host import Host
from patchstorm.storage.inode import Inode
from patchstorm.storage.leases import LockService
from patchstorm.storage.local import LocalHost
from patchstorm.storage.nfs_host import NfsHost
from patchstorm.storage.observer import ObserverHost
from patchstorm.storage.parse import parse_flavour
from patchstorm.storage.settings import Choose, Clock, ManualClock, Settings, always_dull
from patchstorm.storage.stat import StatVfs
from patchstorm.storage.tree import Tree
from patchstorm.storage.unstable import UnstableWrites

Key = tuple[str, int | str]

_UNLIMITED_PAGES = 1 << 32


class Server(LockService):
    """One shared file system.

    ``pause(kind)``, if set, is called between the server steps of a call that has several (a rename
    over a file open on the same host, a write-back of more than wsize): other hosts may act inside
    it. ``boots`` counts restarts.
    """

    __slots__ = (
        "boots",
        "disk",
        "flavour",
        "next_handle",
        "stopped",
        "tree",
        "undo",
    )

    def __init__(
        self,
        flavour: Flavour | str = "tmpfs",
        *,
        clock: Clock | None = None,
        choose: Choose = always_dull,
        faults: Faults | None = None,
        capacity_bytes: int | None = None,
    ) -> None:
        if isinstance(flavour, str):
            flavour = parse_flavour(flavour)
        self.flavour = flavour
        super().__init__(Settings(clock or ManualClock(), choose, faults, flavour.tick_ns))
        self.settings.reuse_numbers = flavour.reuses_inode_numbers
        capacity = flavour.capacity_bytes if capacity_bytes is None else capacity_bytes
        logged = flavour.disk.durable and (flavour.nfs is None or not flavour.disk.fsync_works)
        self.tree = Tree(self.settings, capacity, logged)
        self.disk = Durability(self.tree, flavour.disk) if logged else None
        self.next_handle = 1
        self.boots = 0
        self.stopped = False
        self.undo: dict[int, UnstableWrites] = {}

    # -- surroundings -------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        return self.settings.clock

    @property
    def choose(self) -> Choose:
        return self.settings.choose

    @choose.setter
    def choose(self, choose: Choose) -> None:
        self.settings.choose = choose

    @property
    def faults(self) -> Faults | None:
        return self.settings.faults

    @faults.setter
    def faults(self, faults: Faults | None) -> None:
        self.settings.faults = faults

    @property
    def pause(self) -> Callable[[str], None] | None:
        return self.settings.pause

    @pause.setter
    def pause(self, pause: Callable[[str], None] | None) -> None:
        self.settings.pause = pause

    @property
    def read_only(self) -> bool:
        """While True every change fails with EROFS."""
        return self.settings.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self.settings.read_only = value

    # -- mounting -----------------------------------------------------------------------------

    def mount(self, host: str, pid: int = 1) -> Client:
        """The process ``pid`` of ``host``, which mounts the storage at its first process."""
        known = self.hosts.get(host)
        if known is None:
            mount = self.flavour.nfs
            known = LocalHost(self, host) if mount is None else NfsHost(self, host, mount)
            self.hosts[host] = known
        return known.process(pid)

    def observer(self, name: str = "server") -> Client:
        """A process on the machine that has the disk: it sees the truth, with no cache between."""
        known = self.hosts.get(name)
        if known is None:
            known = LocalHost(self, name) if self.flavour.nfs is None else ObserverHost(self, name)
            self.hosts[name] = known
        return known.process(1)

    def files(self) -> dict[str, bytes]:
        """Path and content of every file the server has now; for checkers and tests."""
        from patchstorm.storage import pages

        found: dict[str, bytes] = {}
        todo = [("", self.tree.root)]
        while todo:
            prefix, directory = todo.pop()
            for name, inode in sorted((directory.entries or {}).items()):
                path = f"{prefix}/{name}"
                if inode.entries is not None:
                    todo.append((path, inode))
                elif inode.target is None:
                    found[path] = pages.read(inode.pages, inode.size, 0, inode.size)
        return found

    def statvfs(self) -> StatVfs:
        tree = self.tree
        free = tree.free_pages
        if free is None:
            free = total = _UNLIMITED_PAGES
        else:
            total = free + self._used_pages()
        return StatVfs(4096, 4096, total, free, free, 1 << 32, 1 << 31, 1 << 31)

    def _used_pages(self) -> int:
        used = 0
        seen: set[int] = set()
        todo = [self.tree.root]
        while todo:
            inode = todo.pop()
            if inode.serial in seen:
                continue
            seen.add(inode.serial)
            used += len(inode.pages)
            todo.extend((inode.entries or {}).values())
        return used

    # -- what NFS hosts share --------------------------------------------------------------------

    def observe(self, inode: Inode, by: Host | None) -> None:
        """Somebody looks at a file for which other hosts hold unsent data: had they sent it?"""
        writers = inode.writers
        if writers is None:
            return
        for host in list(writers):
            if host is by or host.unreachable:
                continue
            node = host.node(inode)
            if node.sending:
                continue
            age = self.settings.clock.now_ns - node.dirty_since_ns
            if age >= host.mount.dirty_age_ns or self.settings.choose("nfs.writeback", 2) == 0:
                host.flush(node, stable=False)

    def end_removals(self) -> None:
        """What clients have been removing for long is gone, as a look past every cache finds it."""
        for host in self.hosts.values():
            if isinstance(host, NfsHost):
                host.end_removals()

    def settle_removals(self) -> None:
        for host in self.hosts.values():
            if isinstance(host, NfsHost):
                host.settle_removals()

    def close_on_server(self, inode: Inode) -> None:
        """A version 4 CLOSE, or the end of a dead client's opens."""
        inode.opens -= 1
        if inode.opens == 0 and inode.nlink == 0 and inode.entries is None:
            self.tree.free(inode)

    # -- restart and power loss -------------------------------------------------------------------

    def stop(self) -> None:
        """The server is down: hard mounts wait, soft mounts fail."""
        self.stopped = True

    def start(self) -> None:
        """The server is back: a grace period begins, clients that can be reached reclaim."""
        self.stopped = False
        self.boots += 1
        mount = self.flavour.nfs
        if mount is None:
            return
        self.grace_until_ns = self.settings.clock.now_ns + mount.grace_ns
        for host in self.hosts.values():
            if isinstance(host, NfsHost):
                host.session_lost = True
                if host.cut_since_ns is not None:
                    host.unreclaimed = True
                self.wake(("host", host.name))

    def restart(self) -> None:
        """Stop and start at once; nothing on disk or in memory of the file system is lost."""
        if self.flavour.nfs is None:
            raise ValueError(f"{self.flavour.name} has no server to restart; use power_loss()")
        self.stop()
        self.start()

    def power_loss(self) -> None:
        """The machine with the disk loses power and comes back.

        For local storage that is the machine of all hosts: every process dies first. What of the
        un-synced state survives is drawn (choices ``power.*``; 0 keeps everything). For NFS the
        clients live on, and send again what was not committed.
        """
        local = self.flavour.nfs is None
        for host in list(self.hosts.values()):
            if local or not isinstance(host, NfsHost):
                for process in list(host.processes.values()):
                    process.fds.clear()
                    process.free_fds.clear()
                host.processes.clear()
        if local:
            for inode in list(self.locked.values()):
                inode.locks = None
            self.locked.clear()
        if self.disk is not None:
            self.disk.power_loss(forget_state=local)
        elif not self.flavour.disk.durable:
            self.tree.wipe()
        else:
            self._lose_unstable()
        if not local:
            self.stop()
            self.start()

    def before_unstable_write(self, inode: Inode, indices: list[int]) -> None:
        """An NFS write without commit: keep what the disk has."""
        if self.disk is not None:
            return
        kept = self.undo.get(inode.serial)
        if kept is None:
            kept = self.undo[inode.serial] = UnstableWrites(inode)
        for index in indices:
            kept.pages.setdefault(index, inode.pages.get(index))

    def commit(self, inode: Inode) -> None:
        """COMMIT: what was written to this inode is on the server's disk."""
        self.undo.pop(inode.serial, None)

    def _lose_unstable(self) -> None:
        undo, self.undo = self.undo, {}
        for kept in undo.values():
            kept.lose(self.tree, self.settings.choose)
