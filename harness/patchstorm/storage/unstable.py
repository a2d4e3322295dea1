"""Writes that an NFS server has acknowledged without having them on disk."""

from __future__ import annotations

from patchstorm.storage.inode import Inode
from patchstorm.storage.settings import Choose
from patchstorm.storage.tree import Tree


class UnstableWrites:
    """What the disk holds of a file that has uncommitted writes."""

    __slots__ = ("inode", "pages", "size")

    def __init__(self, inode: Inode) -> None:
        self.inode = inode
        self.size = inode.size
        self.pages: dict[int, bytes | None] = {}

    def lose(self, tree: Tree, choose: Choose) -> None:
        """Each page was written back before the power went, or was not."""
        inode = self.inode
        lost = [index for index in sorted(self.pages) if choose("power.unstable", 2)]
        for index in lost:
            page = self.pages[index]
            if page is None:
                inode.pages.pop(index, None)
            else:
                inode.pages[index] = page
        if len(lost) == len(self.pages):
            tree.resize(inode, self.size)
        elif lost:
            tree.touch_contents(inode)
