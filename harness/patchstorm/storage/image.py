"""What the disk holds: the state a power loss cannot take."""

from __future__ import annotations

from typing import Any

from patchstorm.storage.constants import PAGE_BYTES
from patchstorm.storage.inode import Inode
from patchstorm.storage.pages import Pages
from patchstorm.storage.tree import Tree


class DiskNode:
    """One inode on disk. ``grains`` are its contents in units of the torn-write grain."""

    __slots__ = ("attributes", "entries", "grains", "inode", "mode", "size")

    def __init__(self, inode: Inode, mode: int) -> None:
        self.inode = inode
        self.mode = mode
        self.size = 0
        self.grains: dict[int, bytes] = {}
        self.entries: dict[str, Inode] = {}
        self.attributes: Any = None


class Image:
    """All inodes on disk, by serial; those without a name are dropped when it is put back."""

    def __init__(self, root: Inode, grain: int) -> None:
        self.grain = grain
        self.root = root
        self.nodes: dict[int, DiskNode] = {root.serial: DiskNode(root, root.mode)}

    def add(self, inode: Inode, mode: int) -> None:
        if inode.serial not in self.nodes:
            self.nodes[inode.serial] = DiskNode(inode, mode)

    def apply(self, key: tuple[Any, ...], value: Any) -> None:
        """One update of an atom."""
        node = self.nodes.get(key[1])
        if node is None:
            return
        kind = key[0]
        if kind == "name":
            if value is None:
                node.entries.pop(key[2], None)
            else:
                node.entries[key[2]] = value
        elif kind == "page":
            if value is None:
                node.grains.pop(key[2], None)
            else:
                node.grains[key[2]] = value
        elif kind == "size":
            node.size = value
        else:
            node.attributes = value

    def restore(self, tree: Tree, doomed: list[Inode], forget_state: bool) -> None:
        """Make the tree what the disk says. ``doomed`` may include inodes that never got there.

        ``forget_state`` also drops locks and open counts, which were in the machine's memory.
        """
        reached = self._reach()
        for inode in [*(node.inode for node in self.nodes.values()), *doomed]:
            inode.nlink = 0
            inode.stat = None
            inode.change += 1
            inode.data_change += 1
            if forget_state:
                inode.locks = None
                inode.opens = 0
                inode.error_count = 0
            if inode.serial not in reached:
                inode.lost = True
                inode.pages = {}
                inode.size = 0
                if inode.entries is not None:
                    inode.entries = {}
        self.nodes = {serial: self.nodes[serial] for serial in reached}
        for node in self.nodes.values():
            self._restore_node(node)
        self.root.nlink += 2
        tree.walks.clear()
        if tree.total_pages is not None:
            used = sum(len(node.inode.pages) for node in self.nodes.values())
            tree.free_pages = tree.total_pages - used

    def _reach(self) -> dict[int, None]:
        """Serials of the inodes that have a path from the root, in the order found."""
        reached: dict[int, None] = {}
        todo = [self.root.serial]
        while todo:
            serial = todo.pop()
            if serial in reached or serial not in self.nodes:
                continue
            reached[serial] = None
            todo.extend(child.serial for child in self.nodes[serial].entries.values())
        return reached

    def _restore_node(self, node: DiskNode) -> None:
        inode = node.inode
        inode.mode = node.mode
        if node.attributes is not None:
            mode, uid, gid, atime, mtime, xattrs = node.attributes
            inode.mode, inode.uid, inode.gid = mode, uid, gid
            inode.atime, inode.mtime, inode.xattrs = atime, mtime, xattrs
        if inode.entries is not None:
            inode.entries = dict(node.entries)
            for child in inode.entries.values():
                child.nlink += 1
                if child.entries is not None:
                    child.parent = inode
                    child.nlink += 1
                    inode.nlink += 1
        elif inode.target is None:
            inode.size = node.size
            inode.pages = self._pages(node)

    def _pages(self, node: DiskNode) -> Pages:
        size, grain = node.size, self.grain
        node.grains = {
            index: part[: size - index * grain]
            for index, part in sorted(node.grains.items())
            if index * grain < size
        }
        if grain == PAGE_BYTES:
            return dict(node.grains)
        pages: Pages = {}
        per_page = PAGE_BYTES // grain
        for index, part in node.grains.items():
            page, place = divmod(index, per_page)
            start = place * grain
            before = pages.get(page, b"")
            pages[page] = before + bytes(start - len(before)) + part
        return pages
