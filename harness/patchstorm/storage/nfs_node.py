"""What one NFS client knows of one inode: a plain record; ``nfs_cache`` and others hold the rules."""

from __future__ import annotations

from patchstorm.storage.inode import Inode
from patchstorm.storage.pages import Pages
from patchstorm.storage.stat import Stat

Patch = tuple[int, bytes]
"""Bytes written at an offset within a page."""

Name = tuple[Inode, str]
"""A directory and a name in it."""

UNKNOWN = -1


class CachedNode:
    """One client's knowledge of one inode.

    ``change`` and ``key`` are the change attribute, and what version 3 has in its place, of ``stat``.
    ``names`` are the directory entries looked up or listed (None: known to be absent); ``listed`` if the
    whole directory was. ``ghosts`` are names that are believed though the directory is known to have
    changed since they were looked up (see ``NfsMount.delegates_names``); ``absent`` are names that were
    found missing or taken away, and not looked up since; ``entered`` are the files that are open by names
    in it. ``pages`` are up-to-date cached pages; ``patches`` what was written and not yet sent, by page;
    ``wide`` how far pages would be sent from their beginning. ``data_change`` is the server's data change
    at which the clean pages were equal to it. ``unstable`` are patches sent but not committed to the
    server's disk when it had booted ``boot`` times. ``opened_by_handle``: the server opened the file for
    this host when it had no name any more, so it serves it until it is closed. ``held_size``: the size
    believed before a lock made it old, until attributes are asked for. ``blind``: a change was missed and
    the pages kept. ``reopened``: and it was opened since. ``opened`` has the names by which open
    descriptions found the file, by their serials (None: it is another file's now); ``silly`` are those
    that hide it. ``writing`` are this host's open file descriptions that may write. ``sending``: a
    write-back is under way.
    """

    __slots__ = (
        "absent",
        "blind",
        "boot",
        "change",
        "data_change",
        "dirty_since_ns",
        "entered",
        "error_code",
        "error_count",
        "expires_ns",
        "ghosts",
        "held_size",
        "inode",
        "key",
        "listed",
        "names",
        "opened",
        "opened_by_handle",
        "opens",
        "pages",
        "patches",
        "reopened",
        "sending",
        "silly",
        "size",
        "stale",
        "stat",
        "timeo_ns",
        "unstable",
        "wide",
        "writing",
    )

    def __init__(self, inode: Inode, stat: Stat) -> None:
        self.inode = inode
        self.stat = stat
        self.change = UNKNOWN
        self.key = (0, 0, 0)
        self.expires_ns = 0
        self.timeo_ns = 0
        self.names: dict[str, Inode | None] = {}
        self.listed = False
        self.ghosts: set[str] = set()
        self.absent: set[str] = set()
        self.entered: dict[str, Inode] = {}
        self.held_size: int | None = None
        self.pages: Pages = {}
        self.patches: dict[int, list[Patch]] = {}
        self.wide: dict[int, int] = {}
        self.size = inode.size
        self.data_change = inode.data_change
        self.dirty_since_ns = 0
        self.opens = 0
        self.writing = 0
        self.reopened = False
        self.opened_by_handle = False
        self.blind = False
        self.sending = False
        self.opened: dict[int, Name | None] = {}
        self.silly: list[Name] = []
        self.error_count = 0
        self.error_code = 0
        self.stale = False
        self.unstable: dict[int, list[Patch]] = {}
        self.boot = 0

    def told(self, name: str, inode: Inode | None) -> None:
        """The server said what has ``name`` in this directory, or that nothing has."""
        self.names[name] = inode
        self.ghosts.discard(name)
        if inode is None:
            self.absent.add(name)
        else:
            self.absent.discard(name)


def version3_key(inode: Inode) -> tuple[int, int, int]:
    """All that a version 3 client sees of a change."""
    return (inode.mtime, inode.ctime, inode.size if inode.entries is None else 0)
