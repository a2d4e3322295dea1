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
- There is no append operation: O_APPEND writes at the size the client believes in.
- Errors of sending surface at fsync or close, once for each descriptor.
"""

from __future__ import annotations

import errno

import msgspec

from patchstorm.storage import pages as page_store
from patchstorm.storage.constants import FILE_BYTES_MAX, PAGE_BYTES
from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_cache import AttributeCache, CachedNode, Patch
from patchstorm.storage.pages import Pages


class PageCache(AttributeCache):
    """Contents, as one NFS client sees and changes them."""

    __slots__ = ()

    # -- reading ------------------------------------------------------------------------------

    def read(self, node: CachedNode, count: int, offset: int) -> bytes:
        """What read(2) returns on an open descriptor."""
        if node.stale and not self.heals(node):
            raise failure(errno.ESTALE)
        inode = node.inode
        if inode.writers is not None and not self.unreachable:
            self.server.observe(inode, self)
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
        if node.change != inode.change:
            node.expires_ns = 0  # the reply's attributes tell: look again before the next read

    def size(self, node: CachedNode) -> int:
        """The size as SEEK_END and O_APPEND take it."""
        inode = node.inode
        if inode.writers is not None and not self.unreachable:
            self.server.observe(inode, self)
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
        if not node.patches:
            self._become_writer(node)
        at = offset
        while at < end:
            index, start = divmod(at, PAGE_BYTES)
            stop = min(end, (index + 1) * PAGE_BYTES)
            if reads and stop - at < PAGE_BYTES and not self.unreachable:
                self._read_before_write(node, index)
            self._write_page(node, index, start, data[at - offset : stop - offset], widen)
            at = stop
        node.size = max(node.size, end)

    def _read_before_write(self, node: CachedNode, index: int) -> None:
        if index not in node.pages and index not in node.patches and index * PAGE_BYTES < node.size:
            if node.inode.nlink == 0:
                self.check_handle(node, True)
            node.pages[index] = node.inode.pages.get(index, b"")

    def _become_writer(self, node: CachedNode) -> None:
        node.dirty_since_ns = self.clock.now_ns
        inode = node.inode
        if inode.writers is None:
            inode.writers = []
        inode.writers.append(self)  # type: ignore[arg-type]  # every PageCache is an NfsHost

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
                node.wide.add(index)
        patches = node.patches.setdefault(index, [])
        stop = start + len(part)
        if patches and any(start <= low and low + len(old) <= stop for low, old in patches):
            patches[:] = [p for p in patches if p[0] < start or p[0] + len(p[1]) > stop]
        if patches and patches[-1][0] + len(patches[-1][1]) == start:
            patches[-1] = (patches[-1][0], patches[-1][1] + part)
        else:
            patches.append((start, part))

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
        length = min(PAGE_BYTES, node.size - begin)
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
            self._become_writer(node)
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
        known = node.change == inode.change
        exact = known and node.data_change == inode.data_change
        self.tree.resize(inode, length)
        page_store.cut(node.pages, length)
        if known:
            node.change = inode.change
        if exact:
            node.data_change = inode.data_change
        self.absorb(node)


def dirty_inodes(cache: PageCache) -> list[Inode]:
    """The inodes for which a host holds data that the server has not seen."""
    return [node.inode for node in cache.nodes.values() if node.patches]
