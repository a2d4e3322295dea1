"""The messages of /dev/fuse, decoded and encoded. Nothing here reads a descriptor or knows a storage.

The layouts are those of ``include/uapi/linux/fuse.h``, protocol 7.31 and later, little-endian. Every
request begins with the header of :data:`HEADER`, every answer with that of :data:`ANSWER`.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from patchstorm.storage.stat import Entry, Stat, StatVfs

HEADER: Final = struct.Struct("<IIQQIIIHH")  # length, opcode, unique, node, uid, gid, tid, -, -
ANSWER: Final = struct.Struct("<IiQ")  # length, -errno, unique
_ATTRIBUTES: Final = struct.Struct("<6Q10I")
_ENTRY: Final = struct.Struct("<4QII")
_INIT: Final = struct.Struct("<4I2H2I2HI28x")
LOCK: Final = struct.Struct("<4QIIII")  # handle, owner, start, end, type, pid, flags, -
MAJOR, MINOR = 7, 38
WRITE_BYTES_MAX: Final = 1 << 17
REQUEST_BYTES_MAX: Final = WRITE_BYTES_MAX + (1 << 16)
ROOT_NODE: Final = 1
SECOND_NS: Final = 1_000_000_000

DIRECT_IO: Final = 1  # FOPEN_*: the page cache stays out of the way
PARALLEL_WRITES: Final = 64
BY_HANDLE: Final = 1  # FUSE_GETATTR_FH
LOCK_IS_FLOCK: Final = 1  # FUSE_LK_FLOCK
FLOCK_UNLOCK_ON_RELEASE: Final = 2  # FUSE_RELEASE_FLOCK_UNLOCK


class Op(IntEnum):
    """What is asked (``enum fuse_opcode``)."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    READLINK = 5
    SYMLINK = 6
    MKNOD = 8
    MKDIR = 9
    UNLINK = 10
    RMDIR = 11
    RENAME = 12
    LINK = 13
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    SETXATTR = 21
    GETXATTR = 22
    LISTXATTR = 23
    REMOVEXATTR = 24
    FLUSH = 25
    INIT = 26
    OPENDIR = 27
    READDIR = 28
    RELEASEDIR = 29
    FSYNCDIR = 30
    GETLK = 31
    SETLK = 32
    SETLKW = 33
    ACCESS = 34
    CREATE = 35
    INTERRUPT = 36
    BMAP = 37
    DESTROY = 38
    IOCTL = 39
    POLL = 40
    BATCH_FORGET = 42
    FALLOCATE = 43
    READDIRPLUS = 44
    RENAME2 = 45
    LSEEK = 46
    COPY_FILE_RANGE = 47
    SYNCFS = 50
    TMPFILE = 51
    STATX = 52
    COPY_FILE_RANGE_64 = 53


class LockKind(IntEnum):
    """``l_type`` of a lock (fcntl(2))."""

    READ = 0
    WRITE = 1
    UNLOCK = 2


class Attribute(IntEnum):
    """What SETATTR sets (``FATTR_*``), as bits of its first word."""

    MODE = 1
    UID = 1 << 1
    GID = 1 << 2
    SIZE = 1 << 3
    ATIME = 1 << 4
    MTIME = 1 << 5
    HANDLE = 1 << 6
    ATIME_NOW = 1 << 7
    MTIME_NOW = 1 << 8


_WANTED: Final = (  # what the kernel is to do, where it offers it
    1 << 0  # ASYNC_READ: several reads at once
    | 1 << 1  # POSIX_LOCKS: fcntl locks are asked for here
    | 1 << 3  # ATOMIC_O_TRUNC: O_TRUNC comes with OPEN, not as a SETATTR behind it
    | 1 << 5  # BIG_WRITES
    | 1 << 6  # DONT_MASK: a mode comes as it was asked for, the umask beside it
    | 1 << 10  # FLOCK_LOCKS: so is flock
    | 1 << 18  # PARALLEL_DIROPS: a held LOOKUP holds up no other in its directory
    | 1 << 22  # MAX_PAGES: writes of more than 32 pages come whole
    | 1 << 28  # HANDLE_KILLPRIV_V2: no look for security.capability before each write
    | 1 << 30  # INIT_EXT
)


