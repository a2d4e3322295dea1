"""What an NFS client believes about one inode, and when it may go on believing it.

The rules (nfs(5), "Data and metadata coherence"; behaviour measured on Linux 6.1):

- Attributes are trusted until ``expires_ns``: ``acregmin`` after they were last seen to change,
  twice as long each time they were found unchanged, up to ``acregmax``; for directories
  ``acdirmin`` and ``acdirmax``. Names looked up in a directory are trusted as long as the
  directory is believed unchanged.
- A reply that shows a change drops the clean pages of a file, or the names of a directory.
- Version 4 sees every change, by the change attribute. Version 3 compares time stamps and size,
  so it misses a change within one tick of the server's clock that keeps the size.

Staleness is never forced while the server can be reached: where belief and truth differ, and the
rules allow the client to keep its belief, the choice ``nfs.*`` decides, and 0 is the truth.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from patchstorm.storage import pages as page_store
from patchstorm.storage.errors import WouldBlock, failure
from patchstorm.storage.flavour import NfsMount
from patchstorm.storage.host import Host
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_node import UNKNOWN, CachedNode, version3_key
from patchstorm.storage.pages import Pages
from patchstorm.storage.stat import Stat

if TYPE_CHECKING:
    from patchstorm.storage.server import Server

_NODES = 2048
"""How many inodes a host knows before it forgets the dead ones."""


class AttributeCache(Host):
    """The attribute half of an NFS client: contact with the server, and what replies teach."""

    __slots__ = (
        "clock",
        "crashed",
        "cut_since_ns",
        "mount",
        "nodes",
        "nodes_max",
        "removals",
        "session_lost",
        "settings",
        "timed_out",
        "tree",
        "trusts_names",
        "unreclaimed",
    )

    def __init__(self, server: Server, name: str, mount: NfsMount) -> None:
        super().__init__(server, name)
        self.mount = mount
        self.trusts_names = mount.lookupcache == "all"
        self.clock = server.settings.clock
        self.tree = server.tree
        self.settings = server.settings
        self.nodes: dict[int, CachedNode] = {}
        self.nodes_max = _NODES
        self.cut_since_ns: int | None = None
        self.crashed = False
        self.session_lost = False
        self.unreclaimed = False
        self.removals: list[tuple[Inode, str, int]] = []
        self.timed_out: list[Callable[[], object]] = []

    # -- the wire -----------------------------------------------------------------------------

    @property
    def unreachable(self) -> bool:
        return self.cut_since_ns is not None or self.server.stopped

    def contact(self) -> None:
        """The server must be asked now. WouldBlock if it cannot be, or EIO on a soft mount."""
        if self.cut_since_ns is not None or self.server.stopped:
            raise self.no_answer()
        if self.removals:
            self.remove_late()

    def call(self, execute: Callable[[], object]) -> None:
        """``contact`` before a call that changes something: if a soft mount gives up, the server
        may still execute it once it can be reached again (nfs(5), soft)."""
        if self.unreachable and self.mount.recovery != "hard" and not self.crashed:
            self.timed_out.append(execute)
        self.contact()

    def no_answer(self) -> Exception:
        """nfs(5): ``hard`` retries for ever, ``soft`` gives EIO, ``softerr`` ETIMEDOUT."""
        if self.crashed:
            raise RuntimeError(f"host {self.name!r} has crashed; call reboot() before using it")
        if self.mount.recovery == "soft":
            return failure(errno.EIO)
        if self.mount.recovery == "softerr":
            return failure(errno.ETIMEDOUT)
        return WouldBlock("partition", ("host", self.name))

    def remove_late(self) -> None:
        """Send the removals of silly-renamed files that were still on their way."""
        pending, self.removals = self.removals, []
        for directory, name, _since in pending:
            self._remove_silly(directory, name)

    def _remove_silly(self, directory: Inode, name: str) -> None:
        if directory.entries is not None and name in directory.entries:
            self.tree.unlink(directory, name)
            node = self.nodes.get(directory.serial)
            if node is not None:
                node.names.pop(name, None)

    # -- knowledge ----------------------------------------------------------------------------

    def node(self, inode: Inode) -> CachedNode:
        """What is known of an inode; made, knowing nothing, at the first call."""
        known = self.nodes.get(inode.serial)
        if known is None:
            if len(self.nodes) >= self.nodes_max:
                self._evict()
            known = self.nodes[inode.serial] = CachedNode(inode, self.tree.stat(inode))
            known.timeo_ns = self._shortest(inode)
        return known

    def _evict(self) -> None:
        """Memory pressure: knowledge of files that are gone goes, where nothing depends on it."""
        self.nodes = {
            serial: node
            for serial, node in self.nodes.items()
            if node.inode.nlink or node.opens or node.patches or node.unstable
        }
        self.nodes_max = max(_NODES, 2 * len(self.nodes))

    def _shortest(self, inode: Inode) -> int:
        mount = self.mount
        return mount.acregmin_ns if inode.entries is None else mount.acdirmin_ns

    def _longest(self, inode: Inode) -> int:
        mount = self.mount
        return mount.acregmax_ns if inode.entries is None else mount.acdirmax_ns

    def absorb(self, node: CachedNode) -> None:
        """A reply carried the inode's attributes."""
        inode = node.inode
        now = self.clock.now_ns
        node.held_size = None
        if node.change == inode.change:
            if now >= node.expires_ns:
                node.timeo_ns = min(2 * node.timeo_ns, self._longest(inode))
        else:
            if node.change == UNKNOWN:
                self.drop_clean(node)
            elif node.writing and not self._beliefs_differ(node):
                node.data_change = (
                    inode.data_change
                )  # a writer's pages stay, and nothing was missed
            elif self._misses_change(node) or self._takes_for_its_own(node):
                node.blind, node.reopened = True, False
            else:
                self.drop_clean(node)
            node.change = inode.change
            node.timeo_ns = self._shortest(inode)
        node.key = version3_key(inode)
        node.stat = inode.stat or self.tree.stat(inode)
        if not node.patches or node.size < inode.size:
            node.size = inode.size
        node.expires_ns = now + node.timeo_ns

    def _misses_change(self, node: CachedNode) -> bool:
        """Version 3: nothing visible changed, so what is cached may be kept."""
        if not self.mount.is_v3 or node.key != version3_key(node.inode):
            return False
        if not self._beliefs_differ(node):
            return True
        return self.settings.choose("nfs3.tick", 2) == 1

    def _takes_for_its_own(self, node: CachedNode) -> bool:
        """A file that is open here for writing changed: the client takes that for what it wrote itself,
        and keeps its pages until it locks the file (nfs_update_inode; seen with 3, 4.0 and 4.2)."""
        if not node.writing or not self._beliefs_differ(node):
            return False
        return self.settings.choose("nfs.own-change", 2) == 1

    def _beliefs_differ(self, node: CachedNode) -> bool:
        inode = node.inode
        entries = inode.entries
        if entries is not None:
            return any(entries.get(name) is not known for name, known in node.names.items())
        if node.data_change == inode.data_change:
            return False
        return any(
            page.rstrip(b"\0") != inode.pages.get(index, b"").rstrip(b"\0")
            for index, page in node.pages.items()
            if index not in node.patches
        )

    def drop_clean(self, node: CachedNode) -> None:
        """Forget names and clean pages; dirty pages stay, over what the server has now."""
        node.blind = False
        inode = node.inode
        if self.mount.delegates_names and inode.entries is not None:
            node.names = {name: known for name, known in node.names.items() if known is not None}
            node.ghosts = set(node.names)
        else:
            node.names.clear()
        node.listed = False
        if node.patches:
            kept: Pages = {}
            for index, patches in node.patches.items():
                if index in node.pages:
                    page = inode.pages.get(index, b"")
                    for start, data in patches:
                        page = page_store.overlay(page, start, data)
                    kept[index] = page
            node.pages = kept
        elif node.pages:
            node.pages = {}
        node.data_change = inode.data_change

    def getattr(self, node: CachedNode, held: bool) -> None:
        """GETATTR: contact, then learn. ESTALE if the file is gone and no longer served.

        ``held`` says that this host has the file open, which a version 4 server knows and a
        version 3 server's file cache often makes up for.
        """
        self.contact()
        inode = node.inode
        if inode.writers is not None:
            self.server.observe(inode, self)
        self.check_handle(node, held)
        self.absorb(node)

    def check_handle(self, node: CachedNode, held: bool) -> None:
        """ESTALE if the file has no name left and the server does not serve it."""
        if node.inode.nlink == 0 and not self.still_served(node, held):
            node.stale = True
            raise failure(errno.ESTALE)

    def still_served(self, node: CachedNode, held: bool) -> bool:
        """Does the server answer for an inode without names?

        By handle alone it may (seen with ``actimeo=0``, never with ``noac``).
        """
        if node.inode.lost or (node.stale and not (held and self.heals(node))):
            return False
        if held:
            return node.opened_by_handle or self.settings.choose("nfs.estale", 2) == 0
        mount = self.mount
        if not (mount.serves_unlinked or node.inode.opens) or (
            mount.sync_writes and mount.acregmax_ns == 0
        ):
            return False
        return self.settings.choose("nfs.unlinked-getattr", 2) == 1

    def heals(self, node: CachedNode) -> bool:
        """Whether a file that was ESTALE before is asked for, or answered from what is cached, all the same.

        One call that failed says nothing of the next (3: a lock, then nlink 1; 4.2: fstat, then pread
        worked).
        """
        if self.settings.choose("nfs.stale", 2) == 0:
            return False
        node.stale = False
        return True

    def may_doubt(self, kind: str, node: CachedNode) -> bool:
        """Belief and truth differ, and the belief has not expired: True to keep the belief."""
        if self.unreachable:
            return self.clock.now_ns < node.expires_ns
        return self.clock.now_ns < node.expires_ns and self.settings.choose(kind, 2) == 1

    def attributes(self, node: CachedNode, held: bool) -> Stat:
        """stat and fstat, after own dirty data were sent."""
        inode = node.inode
        if node.stale and not self.heals(node):
            raise failure(errno.ESTALE)
        if held and node.opened_by_handle and self._missed_by_fstat(node):
            raise failure(errno.ESTALE)
        if inode.writers is not None and not self.unreachable:
            self.server.observe(inode, self)
        node.held_size = None
        if node.change == inode.change:
            if self.clock.now_ns >= node.expires_ns:
                self.getattr(node, held)
            elif held and inode.nlink == 0 and not self.unreachable:
                self.check_handle(node, True)  # looking at its name asks for it anew
        elif not self.may_doubt("nfs.attributes", node):
            self.getattr(node, held)
        return node.stat

    def _missed_by_fstat(self, node: CachedNode) -> bool:
        """The C library's fstat is a look-up of nothing, and fails once no name is known to be left, though
        reading works (nfs_weak_revalidate; seen with 6.1; later kernels see through it)."""
        if node.stat.st_nlink or not self.mount.fstat_looks_up or self.unreachable:
            return False
        return self.settings.choose("nfs.estale", 2) == 1
