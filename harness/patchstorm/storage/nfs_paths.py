"""Paths of a process on an NFS mount: from a text to a directory, a name, and what is there."""

from __future__ import annotations

import errno

from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_locks import NfsLocks
from patchstorm.storage.paths import ASCII_LENGTH_SAFE, DOTS, Lookup, check_name, walk, walk_parent

_OF_PATHS = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)


class NfsPaths(NfsLocks):
    """Resolution by way of the host's caches."""

    __slots__ = ()

    def _walk(
        self, path: str, dir_fd: int | None, follow: bool, last: Lookup
    ) -> tuple[Inode, str, Inode | None]:
        root, base, kernel = self.tree.root, self._base(dir_fd), self.kernel
        try:
            try:
                return walk(path, root, base, follow, kernel.look_up, last)
            except OSError as error:
                if error.errno != errno.ESTALE:
                    raise
            return walk(path, root, base, follow, kernel.ask_name)
        except OSError as error:
            if error.filename is None and error.errno in _OF_PATHS:
                raise failure(error.errno, path) from None
            raise

    def _existing(self, path: str, dir_fd: int | None, follow: bool) -> Inode:
        inode = self._walk(path, dir_fd, follow, self.kernel.look_up)[2]
        if inode is None:
            raise failure(errno.ENOENT, path)
        return inode

    def _true(
        self, path: str, dir_fd: int | None = None, new: bool = False
    ) -> tuple[Inode, str, Inode | None]:
        """For calls that the server executes by name: directory, name, what is really there."""
        directory, name = self._parent(path, dir_fd)
        if name in DOTS:
            return directory, name, directory
        self._find_base(directory, dir_fd, path)
        return directory, name, self._true_last(directory, name, new)

    def _doomed(self, path: str, dir_fd: int | None) -> tuple[Inode, str, Inode | None]:
        """For calls that take a name away: what is there, unless it is believed missing."""
        directory, name = self._parent(path, dir_fd)
        if name in DOTS:
            return directory, name, directory
        if self.kernel.believes_missing(directory, name):
            raise failure(errno.ENOENT, path)
        self._find_base(directory, dir_fd, path)
        return directory, name, self._true_last(directory, name)

    def _find_base(self, directory: Inode, dir_fd: int | None, path: str) -> None:
        """A request by the handle of a descriptor: a directory that was removed may be gone."""
        if directory.nlink == 0 and dir_fd is not None and directory is self._base(dir_fd):
            self.kernel.contact()
            try:
                self.kernel.find_removed(directory)
            except OSError:
                raise failure(errno.ESTALE, path) from None

    def _parent(self, path: str, dir_fd: int | None = None) -> tuple[Inode, str]:
        return walk_parent(path, self.tree.root, self._base(dir_fd), self.kernel.look_up)

    def _true_last(self, directory: Inode, name: str, new: bool = False) -> Inode | None:
        if len(name) > ASCII_LENGTH_SAFE:
            check_name(name)
        return self.kernel.true_name(directory, name, new)