class Request(NamedTuple):
    """One request; ``body`` is what follows the header. ``tid`` is the thread that called."""

    op: int
    unique: int
    node: int
    tid: int
    body: bytes

    def names(self, skip: int = 0) -> list[str]:
        """The strings, each ended by a zero, behind ``skip`` bytes."""
        parts = self.body[skip:].split(b"\0")[:-1]
        return [part.decode("utf-8", "surrogateescape") for part in parts]

    def unpack(self, form: str, at: int = 0) -> tuple[int, ...]:
        """Little-endian numbers at ``at`` of the body."""
        return struct.unpack_from("<" + form, self.body, at)

    @property
    def called(self) -> str:
        """The operation by name."""
        return Op(self.op).name if self.op in _KNOWN else f"OP{self.op}"


_KNOWN: Final = frozenset(Op)


def decoded(data: bytes | bytearray | memoryview) -> Request:
    """The request that one read(2) of the device gave."""
    length, op, unique, node, _, _, tid, _, _ = HEADER.unpack_from(data)
    if length != len(data):
        raise ValueError(f"a request says that it has {length} bytes, and {len(data)} came")
    return Request(op, unique, node, tid, bytes(data[HEADER.size :]))


def answer(unique: int, payload: bytes = b"") -> bytes:
    """A whole answer."""
    return ANSWER.pack(ANSWER.size + len(payload), 0, unique) + payload


def refusal(unique: int, code: int) -> bytes:
    """The answer that the call fails with errno ``code``."""
    return ANSWER.pack(ANSWER.size, -code, unique)


def init_answer(request: Request) -> bytes:
    """The payload for INIT: of what the kernel offers, what this side relies on."""
    _, minor, readahead, offered = request.unpack("4I")
    return _INIT.pack(
        MAJOR, min(minor, MINOR), readahead, offered & _WANTED, 64, 48, WRITE_BYTES_MAX, 1,
        WRITE_BYTES_MAX >> 12, 0, 0,
    )  # fmt: skip


def attributes(stat: Stat) -> bytes:
    """``struct fuse_attr``."""
    times = [divmod(ns, SECOND_NS) for ns in (stat.st_atime_ns, stat.st_mtime_ns, stat.st_ctime_ns)]
    return _ATTRIBUTES.pack(
        stat.st_ino, stat.st_size, stat.st_blocks, *(second for second, _ in times),
        *(rest for _, rest in times), stat.st_mode, stat.st_nlink, stat.st_uid, stat.st_gid, 0,
        stat.st_blksize, 0,
    )  # fmt: skip


def attributes_answer(stat: Stat) -> bytes:
    """The payload for GETATTR and SETATTR, good for no time at all."""
    return struct.pack("<QII", 0, 0, 0) + attributes(stat)


def entry_answer(node: int, stat: Stat) -> bytes:
    """``struct fuse_entry_out`` that the kernel believes for no time at all: it asks again."""
    return _ENTRY.pack(node, 0, 0, 0, 0, 0) + attributes(stat)


def open_answer(handle: int) -> bytes:
    """``struct fuse_open_out``: what is read and written comes here, each time."""
    return struct.pack("<QII", handle, DIRECT_IO | PARALLEL_WRITES, 0)


def written_answer(count: int) -> bytes:
    """``struct fuse_write_out``."""
    return struct.pack("<II", count, 0)


def copied_answer(count: int) -> bytes:
    """``struct fuse_copy_file_range_out``, of kernels that ask in 64 bits."""
    return struct.pack("<Q", count)


def lock_answer(kind: int, start: int = 0, end: int = 0, pid: int = 0) -> bytes:
    """``struct fuse_lk_out``: the lock in the way, or UNLOCK for none; ``end`` is the last byte."""
    return struct.pack("<QQII", start, end, kind, pid)


def statfs_answer(s: StatVfs) -> bytes:
    """``struct fuse_statfs_out``."""
    return struct.pack(
        "<5Q4I24x", s.f_blocks, s.f_bfree, s.f_bavail, s.f_files, s.f_ffree, s.f_bsize,
        s.f_namemax, s.f_frsize, 0,
    )  # fmt: skip


def sized_answer(value: bytes, room: int) -> bytes | None:
    """The payload for GETXATTR and LISTXATTR: with no ``room`` how long it is; None: it does not fit."""
    if room == 0:
        return struct.pack("<II", len(value), 0)
    return value if len(value) <= room else None


def listing_answer(entries: list[Entry], offset: int, room: int) -> bytes:
    """As many directory entries from ``offset`` on as fit."""
    parts = []
    for index, item in enumerate(entries[offset:], offset + 1):
        name = item.name.encode("utf-8", "surrogateescape")
        part = struct.pack("<QQII", item.ino, index, len(name), item.kind >> 12) + name
        part += bytes(-len(part) % 8)
        room -= len(part)
        if room < 0:
            break
        parts.append(part)
    return b"".join(parts)
