"""An open file description: what open(2) makes and a descriptor names."""

from __future__ import annotations

from patchstorm.storage.constants import O_ACCMODE, O_APPEND, O_RDONLY, O_WRONLY
from patchstorm.storage.inode import Inode


class Handle:
    """Shared by the descriptors that ``dup`` made of each other.

    ``errors_seen`` is how many write-back errors of the file it has been told about: each error is
    reported once to each description open at the time (fsync(2)). ``lost`` is set when the server
    has given this description's lock away.
    """

    __slots__ = (
        "append",
        "cut",
        "errors_seen",
        "flags",
        "inode",
        "locked",
        "lost",
        "pid",
        "position",
        "readable",
        "references",
        "serial",
        "writable",
    )

    def __init__(self, inode: Inode, flags: int, serial: int, pid: int) -> None:
        access = flags & O_ACCMODE
        self.inode = inode
        self.flags = flags
        self.serial = serial
        self.pid = pid
        self.position = 0
        self.readable = access != O_WRONLY
        self.writable = access != O_RDONLY
        self.append = flags & O_APPEND != 0
        self.references = 1
        self.errors_seen = inode.error_count
        self.locked = False
        self.lost = False
        self.cut = False
