"""What really lies on the modelled storage, seen past every cache: for watchers and the last look.

Paths here are relative to the storm's shared directory, which is mounted at ``ROOT``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from patchstorm.storage import pages

if TYPE_CHECKING:
    from patchstorm.storage.inode import Inode
    from patchstorm.storage.server import Server

ROOT = "/data"


def find(server: Server, path: str) -> Inode | None:
    """The inode at ``path``, or None. Symbolic links are not followed."""
    top = server.tree.root.entries
    at = None if top is None else top.get(ROOT[1:])
    for name in path.split("/"):
        if name:
            if at is None or at.entries is None:
                return None
            at = at.entries.get(name)
    return at


def contents(inode: Inode, offset: int, length: int) -> bytes:
    """Bytes of a file as the server has them."""
    return pages.read(inode.pages, inode.size, offset, length)


def walk(server: Server) -> Iterator[tuple[str, Inode]]:
    """Every path below the root with its inode, directories before what they hold, in order."""
    root = find(server, "")
    if root is None or root.entries is None:
        return
    todo = [(name, inode) for name, inode in sorted(root.entries.items(), reverse=True)]
    while todo:
        path, inode = todo.pop()
        yield path, inode
        if inode.entries is not None:
            below = sorted(inode.entries.items(), reverse=True)
            todo += [(f"{path}/{name}", child) for name, child in below]


def make_root(server: Server) -> None:
    """The shared directory, there and durable before anything begins."""
    observer = server.observer()
    try:
        observer.mkdir(ROOT)
    except FileExistsError:
        return
    if server.disk is not None:
        server.disk.settle()
