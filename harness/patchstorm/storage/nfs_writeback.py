"""The sending half of an NFS client's page cache: what is dirty goes to the server, and what comes of it.

Rules (Linux fs/nfs/write.c and inode.c; measured on 6.1 and 7.2):

- A dirty page that is cached whole is sent from its beginning to where the file was believed to end when
  it was written, over what others wrote there (``nfs.page-clobber``; nfs_updatepage).
- An error drops what is left, and is remembered for every descriptor that is open.
- Pages that were written stay as they are here, also where somebody else changed the file meanwhile and this
  client takes that for its own change (``nfs.own-change``).
- The reply to a write of version 4 says nothing of names, and no reply makes a file shrink while a write is
under way.
"""

from __future__ import annotations

import errno

import msgspec

from patchstorm.storage import pages as page_store
from patchstorm.storage.constants import PAGE_BYTES
from patchstorm.storage.errors import failure
from patchstorm.storage.nfs_cache import AttributeCache
from patchstorm.storage.nfs_node import CachedNode, Patch
from patchstorm.storage.pages import Pages


class WriteBack(AttributeCache):
    """What one NFS client has written and the server has not, or not on its disk."""

    __slots__ = ()

    def become_writer(self, node: CachedNode) -> None:
        node.dirty_since_ns = self.clock.now_ns
        inode = node.inode
        if inode.writers is None:
            inode.writers = []
        inode.writers.append(self)  # type: ignore[arg-type]  # every PageCache is an NfsHost

    # -- sending ------------------------------------------------------------------------------

    def flush(self, node: CachedNode, stable: bool = True) -> None:
        """Send what is dirty and, if ``stable``, have it committed to the server's disk.

        An error of the server drops what is left, is remembered for every open descriptor, and is
        not raised here: ``report`` does that.
        """
        if stable and node.unstable:
            self._send_again_after_reboot(node)
        if not node.patches:
            if stable and node.unstable:
                self.contact()
                self._commit(node)
            return
        if self.unreachable and self.mount.recovery != "hard":
            self._time_out(node)
            return
        self.contact()
        inode = node.inode
        if inode.nlink == 0 and not self.still_served(node, True):
            node.stale = True
            self._lose_dirty(node, errno.ESTALE)
            return
        known = node.change == inode.change
        exact = known and node.data_change == inode.data_change
        if not stable:
            self._remember_unstable(node)
        before = inode.change
        calls = 0
        size_meant = None
        node.sending = True
        try:
            calls = self._send(node)
        except OSError as error:
            size_meant = node.size
            self._lose_dirty(node, error.errno or errno.EIO)
        finally:
            node.sending = False
        alone = inode.change == before + calls
        self._sent(node, known and alone, exact and alone)
        if size_meant is not None:
            self._tells_lost_size(node, size_meant)
        if stable:
            self._commit(node)

    def _send(self, node: CachedNode) -> int:
        """WRITE calls of at most wsize bytes, in file order; returns how many.

        Other hosts can act between them.
        """
        inode = node.inode
        pause = self.settings.pause
        runs = list(self._runs(node))
        for position, (offset, data) in enumerate(runs):
            if position and pause is not None:
                pause("nfs.write")
                self.contact()
            done = self.tree.write(inode, offset, data)
            if done < len(data):
                raise failure(errno.ENOSPC)
        return len(runs)

    def _runs(self, node: CachedNode) -> list[tuple[int, bytes]]:
        """Dirty bytes as (offset, data), neighbours joined up to wsize."""
        runs: list[tuple[int, list[bytes], int]] = []
        for index in sorted(node.patches):
            for start, part in self._page_to_send(node, index):
                offset = index * PAGE_BYTES + start
                if runs:
                    first, parts, length = runs[-1]
                    if first + length == offset and length + len(part) <= self.mount.wsize_bytes:
                        parts.append(part)
                        runs[-1] = (first, parts, length + len(part))
                        continue
                runs.append((offset, [part], len(part)))
        return [(offset, b"".join(parts)) for offset, parts, _ in runs]

    def _page_to_send(self, node: CachedNode, index: int) -> list[Patch]:
        patches = node.patches[index]
        if index not in node.wide or index not in node.pages:
            return patches
        begin = index * PAGE_BYTES
        meant = node.inode.pages.get(index, b"")
        end = node.inode.size - begin
        for start, part in patches:
            meant = page_store.overlay(meant, start, part)
            end = max(end, start + len(part))
        written = max(start + len(part) for start, part in patches)
        length = min(max(node.wide[index], written), node.size - begin)
        whole = node.pages[index][:length].ljust(length, b"\0")
        sent = page_store.overlay(meant, 0, whole)
        if length <= end and sent.rstrip(b"\0") == meant.rstrip(b"\0"):
            return patches
        if self.settings.choose("nfs.page-clobber", 2) == 0:
            return patches
        return [(0, whole)]

    def _sent(self, node: CachedNode, known: bool, exact: bool) -> None:
        """The server has it: nothing is dirty.

        ``known`` if this client had seen the last change by others, ``exact`` if its clean pages
        were those of the server too (version 3 can miss a change and keep old ones).
        """
        inode = node.inode
        pages: Pages = inode.pages
        links, size = node.stat.st_nlink, node.size
        for index in node.patches if known else ():
            if index in node.pages:
                node.pages[index] = pages.get(index, b"")
        self._clean(node)
        if known:
            node.change = inode.change
        if exact:
            node.data_change = inode.data_change
        self.absorb(node)
        if links != node.stat.st_nlink and not self.mount.is_v3:
            self._count_links_later(node, links)
        if size > inode.size and not known and self.settings.choose("nfs.size", 2):
            # while a write is under way a file does not shrink (nfs_update_inode)
            node.size = size
            node.stat = msgspec.structs.replace(node.stat, st_size=size)

    def _count_links_later(self, node: CachedNode, links: int) -> None:
        """The reply to a write of version 4 does not say how many names a file has."""
        if self.settings.choose("nfs.attributes", 2):
            node.stat = msgspec.structs.replace(node.stat, st_nlink=links)

    def _time_out(self, node: CachedNode) -> None:
        """A soft mount gives up; the server may still execute the calls later (nfs(5), soft)."""
        inode = node.inode
        runs = self._runs(node)

        def late() -> None:
            for offset, data in runs:
                self.tree.write(inode, offset, data)

        self.timed_out.append(late)
        soft = self.mount.recovery == "soft"
        self._lose_dirty(node, errno.EIO if soft else errno.ETIMEDOUT)

    def _clean(self, node: CachedNode) -> None:
        node.patches = {}
        node.wide.clear()
        writers = node.inode.writers
        if writers is not None:
            if self in writers:
                writers.remove(self)
            if not writers:
                node.inode.writers = None

    def _lose_dirty(self, node: CachedNode, code: int) -> None:
        for index in node.patches:
            node.pages.pop(index, None)
        self._clean(node)
        node.size = node.inode.size
        node.expires_ns = 0
        node.error_count += 1
        node.error_code = code

    def _tells_lost_size(self, node: CachedNode, size: int) -> None:
        """The size of what could not be written may be told until attributes are asked for (seen with
        6.1)."""
        if size > node.size and self.settings.choose("nfs.failed-size", 2):
            node.stat = msgspec.structs.replace(node.stat, st_size=size)

    def discard(self, node: CachedNode) -> None:
        """Throw away what is dirty: its lock is lost, or its write-back failed."""
        if node.patches:
            for index in node.patches:
                node.pages.pop(index, None)
            self._clean(node)
            node.size = node.inode.size
            node.expires_ns = 0

    # -- stable storage -----------------------------------------------------------------------

    def _remember_unstable(self, node: CachedNode) -> None:
        if not node.unstable:
            node.boot = self.server.boots
        for index, patches in node.patches.items():
            node.unstable.setdefault(index, []).extend(patches)
        self.server.before_unstable_write(node.inode, sorted(node.patches))

    def _send_again_after_reboot(self, node: CachedNode) -> None:
        """The write verifier changed: the server may have lost them (RFC 1813 section 3.3.21)."""
        if node.boot == self.server.boots:
            return
        node.boot = self.server.boots
        if not node.patches:
            self.become_writer(node)
        for index, patches in node.unstable.items():
            node.patches[index] = patches + node.patches.get(index, [])
            node.pages.pop(index, None)
        node.unstable = {}

    def _commit(self, node: CachedNode) -> None:
        node.unstable = {}
        self.server.commit(node.inode)

    def crash_dirty(self, node: CachedNode) -> None:
        """The host is dying: which of its dirty pages had the kernel sent already?"""
        if not node.patches or self.unreachable:
            self._clean(node)
            return
        fate = self.settings.choose("nfs.crash-dirty", 3)
        if fate == 1:
            node.patches = {}
        elif fate == 2:
            lost = [
                index for index in sorted(node.patches) if self.settings.choose("nfs.crash-page", 2)
            ]
            for index in lost:
                del node.patches[index]
        if node.patches:
            self.flush(node, stable=False)
        self._clean(node)
