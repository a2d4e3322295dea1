"""The tree of a server: every change of names is one atomic step here (see ``tree_contents``)."""

from __future__ import annotations

import errno

from patchstorm.storage import oplog
from patchstorm.storage.constants import (
    RENAME_EXCHANGE,
    RENAME_NOREPLACE,
)
from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode
from patchstorm.storage.stat import S_IFDIR, S_IFLNK, S_IFREG
from patchstorm.storage.tree_contents import Contents

_EMPTY_DIRECTORY_BYTES = 40
_ENTRY_BYTES = 20


class Tree(Contents):
    """Inodes under one root. ``log`` is None where nothing outlives a power loss anyway."""

    __slots__ = ()

    # -- names --------------------------------------------------------------------------------

    def create(self, directory: Inode, name: str, mode: int) -> Inode:
        """A new regular file. EEXIST if the name is taken, ENOENT in a removed directory."""
        entries = self._vacant(directory, name)
        inode = self._new(S_IFREG | mode)
        inode.nlink = 1
        entries[name] = inode
        self._changed(directory)
        if self.log is not None:
            self._record((oplog.CREATE, directory, name, inode, inode.mode))
        return inode

    def create_unnamed(self, mode: int) -> Inode:
        """A file without a name (open(2) O_TMPFILE); it is freed with its last handle."""
        return self._new(S_IFREG | mode)

    def mkdir(self, directory: Inode, name: str, mode: int) -> Inode:
        entries = self._vacant(directory, name)
        inode = self._new(S_IFDIR | mode)
        inode.nlink = 2
        inode.entries = {}
        inode.parent = directory
        entries[name] = inode
        directory.nlink += 1
        self._changed(directory)
        if self.log is not None:
            self._record((oplog.CREATE, directory, name, inode, inode.mode))
        return inode

    def symlink(self, directory: Inode, name: str, target: str) -> Inode:
        entries = self._vacant(directory, name)
        inode = self._new(S_IFLNK | 0o777)
        inode.nlink = 1
        inode.target = target
        inode.size = len(target.encode("utf-8", "surrogateescape"))
        entries[name] = inode
        self._changed(directory)
        if self.log is not None:
            self._record((oplog.CREATE, directory, name, inode, inode.mode))
        return inode

    def link(self, inode: Inode, directory: Inode, name: str) -> None:
        """Another name for a file. EPERM for a directory, ENOENT for a file without any name."""
        entries = self._vacant(directory, name)
        if inode.entries is not None:
            raise failure(errno.EPERM)
        if inode.nlink == 0:
            raise failure(errno.ENOENT)
        entries[name] = inode
        inode.nlink += 1
        self._inode_changed(inode)
        self._changed(directory)
        if self.log is not None:
            self._record((oplog.LINK, directory, name, inode))

    def unlink(self, directory: Inode, name: str) -> Inode:
        """Remove a name of a file or symbolic link; returns what it named."""
        entries = self._writable_entries(directory)
        inode = entries.get(name)
        if inode is None:
            raise failure(errno.ENOENT)
        if inode.entries is not None:
            raise failure(errno.EISDIR)
        del entries[name]
        if inode.target is not None:
            self.walks.clear()
        self._changed(directory)
        self._drop_link(inode)
        if self.log is not None:
            self._record((oplog.UNLINK, directory, name, inode))
        return inode

    def rmdir(self, directory: Inode, name: str) -> Inode:
        entries = self._writable_entries(directory)
        inode = entries.get(name)
        if inode is None:
            raise failure(errno.ENOENT)
        if inode.entries is None:
            raise failure(errno.ENOTDIR)
        if inode.entries:
            raise failure(errno.ENOTEMPTY)
        del entries[name]
        self.walks.clear()
        self._remove_directory(directory, inode)
        self._changed(directory)
        if self.log is not None:
            self._record((oplog.UNLINK, directory, name, inode))
        return inode

    def rename(
        self, from_dir: Inode, from_name: str, to_dir: Inode, to_name: str, flags: int = 0
    ) -> Inode | None:
        """rename(2) and renameat2(2); returns the inode that lost its name, if any."""
        source_entries = self._writable_entries(from_dir)
        inode = source_entries.get(from_name)
        if inode is None:
            raise failure(errno.ENOENT)
        target_entries = self._writable_entries(to_dir)
        target = target_entries.get(to_name)
        if target is not None and flags & RENAME_NOREPLACE:
            raise failure(errno.EEXIST)
        if flags & RENAME_EXCHANGE:
            self._exchange(from_dir, from_name, inode, to_dir, to_name, target)
            return None
        self._check_rename(inode, from_dir, target, to_dir)
        if target is inode:
            return None
        del source_entries[from_name]
        target_entries[to_name] = inode
        if inode.entries is not None:
            self._move_directory(inode, from_dir, to_dir)
        if inode.target is not None or (target is not None and target.target is not None):
            self.walks.clear()
        self._changed(from_dir)
        if to_dir is not from_dir:
            self._changed(to_dir)
        self._inode_changed(inode)
        if target is not None:
            self._drop_name(to_dir, target)
        if self.log is not None:
            self._record((oplog.RENAME, from_dir, from_name, to_dir, to_name, inode, target))
        return target

    # -- how ----------------------------------------------------------------------------------

    def _vacant(self, directory: Inode, name: str) -> dict[str, Inode]:
        entries = self._writable_entries(directory)
        if name in entries:
            raise failure(errno.EEXIST)
        if self.settings.faults is not None:
            self.settings.strike_create()
        return entries

    def _writable_entries(self, directory: Inode) -> dict[str, Inode]:
        entries = directory.entries
        if entries is None:
            raise failure(errno.ENOTDIR)
        if directory.nlink == 0:
            raise failure(errno.ENOENT)
        if self.settings.read_only:
            raise failure(errno.EROFS)
        return entries

    def _drop_link(self, inode: Inode) -> None:
        inode.nlink -= 1
        self._inode_changed(inode)
        if inode.nlink == 0 and inode.opens == 0:
            self.free(inode)

    def _remove_directory(self, parent: Inode, inode: Inode) -> None:
        parent.nlink -= 1
        inode.nlink = 0
        self._inode_changed(inode)
        self.free(inode)

    def _move_directory(self, inode: Inode, from_dir: Inode, to_dir: Inode) -> None:
        from_dir.nlink -= 1
        to_dir.nlink += 1
        inode.parent = to_dir
        self.walks.clear()

    def _drop_name(self, directory: Inode, inode: Inode) -> None:
        """A name in ``directory`` stopped meaning ``inode``."""
        if inode.entries is None:
            self._drop_link(inode)
        else:
            self._remove_directory(directory, inode)

    def _check_rename(
        self, inode: Inode, from_dir: Inode, target: Inode | None, to_dir: Inode
    ) -> None:
        """The refusals of rename(2), in the order in which Linux makes them."""
        if inode.entries is not None:
            self._refuse_cycle(inode, to_dir)
        if target is None:
            return
        if target.entries is not None:
            self._refuse_ancestor(target, from_dir)
        if target is not inode:
            self._refuse_replacing(inode, target)

    def _refuse_cycle(self, inode: Inode, to_dir: Inode) -> None:
        at = to_dir
        while True:
            if at is inode:
                raise failure(errno.EINVAL)
            if at is self.root or at.parent is None:
                return
            at = at.parent

    def _refuse_ancestor(self, target: Inode, from_dir: Inode) -> None:
        """A directory above the source is not empty: it holds the source (rename(2))."""
        at: Inode | None = from_dir
        while at is not None and at is not self.root:
            if at is target:
                raise failure(errno.ENOTEMPTY)
            at = at.parent

    def _refuse_replacing(self, inode: Inode, target: Inode) -> None:
        if inode.entries is None:
            if target.entries is not None:
                raise failure(errno.EISDIR)
            return
        if target.entries is None:
            raise failure(errno.ENOTDIR)
        if target.entries:
            raise failure(errno.ENOTEMPTY)

    def _exchange(
        self,
        a_dir: Inode,
        a_name: str,
        a: Inode,
        b_dir: Inode,
        b_name: str,
        b: Inode | None,
    ) -> None:
        if b is None:
            raise failure(errno.ENOENT)
        if a.entries is not None:
            self._refuse_cycle(a, b_dir)
        if b.entries is not None:
            self._refuse_cycle(b, a_dir)
        assert a_dir.entries is not None
        assert b_dir.entries is not None
        a_dir.entries[a_name], b_dir.entries[b_name] = b, a
        if a.entries is not None:
            self._move_directory(a, a_dir, b_dir)
        if b.entries is not None:
            self._move_directory(b, b_dir, a_dir)
        self.walks.clear()
        for inode in (a, b):
            self._inode_changed(inode)
        self._changed(a_dir)
        if b_dir is not a_dir:
            self._changed(b_dir)
        if self.log is not None:
            self._record((oplog.EXCHANGE, a_dir, a_name, a, b_dir, b_name, b))
