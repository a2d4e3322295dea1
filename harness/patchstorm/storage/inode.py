"""The inode: what a name points to. A plain record; ``tree`` and ``locks`` hold the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patchstorm.storage.pages import Pages
from patchstorm.storage.stat import S_IFDIR, S_IFLNK, S_IFMT, S_IFREG, Stat

if TYPE_CHECKING:
    from patchstorm.storage.locks import FileLocks
    from patchstorm.storage.nfs_host import NfsHost


class Inode:
    """One file, directory or symbolic link.

    ``serial`` identifies the inode for ever (it is what an NFS file handle names); ``number`` is
    ``st_ino`` and may be used again. ``entries`` is None unless it is a directory, ``target`` None
    unless it is a symbolic link. ``change`` counts every change, ``data_change`` those of contents
    and size. ``opens`` counts open handles the server knows of; an NFSv3 server knows none.
    ``lost``: a power loss took it off the disk.
    ``writers`` are the NFS hosts that hold data for it which the server has not seen.
    """

    __slots__ = (
        "atime",
        "change",
        "ctime",
        "data_change",
        "entries",
        "error_code",
        "error_count",
        "gid",
        "locks",
        "lost",
        "mode",
        "mtime",
        "nlink",
        "number",
        "opens",
        "pages",
        "parent",
        "serial",
        "size",
        "stat",
        "target",
        "uid",
        "writers",
        "xattrs",
    )

    def __init__(self, serial: int, number: int, mode: int, now_ns: int) -> None:
        self.serial = serial
        self.number = number
        self.mode = mode
        self.nlink = 0
        self.size = 0
        self.pages: Pages = {}
        self.entries: dict[str, Inode] | None = None
        self.target: str | None = None
        self.parent: Inode | None = None
        self.mtime = self.ctime = self.atime = now_ns
        self.change = 0
        self.data_change = 0
        self.stat: Stat | None = None
        self.opens = 0
        self.locks: FileLocks | None = None
        self.xattrs: dict[str, bytes] | None = None
        self.uid = 0
        self.gid = 0
        self.lost = False
        self.error_count = 0
        self.error_code = 0
        self.writers: list[NfsHost] | None = None

    @property
    def kind(self) -> int:
        """The file type bits of the mode."""
        return self.mode & S_IFMT

    def __repr__(self) -> str:
        kind = {S_IFDIR: "dir", S_IFREG: "file", S_IFLNK: "link"}[self.kind]
        return f"<{kind} {self.serial} nlink={self.nlink} size={self.size}>"
