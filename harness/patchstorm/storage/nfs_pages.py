"""The page cache of an NFS client: reading what may be old, writing what is not yet sent.

Rules (nfs(5); Linux fs/nfs/write.c and file.c as of 6.1; measured):

- A read is answered from cached pages while the attributes are believed; pages that were never
  read come from the server, so one read can mix old and new.
- A write goes to the cache. It is sent by fsync, close, lock, unlock, stat of the same file, or
  ``sync``/``noac``/O_SYNC at once; or by the kernel at any time in between, which the choice
  ``nfs.writeback`` decides when somebody else looks.
- A write to a page that is cached and up to date is sent as the whole page, so it overwrites what
  other hosts wrote beside it meanwhile (``nfs.page-clobber``). Not so with O_DSYNC, with byte-range
  locks on the file, with ``noalignwrite``, or for a page never read.
- What is too large for pages goes past the cache, written and read, as with O_DIRECT: of what a kernel may do
  with its cache this is the plainest.
- What is read beyond the true end of a file, and within the believed one, is zeros; version 4 learns nothing
  of the size by it, since its READ brings no attributes (RFC 7530, section 16.25).
- There is no append operation: O_APPEND writes at the size the client believes in.
- Errors of sending surface at fsync or close, once for each descriptor.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from patchstorm.storage import pages as page_store
from patchstorm.storage.constants import FILE_BYTES_MAX, PAGE_BYTES
from patchstorm.storage.errors import failure
from patchstorm.storage.extents import Extents
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_node import CachedNode
from patchstorm.storage.nfs_writeback import WriteBack
from patchstorm.storage.rope import Rope


class PageCache(WriteBack):
    """Contents, as one NFS client sees and changes them."""

    __slots__ = ()

    # -- reading ------------------------------------------------------------------------------

    def read(self, node: CachedNode, count: int, offset: int) -> bytes:
        """What read(2) returns on an open descriptor."""
        if node.stale and not self.heals(node):
            raise failure(errno.ESTALE)
        inode = node.inode
        if type(inode.pages) is Extents:
            return self._read_past(node, count, offset)
        if inode.writers is not None and not self.unreachable:
            self.server.observe(inode, self)
        node.held_size = None
        if self.clock.now_ns >= node.expires_ns:
            self.getattr(node, True)
        elif inode.nlink == 0 and not self.unreachable:
            self.check_handle(
                node, True
            )  # pages can be forgotten at any time, and are asked for then
        if (
            node.data_change != inode.data_change
            and self._visibly_old(node, count, offset)
            and not self._keeps_pages(node)
        ):
            blind = node.blind
            self.getattr(node, True)
            if node.data_change != inode.data_change and node.blind == blind:
                self.drop_clean(node)
        self._fill(node, count, offset)
        return page_store.read(node.pages, node.size, offset, count)

    def _read_past(self, node: CachedNode, count: int, offset: int) -> bytes:
        if node.patches:
            self.flush(node)
        self.getattr(node, True)
        node.pages = {}
        return page_store.read(node.inode.pages, node.inode.size, offset, count)

    def _keeps_pages(self, node: CachedNode) -> bool:
        """A change that version 3 missed stays missed, however old the attributes get."""
        if node.blind and not self.unreachable:
            return self.settings.choose("nfs.data", 2) == 1
        return self.may_doubt("nfs.data", node)

    def _visibly_old(self, node: CachedNode, count: int, offset: int) -> bool:
        """Would an answer from the server, plus own unsent data, differ from the cache's?"""
        inode = node.inode
        view = dict(inode.pages)
        view.update(node.pages)
        mine = page_store.read(view, node.size, offset, count)
        fresh, size = inode.pages, inode.size
        if node.patches:
            fresh = dict(fresh)
            for index, patches in node.patches.items():
                for start, part in patches:
                    at = index * PAGE_BYTES + start
                    page_store.write(fresh, at, part)
                    size = max(size, at + len(part))
        return mine != page_store.read(fresh, size, offset, count)

    def _fill(self, node: CachedNode, count: int, offset: int) -> None:
        """Fetch the pages of a range that are not cached."""
        end = min(offset + count, node.size)
        if end <= offset:
            return
        inode = node.inode
        cached = node.pages
        asked = False
        for index in range(offset // PAGE_BYTES, (end - 1) // PAGE_BYTES + 1):
            if index in cached:
                continue
            if not asked:
                asked = True
                self._ask_for_pages(node)
                cached = node.pages
                if index in cached:
                    continue
            cached[index] = inode.pages.get(index, b"")

    def _ask_for_pages(self, node: CachedNode) -> None:
        """READ: contact, and send first what would be hidden by pages fetched around it."""
        self.contact()
        inode = node.inode
        self.check_handle(node, True)
        if any(index not in node.pages for index in node.patches):
            self.flush(node)
        if node.change != inode.change and self.mount.is_v3:
            node.expires_ns = 0  # the reply's attributes tell: look again before the next read

    def size(self, node: CachedNode) -> int:
        """The size as SEEK_END and O_APPEND take it."""
        inode = node.inode
        if inode.writers is not None and not self.unreachable:
            self.server.observe(inode, self)
        node.held_size = None
        if self.clock.now_ns >= node.expires_ns or self._size_is_doubted(node):
            self.getattr(node, True)
        elif inode.nlink == 0 and not self.unreachable:
            self.check_handle(node, True)
        return node.size

    def _size_is_doubted(self, node: CachedNode) -> bool:
        """The believed size is not the true one, and belief is given up."""
        return (
            node.inode.size != node.size
            and not self._own_growth(node)
            and not self.may_doubt("nfs.size", node)
        )

    def _own_growth(self, node: CachedNode) -> bool:
        """The size differs only by what this client has written and not sent."""
        return bool(node.patches) and node.change == node.inode.change

    # -- writing ------------------------------------------------------------------------------

    def write(self, node: CachedNode, data: bytes, offset: int, widen: bool, reads: bool) -> None:
        """Put data into the cache; ``widen`` allows sending whole pages.

        ``reads``: the descriptor may read, so a page that is written in part is read before
        (nfs_want_read_modify_write).
        """
        if node.stale and not self.heals(node):
            raise failure(errno.ESTALE)
        end = offset + len(data)
        if end > FILE_BYTES_MAX:
            raise failure(errno.EFBIG)
        if isinstance(data, Rope) or type(node.inode.pages) is Extents:
            self._write_past(node, data, offset)
            return
        if offset > node.size and node.inode.nlink == 0 and not self.unreachable:
            self.check_handle(node, True)  # the size is asked for (nfs_revalidate_file_size)
        if not node.patches:
            self.become_writer(node)
        size = node.size
        held = self._held_size(node, offset)
        if held is not None:
            node.size, widen = held, False
        at = offset
        while at < end:
            index, start = divmod(at, PAGE_BYTES)
            stop = min(end, (index + 1) * PAGE_BYTES)
            if reads and stop - at < PAGE_BYTES and not self.unreachable:
                self._read_before_write(node, index)
            self._write_page(node, index, start, data[at - offset : stop - offset], widen)
            at = stop
        node.held_size = None if held is None else max(held, end)
        node.size = max(node.size, end) if held is None else max(size, held, end)

    def _held_size(self, node: CachedNode, offset: int) -> int | None:
        """Who writes right after a lock, and asks for nothing before, does so by the size that the lock made
        old: pages beyond that are zeros to him, which are not sent, and stay (nfs_write_end; seen with 3, 4.0
        and 4.2)."""
        held = node.held_size
        if held is None or held == node.size or offset > held or self.unreachable:
            return None
        if (
            held > node.size and self.mount.is_v3
        ):  # where the page is read before, and brings the size
            return None
        return held if self.settings.choose("nfs.size", 2) == 1 else None

    def _write_past(self, node: CachedNode, data: bytes, offset: int) -> None:
        if node.patches:
            self.flush(node)
        self.getattr(node, True)
        done = self.tree.write(node.inode, offset, data)
        node.change, node.data_change = node.inode.change, node.inode.data_change
        node.pages = {}
        self.absorb(node)
        if done < len(data):
            raise failure(errno.ENOSPC)

    def _read_before_write(self, node: CachedNode, index: int) -> None:
        """Version 3 answers READ with attributes (RFC 1813, section 3.3.6): the size is believed at once."""
        if index not in node.pages and index not in node.patches and index * PAGE_BYTES < node.size:
            if node.inode.nlink == 0:
                self.check_handle(node, True)
            if self.mount.is_v3:
                self.absorb(node)
                if index * PAGE_BYTES >= node.size:
                    return
            page = node.inode.pages.get(index, b"")
            node.pages[index] = page[: node.size - index * PAGE_BYTES]

    def _write_page(
        self, node: CachedNode, index: int, start: int, part: bytes, widen: bool
    ) -> None:
        begins_at = index * PAGE_BYTES
        if index in node.pages:
            page: bytes | None = page_store.overlay(node.pages[index], start, part)
        elif begins_at >= node.size:
            page = page_store.overlay(b"", start, part)
        elif start == 0 and begins_at + len(part) >= node.size:
            page = part
        else:
            page = None
        if page is not None and (index in node.pages or index not in node.patches):
            node.pages[index] = page
            if widen:
                known = min(max(node.size - begins_at, 0), PAGE_BYTES)
                node.wide[index] = max(node.wide.get(index, 0), start + len(part), known)
        patches = node.patches.setdefault(index, [])
        stop = start + len(part)
        if patches and any(start <= low and low + len(old) <= stop for low, old in patches):
            patches[:] = [p for p in patches if p[0] < start or p[0] + len(p[1]) > stop]
        if patches and patches[-1][0] + len(patches[-1][1]) == start:
            patches[-1] = (patches[-1][0], patches[-1][1] + part)
        else:
            patches.append((start, part))

    def resize(self, node: CachedNode, length: int) -> None:
        """SETATTR of the size: sends what is dirty first.

        A file that is believed to have that size already is left as it is (nfs_setattr; seen with 4.0 and
        4.2).
        """
        if node.stale and not self.heals(node):
            raise failure(errno.ESTALE)
        self.contact()
        inode = node.inode
        self.flush(node)
        believed = length in (node.size, node.held_size)
        if believed and length != inode.size and self.settings.choose("nfs.size", 2):
            return
        self.check_handle(node, True)

        def cut() -> None:
            self.tree.resize(inode, length)
            page_store.cut(node.pages, length)

        self.change(node, cut)

    def change(self, node: CachedNode, execute: Callable[[], object]) -> None:
        """``execute`` changes contents on the server, whose reply carries the attributes. Where nobody else
        had changed the file, its pages stay (nfs_post_op_update_inode_force_wcc)."""
        inode = node.inode
        known = node.change == inode.change
        exact = known and node.data_change == inode.data_change
        execute()
        if known:
            node.change = inode.change
        if exact:
            node.data_change = inode.data_change
        self.absorb(node)


def dirty_inodes(cache: PageCache) -> list[Inode]:
    """The inodes for which a host holds data that the server has not seen."""
    return [node.inode for node in cache.nodes.values() if node.patches]
