"""The record of what was done to a tree since it was last known to be wholly on disk.

A local disk, or the disk behind an ``async`` NFS export, keeps this log so that a power loss can be
computed from it. An entry is a tuple whose first member is one of the codes below; a tree without
durability keeps no log and pays nothing.
"""

from typing import Any, Final

Entry = tuple[Any, ...]
OpLog = list[Entry]

CREATE: Final = 0  # (CREATE, directory, name, inode, mode)      a new inode gets its first name
LINK: Final = 1  # (LINK, directory, name, inode)                another name
UNLINK: Final = 2  # (UNLINK, directory, name, inode)            also rmdir
RENAME: Final = 3  # (RENAME, from_dir, from_name, to_dir, to_name, inode, replaced or None)
EXCHANGE: Final = 4  # (EXCHANGE, dir_a, name_a, inode_a, dir_b, name_b, inode_b)
WRITE: Final = 5  # (WRITE, inode, offset, data)
RESIZE: Final = 6  # (RESIZE, inode, size)                       truncate, or grow without data
ATTR: Final = 7  # (ATTR, inode, attributes)                     mode, owner, times, xattrs
SYNC: Final = 8  # (SYNC, inode)                                 fsync, fdatasync, O_SYNC write
SYNC_ALL: Final = 9  # (SYNC_ALL,)                               sync(2), or write-back long ago
CLOSE_CUT: Final = 10  # (CLOSE_CUT, inode)                      close of a file cut while open
LOST: Final = 11  # (LOST, inode)                                a failed write-back was forgotten
PUNCH: Final = 12  # (PUNCH, inode, offset, count)

ENTRIES_MAX: Final = 50_000
"""A log this long is taken for written back: real kernels flush after seconds, not hours."""
