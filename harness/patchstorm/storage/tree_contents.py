"""The inodes of a tree: attributes, contents, space. ``tree`` adds names.

What lives here and in ``tree``: inodes, directory entries, contents, link counts, times, space.
What these modules may not know: clients, caches, descriptors, locks, flavours. Arguments are
inodes, not paths, and each method either does the whole of its change or raises ``OSError`` and
does nothing. Superuser rules apply: permission bits are stored, not enforced.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from patchstorm.storage import oplog, pages
from patchstorm.storage.constants import (
    FILE_BYTES_MAX,
    PAGE_BYTES,
)
from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode
from patchstorm.storage.settings import Settings
from patchstorm.storage.stat import S_IFDIR, Stat

_EMPTY_DIRECTORY_BYTES = 40
_ENTRY_BYTES = 20


class Contents:
    """Inodes. ``log`` is None where nothing outlives a power loss anyway."""

    __slots__ = (
        "free_pages",
        "freed_numbers",
        "log",
        "next_serial",
        "root",
        "settings",
        "spill",
        "total_pages",
        "walks",
    )

    def __init__(self, settings: Settings, capacity_bytes: int | None, logged: bool) -> None:
        self.settings = settings
        self.total_pages = None if capacity_bytes is None else capacity_bytes // PAGE_BYTES
        self.free_pages = self.total_pages
        self.log: oplog.OpLog | None = [] if logged else None
        self.spill: Callable[[], None] | None = None
        self.next_serial = 1
        self.freed_numbers: list[int] = []
        self.walks: dict[str, Inode] = {}
        self.root = self._new(S_IFDIR | 0o755)
        self.root.entries = {}
        self.root.nlink = 2
        self.root.parent = self.root

    # -- looking ------------------------------------------------------------------------------

    def stat(self, inode: Inode) -> Stat:
        """Attributes now; the same object again while nothing changes."""
        known = inode.stat
        if known is not None:
            return known
        entries = inode.entries
        if entries is not None:
            size = _EMPTY_DIRECTORY_BYTES + _ENTRY_BYTES * len(entries)
            blocks = 0
        else:
            size = inode.size
            blocks = len(inode.pages) * 8
        known = inode.stat = Stat(
            inode.mode,
            inode.number,
            inode.nlink,
            size,
            inode.mtime,
            inode.ctime,
            inode.atime,
            blocks,
            inode.uid,
            inode.gid,
        )
        return known

    # -- contents -----------------------------------------------------------------------------

    def write(self, inode: Inode, offset: int, data: bytes) -> int:
        """Write as much as fits, at least one byte; ENOSPC if nothing does."""
        count = len(data)
        if count == 0:
            return 0
        if offset + count > FILE_BYTES_MAX:
            raise failure(errno.EFBIG)
        settings = self.settings
        if settings.faults is not None:
            settings.strike_write()
        if settings.described is not None:
            data = settings.described(data)
            inode.pages = pages.roomy(inode.pages, data, count)
        if self.free_pages is not None:
            count = self._allocate(inode, offset, count)
            if count < len(data):
                data = data[:count]
        pages.write(inode.pages, offset, data)
        end = offset + count
        inode.size = max(inode.size, end)
        self.touch_contents(inode)
        if self.log is not None:
            self._record((oplog.WRITE, inode, offset, data))
        return count

    def resize(self, inode: Inode, size: int) -> None:
        """truncate(2): cut, or grow by a hole."""
        if size > FILE_BYTES_MAX:
            raise failure(errno.EFBIG)
        if size < inode.size:
            before = len(inode.pages)
            pages.cut(inode.pages, size)
            self._give_back(before - len(inode.pages))
        inode.size = size
        self.touch_contents(inode)
        if self.log is not None:
            self._record((oplog.RESIZE, inode, size))

    def allocate(self, inode: Inode, offset: int, count: int, keep_size: bool) -> None:
        """fallocate(2) mode 0: space for the range, zeros where there was nothing."""
        inode.pages = pages.roomy(inode.pages, None, count)
        wanted = pages.new_pages(inode.pages, offset, count)
        if self.settings.faults is not None:
            self.settings.strike_write()
        if self.free_pages is not None:
            if wanted > self.free_pages:
                raise failure(errno.ENOSPC)
            self.free_pages -= wanted
        end = offset + count
        pages.allocate(inode.pages, offset, count)
        if not keep_size and end > inode.size:
            inode.size = end
            if self.log is not None:
                self._record((oplog.RESIZE, inode, end))
        self.touch_contents(inode)

    def punch(self, inode: Inode, offset: int, count: int) -> None:
        """fallocate(2) PUNCH_HOLE: zeros, and the whole pages given back."""
        before = len(inode.pages)
        pages.punch(inode.pages, offset, count)
        self._give_back(before - len(inode.pages))
        self.touch_contents(inode)
        if self.log is not None:
            self._record((oplog.PUNCH, inode, offset, count))

    def set_attributes(
        self,
        inode: Inode,
        *,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        times_ns: tuple[int, int] | None = None,
    ) -> None:
        """chmod, chown, utimensat: whatever is not None."""
        self._inode_changed(inode)
        if mode is not None:
            inode.mode = (inode.mode & ~0o7777) | (mode & 0o7777)
        if owner is not None:
            inode.uid = inode.uid if owner[0] < 0 else owner[0]
            inode.gid = inode.gid if owner[1] < 0 else owner[1]
        if times_ns is not None:
            inode.atime, inode.mtime = times_ns
        self._record_attributes(inode)

    def set_xattr(self, inode: Inode, name: str, value: bytes | None) -> None:
        """Set an extended attribute, or remove it with None. ENODATA if there is none to remove."""
        known = inode.xattrs or {}
        if value is None and name not in known:
            raise failure(errno.ENODATA)
        changed = {key: old for key, old in known.items() if key != name}
        if value is not None:
            changed[name] = value
        inode.xattrs = changed
        self._inode_changed(inode)
        self._record_attributes(inode)

    def free(self, inode: Inode) -> None:
        """The last handle of a file without names was closed: its space and number come back."""
        self._give_back(len(inode.pages))
        if self.settings.reuse_numbers:
            self.freed_numbers.append(inode.number)

    def wipe(self) -> None:
        """The memory of a tmpfs is gone."""
        self.root.entries = {}
        self.root.nlink = 2
        self._changed(self.root)
        self.walks.clear()
        self.free_pages = self.total_pages

    # -- how ----------------------------------------------------------------------------------

    def _new(self, mode: int) -> Inode:
        serial = self.next_serial
        self.next_serial = serial + 1
        number = serial
        if self.freed_numbers:
            pick = self.settings.choose("inode-number", len(self.freed_numbers) + 1)
            if pick:
                number = self.freed_numbers.pop(pick - 1)
        settings = self.settings
        now = settings.clock.now_ns
        return Inode(serial, number, mode, now - now % settings.tick_ns)

    def _changed(self, directory: Inode) -> None:
        settings = self.settings
        now = settings.clock.now_ns
        directory.mtime = directory.ctime = now - now % settings.tick_ns
        directory.change += 1
        directory.stat = None

    def touch_contents(self, inode: Inode) -> None:
        self._changed(inode)
        inode.data_change += 1

    def _inode_changed(self, inode: Inode) -> None:
        settings = self.settings
        now = settings.clock.now_ns
        inode.ctime = now - now % settings.tick_ns
        inode.change += 1
        inode.stat = None

    def _allocate(self, inode: Inode, offset: int, count: int) -> int:
        """Take pages for a write; returns how many bytes of it fit."""
        assert self.free_pages is not None
        wanted = pages.new_pages(inode.pages, offset, count)
        if wanted <= self.free_pages:
            self.free_pages -= wanted
            return count
        end = offset
        left = self.free_pages
        while end < offset + count:
            index = end // PAGE_BYTES
            if index not in inode.pages:
                if left == 0:
                    break
                left -= 1
            end = (index + 1) * PAGE_BYTES
        if end == offset:
            raise failure(errno.ENOSPC)
        self.free_pages = left
        return min(end - offset, count)

    def _give_back(self, count: int) -> None:
        if self.free_pages is not None:
            self.free_pages += count

    def _record(self, entry: oplog.Entry) -> None:
        log = self.log
        assert log is not None
        log.append(entry)
        if len(log) >= oplog.ENTRIES_MAX and self.spill is not None:
            self.spill()

    def _record_attributes(self, inode: Inode) -> None:
        if self.log is not None:
            state = (inode.mode, inode.uid, inode.gid, inode.atime, inode.mtime, inode.xattrs)
            self._record((oplog.ATTR, inode, state))
