"""The calls of ``os`` and ``fcntl``: what a port adapter talks to.

Methods have the names, arguments and results of their ``os`` and ``fcntl`` namesakes; they return,
raise ``OSError``, or raise ``WouldBlock``. This module holds what is the same everywhere: positions
and argument checks. What differs, which is how bytes, names and locks travel, is in ``local`` and
``nfs_*``, behind the abstract methods of ``backend``.
"""

from __future__ import annotations

import errno
from typing import TypeAlias

from patchstorm.storage import constants as c
from patchstorm.storage.backend import Backend, Path
from patchstorm.storage.errors import failure
from patchstorm.storage.handle import Handle
from patchstorm.storage.inode import Inode
from patchstorm.storage.locks import FileLocks, Range
from patchstorm.storage.rope import Rope
from patchstorm.storage.stat import Entry, Stat, StatVfs

Buffer: TypeAlias = "bytes | bytearray | memoryview"


class Client(Backend):
    """A process view of one mount. Made by ``Server.mount`` and ``process``, never directly."""

    __slots__ = ()

    def reboot(self) -> None:
        """The host is back, with empty caches and no processes but this view."""
        self.host.reboot(self)

    # -- bytes --------------------------------------------------------------------------------

    def read(self, fd: int, count: int) -> bytes:
        """read(2): bytes at the position, which moves."""
        handle = self.fds.get(fd)
        if handle is None or not handle.readable:
            raise failure(errno.EBADF)
        data = self._read(handle, count, handle.position)
        handle.position += len(data)
        return data

    def pread(self, fd: int, count: int, offset: int) -> bytes:
        """pread(2)."""
        handle = self.fds.get(fd)
        if offset < 0:
            raise failure(errno.EINVAL)
        if handle is None or not handle.readable:
            raise failure(errno.EBADF)
        return self._read(handle, count, offset)

    def write(self, fd: int, data: Buffer) -> int:
        """write(2): at the position, or at the end with O_APPEND; returns the bytes written."""
        handle = self.fds.get(fd)
        if handle is None or not handle.writable:
            raise failure(errno.EBADF)
        offset = self._size(handle) if handle.append else handle.position
        held = data if type(data) is bytes or isinstance(data, Rope) else bytes(data)
        count = self._write(handle, held, offset)
        handle.position = offset + count
        return count

    def pwrite(self, fd: int, data: Buffer, offset: int) -> int:
        """pwrite(2); with O_APPEND it appends wherever ``offset`` points (pwrite(2), BUGS)."""
        handle = self.fds.get(fd)
        if offset < 0:
            raise failure(errno.EINVAL)
        if handle is None or not handle.writable:
            raise failure(errno.EBADF)
        if handle.append:
            offset = self._size(handle)
        held = data if type(data) is bytes or isinstance(data, Rope) else bytes(data)
        return self._write(handle, held, offset)

    def lseek(self, fd: int, position: int, how: int) -> int:
        """lseek(2), SEEK_DATA and SEEK_HOLE included."""
        handle = self._handle(fd)
        if how == c.SEEK_SET:
            target = position
        elif how == c.SEEK_CUR:
            target = handle.position + position
        elif handle.inode.entries is not None:
            raise failure(errno.EINVAL)
        elif how == c.SEEK_END:
            target = self._size(handle) + position
        elif how in (c.SEEK_DATA, c.SEEK_HOLE):
            if position < 0:
                raise failure(errno.ENXIO)
            found = self._seek(handle, position, how == c.SEEK_DATA)
            if found is None:
                raise failure(errno.ENXIO)
            target = found
        else:
            raise failure(errno.EINVAL)
        if target < 0 or target > c.FILE_BYTES_MAX:
            raise failure(errno.EINVAL)
        handle.position = target
        return target

    def ftruncate(self, fd: int, length: int) -> None:
        """ftruncate(2): EINVAL unless the descriptor is open for writing."""
        if length < 0:
            raise failure(errno.EINVAL)
        handle = self._handle(fd)
        if not handle.writable or handle.inode.entries is not None:
            raise failure(errno.EINVAL)
        self._resize(handle.inode, length, handle)

    def truncate(self, path: Path, length: int) -> None:
        if isinstance(path, int):
            self.ftruncate(path, length)
            return
        if length < 0:
            raise failure(errno.EINVAL)
        inode = self._existing(path, None, True)
        if inode.entries is not None:
            raise failure(errno.EISDIR)
        self._resize(inode, length, None)

    def posix_fallocate(self, fd: int, offset: int, length: int) -> None:
        """posix_fallocate(3)."""
        self.fallocate(fd, 0, offset, length)

    def fallocate(self, fd: int, mode: int, offset: int, length: int) -> None:
        """fallocate(2) with no mode, KEEP_SIZE, or PUNCH_HOLE|KEEP_SIZE."""
        handle = self._handle(fd)
        if offset < 0 or length <= 0:
            raise failure(errno.EINVAL)
        if not handle.writable:
            raise failure(errno.EBADF)
        punch = mode == c.FALLOC_FL_PUNCH_HOLE | c.FALLOC_FL_KEEP_SIZE
        if not punch and mode not in (0, c.FALLOC_FL_KEEP_SIZE):
            raise failure(errno.EOPNOTSUPP)
        if offset + length > c.FILE_BYTES_MAX:
            raise failure(errno.EFBIG)
        self._allocate(handle, offset, length, mode != 0, punch)

    def copy_file_range(
        self,
        src: int,
        dst: int,
        count: int,
        offset_src: int | None = None,
        offset_dst: int | None = None,
    ) -> int:
        """copy_file_range(2); may copy less than asked."""
        source, target = self._handle(src), self._handle(dst)
        if source.inode.entries is not None or target.inode.entries is not None:
            raise failure(errno.EISDIR)
        if not source.readable or not target.writable or target.append:
            raise failure(errno.EBADF)
        start = source.position if offset_src is None else offset_src
        to = target.position if offset_dst is None else offset_dst
        if count < 0 or start < 0 or to < 0:
            raise failure(errno.EINVAL)
        count = min(count, max(self._size(source) - start, 0))
        if source.inode is target.inode and start < to + count and to < start + count:
            raise failure(errno.EINVAL)
        data = self._read(source, count, start)
        done = self._write(target, data, to) if data else 0
        if offset_src is None:
            source.position = start + done
        if offset_dst is None:
            target.position = to + done
        return done

    def ficlone(self, dst: int, src: int) -> None:
        """ioctl FICLONE: no modelled storage shares blocks, so EOPNOTSUPP."""
        self._handle(dst)
        self._handle(src)
        raise failure(errno.EOPNOTSUPP)

    # -- locks --------------------------------------------------------------------------------

    def flock(self, fd: int, operation: int) -> None:
        """flock(2). Without LOCK_NB a conflict is ``WouldBlock`` instead of EAGAIN."""
        handle = self._handle(fd)
        kind = operation & ~c.LOCK_NB
        if kind == c.LOCK_UN:
            self._flock_drop(handle)
            return
        if kind not in (c.LOCK_SH, c.LOCK_EX):
            raise failure(errno.EINVAL)
        self._draw_no_locks()
        try:
            self._flock_take(handle, kind == c.LOCK_EX)
        except BlockingIOError:
            if operation & c.LOCK_NB:
                raise
            raise self.host.lock_wait(handle.inode) from None

    def lockf(self, fd: int, cmd: int, len: int = 0, start: int = 0, whence: int = 0) -> None:  # noqa: A002
        """``fcntl.lockf``: a POSIX lock on ``len`` bytes from ``start``, 0 for "to the end"."""
        handle = self._handle(fd)
        kind = cmd & ~c.LOCK_NB
        low, high = self._lock_range(handle, len, start, whence)
        if kind == c.LOCK_UN:
            self._range_drop(handle, low, high)
            return
        if kind not in (c.LOCK_SH, c.LOCK_EX):
            raise failure(errno.EINVAL)
        exclusive = kind == c.LOCK_EX
        if not (handle.writable if exclusive else handle.readable):
            raise failure(errno.EBADF)
        self._draw_no_locks()
        try:
            self._range_take(handle, low, high, exclusive)
        except BlockingIOError:
            if cmd & c.LOCK_NB:
                raise
            raise self.host.lock_wait(handle.inode) from None

    def lock_in_the_way(self, fd: int, start: int, end: int, exclusive: bool) -> Range | None:
        """F_GETLK: a POSIX lock of another owner that conflicts with one on ``start <= i < end``."""
        handle = self._handle(fd)
        table = self._range_table(handle.inode)
        owner = ("posix", self.host.name, self.pid)
        found = [] if table is None else table.conflicts(owner, start, end, exclusive)
        return found[0] if found else None

    def _range_table(self, inode: Inode) -> FileLocks | None:
        return inode.locks

    def _lock_range(self, handle: Handle, length: int, start: int, whence: int) -> tuple[int, int]:
        """The bytes a ``struct flock`` means (fcntl(2)): a negative length reaches backwards."""
        if whence == c.SEEK_CUR:
            start += handle.position
        elif whence == c.SEEK_END:
            start += self._size(handle)
        elif whence != c.SEEK_SET:
            raise failure(errno.EINVAL)
        end = start + length if length else c.FILE_BYTES_MAX
        low, high = (end, start) if length < 0 else (start, end)
        if low < 0:
            raise failure(errno.EINVAL)
        return low, high

    def _draw_no_locks(self) -> None:
        faults = self.settings.faults
        if faults is not None and faults.enolck and self.settings.choose("fault.enolck", 2):
            raise failure(errno.ENOLCK)

    # -- names, in terms of the abstract part ---------------------------------------------------

    def stat(self, path: Path, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Stat:
        if isinstance(path, int):
            return self.fstat(path)
        return self._stat(path, dir_fd, follow_symlinks)

    def lstat(self, path: str, *, dir_fd: int | None = None) -> Stat:
        return self._stat(path, dir_fd, False)

    def replace(self, src: str, dst: str) -> None:
        """``os.replace``: the same call as rename on Linux."""
        self.rename(src, dst)

    def scandir(self, path: Path = "/") -> list[Entry]:
        """What ``os.scandir`` yields, as a list. Order is that of creation."""
        return [Entry(name, inode.number, inode.kind) for name, inode in self._list(path).items()]

    def listdir(self, path: Path = "/") -> list[str]:
        return list(self._list(path))

    def readlink(self, path: str, *, dir_fd: int | None = None) -> str:
        inode = self._existing(path, dir_fd, False)
        if inode.target is None:
            raise failure(errno.EINVAL)
        return inode.target

    def access(self, path: str, mode: int) -> bool:
        """``os.access`` for the superuser: does it exist, and, for X_OK, may anybody run it."""
        try:
            found = self._stat(path, None, True)
        except OSError:
            return False
        return not mode & 1 or found.st_mode & 0o111 != 0

    def chmod(self, path: Path, mode: int) -> None:
        self._set_attributes(self._target(path), mode=mode)

    def chown(self, path: Path, uid: int, gid: int) -> None:
        self._set_attributes(self._target(path), owner=(uid, gid))

    def utime(self, path: Path, *, ns: tuple[int, int] | None = None) -> None:
        """``os.utime``: access and modification time in nanoseconds; now if None."""
        now = self.settings.clock.now_ns
        self._set_attributes(self._target(path), times_ns=ns or (now, now))

    def fchmod(self, fd: int, mode: int) -> None:
        self.chmod(fd, mode)

    def getxattr(self, path: Path, attribute: str) -> bytes:
        known = self._xattr_inode(path).xattrs or {}
        if attribute not in known:
            raise failure(errno.ENODATA)
        return known[attribute]

    def listxattr(self, path: Path) -> list[str]:
        return list(self._xattr_inode(path).xattrs or {})

    def setxattr(self, path: Path, attribute: str, value: bytes, flags: int = 0) -> None:
        """setxattr(2): only names in ``user.``, else EOPNOTSUPP."""
        inode = self._xattr_inode(path)
        if not attribute.startswith("user."):
            raise failure(errno.EOPNOTSUPP)
        known = inode.xattrs or {}
        if flags & c.XATTR_CREATE and attribute in known:
            raise failure(errno.EEXIST)
        if flags & c.XATTR_REPLACE and attribute not in known:
            raise failure(errno.ENODATA)
        self._set_xattr(inode, attribute, bytes(value))

    def removexattr(self, path: Path, attribute: str) -> None:
        self._set_xattr(self._xattr_inode(path), attribute, None)

    def _xattr_inode(self, path: Path) -> Inode:
        inode = self._target(path)
        if not self.server.flavour.xattrs or not self._xattrs_travel():
            raise failure(errno.EOPNOTSUPP)
        return inode

    def _linked(self, src: Path) -> Inode:
        """What link(2) gives another name: no link is followed."""
        if isinstance(src, int):
            return self._handle(src).inode
        return self._existing(src, None, False)

    def _target(self, path: Path) -> Inode:
        if isinstance(path, int):
            return self._handle(path).inode
        return self._existing(path, None, True)

    def statvfs(self, path: Path = "/") -> StatVfs:
        self._target(path)
        return self.server.statvfs()

    fstatvfs = statvfs
