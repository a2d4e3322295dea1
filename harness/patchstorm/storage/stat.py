"""Results of stat, scandir and statvfs, with the field names of the ``os`` module.

A ``Stat`` is immutable and shared: an inode keeps the last one made and drops it when it changes,
so asking again costs nothing, and a client's attribute cache is a reference.
"""

import msgspec

S_IFMT = 0o170000
S_IFDIR = 0o040000
S_IFREG = 0o100000
S_IFLNK = 0o120000

_SECOND = 1e9


class Stat(msgspec.Struct, frozen=True, gc=False):
    """The subset of ``os.stat_result`` a file system can answer. Times are in nanoseconds."""

    st_mode: int
    st_ino: int
    st_nlink: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int
    st_atime_ns: int
    st_blocks: int
    st_uid: int
    st_gid: int
    st_dev: int = 1
    st_blksize: int = 4096

    @property
    def st_mtime(self) -> float:
        return self.st_mtime_ns / _SECOND

    @property
    def st_ctime(self) -> float:
        return self.st_ctime_ns / _SECOND

    @property
    def st_atime(self) -> float:
        return self.st_atime_ns / _SECOND


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One directory entry as READDIR gives it: a name, an inode number, and the file type bits."""

    name: str
    ino: int
    kind: int

    def is_dir(self) -> bool:
        return self.kind == S_IFDIR

    def is_file(self) -> bool:
        return self.kind == S_IFREG

    def is_symlink(self) -> bool:
        return self.kind == S_IFLNK


class StatVfs(msgspec.Struct, frozen=True, gc=False):
    """statvfs(3). Blocks are pages of 4096 bytes."""

    f_bsize: int
    f_frsize: int
    f_blocks: int
    f_bfree: int
    f_bavail: int
    f_files: int
    f_ffree: int
    f_favail: int
    f_flag: int = 0
    f_namemax: int = 255
