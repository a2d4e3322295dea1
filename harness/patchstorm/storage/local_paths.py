"""From paths to inodes for a process on local storage, where every name is true."""

from __future__ import annotations

import errno

from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode
from patchstorm.storage.local_locks import LocalLocks
from patchstorm.storage.paths import ASCII_LENGTH_SAFE, DOTS, check_name, walk, walk_parent

_WALKS_MAX = 10_000


def look_up(directory: Inode, name: str) -> Inode | None:
    """A name in the directory itself."""
    entries = directory.entries
    return None if entries is None else entries.get(name)


class LocalPaths(LocalLocks):
    """How ``LocalClient`` finds what a path names."""

    __slots__ = ()

    def _find(self, path: str, dir_fd: int | None, follow: bool) -> tuple[Inode, str, Inode | None]:
        """(directory, name, inode or None); see ``paths.walk``."""
        if dir_fd is None:
            head, _, name = path.rpartition("/")
            directory = self.tree.walks.get(head)
            if directory is not None and name not in DOTS:
                entries = directory.entries
                assert entries is not None
                inode = entries.get(name)
                if inode is not None:
                    if inode.target is None or not follow:
                        return directory, name, inode
                elif len(name) <= ASCII_LENGTH_SAFE:
                    return directory, name, None
        return self._find_slowly(path, dir_fd, follow)

    def _find_slowly(
        self, path: str, dir_fd: int | None, follow: bool
    ) -> tuple[Inode, str, Inode | None]:
        root, walks = self.tree.root, self.tree.walks
        found = walk(path, root, self._base(dir_fd), follow, look_up)
        if dir_fd is None:
            head = path.rpartition("/")[0]
            if head not in walks:
                if len(walks) >= _WALKS_MAX:
                    walks.clear()
                parent = root if not head else walk(head, root, None, True, look_up)[2]
                if parent is not None and parent.entries is not None:
                    walks[head] = parent
        return found

    def _parent(self, path: str, dir_fd: int | None = None) -> tuple[Inode, str]:
        """The directory of a path's last component, and that component."""
        head, _, name = path.rpartition("/")
        directory = self.tree.walks.get(head)
        if directory is not None and dir_fd is None and name not in DOTS:
            return directory, name
        return walk_parent(path, self.tree.root, self._base(dir_fd), look_up)

    @staticmethod
    def _last(directory: Inode, name: str) -> Inode | None:
        if len(name) > ASCII_LENGTH_SAFE:
            check_name(name)
        return look_up(directory, name)

    def _entry(self, path: str, dir_fd: int | None) -> tuple[Inode, str, Inode | None]:
        """For calls that change a name, so do not follow it even before a slash."""
        directory, name = self._parent(path, dir_fd)
        if name in DOTS:
            return directory, name, directory
        return directory, name, self._last(directory, name)

    def _vacant(self, path: str, dir_fd: int | None) -> tuple[Inode, str]:
        """Where link and symlink put a name: EEXIST if it is taken, ENOENT before a slash."""
        directory, name, inode = self._entry(path, dir_fd)
        if inode is not None:
            raise failure(errno.EEXIST, path)
        if path[-1] == "/":
            raise failure(errno.ENOENT, path)
        return directory, name

    def _existing(self, path: str, dir_fd: int | None, follow: bool) -> Inode:
        inode = self._find(path, dir_fd, follow)[2]
        if inode is None:
            raise failure(errno.ENOENT, path)
        return inode
