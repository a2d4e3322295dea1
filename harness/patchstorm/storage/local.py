"""A client of storage on its own machine: tmpfs or a disk, shared by containers of one kernel.

Every call goes to the tree at once, so all hosts see one truth. This path is kept lean: it is the
one most schedules run on.
"""

from __future__ import annotations

import errno
from heapq import heappop

from patchstorm.storage import constants as c
from patchstorm.storage import oplog, pages
from patchstorm.storage.backend import Path
from patchstorm.storage.client import Client
from patchstorm.storage.errors import failure
from patchstorm.storage.handle import Handle
from patchstorm.storage.host import Host
from patchstorm.storage.inode import Inode
from patchstorm.storage.local_paths import LocalPaths
from patchstorm.storage.paths import (
    DOTS,
    refusal_to_remove,
)
from patchstorm.storage.stat import Stat

_CREATE_EXCL = c.O_CREAT | c.O_EXCL
_REFUSED_ON_DIRECTORY = c.O_ACCMODE | c.O_CREAT | c.O_TRUNC


class LocalHost(Host):
    """A container, or the machine itself: its death loses nothing but its processes."""

    __slots__ = ()

    def _new_process(self, pid: int) -> Client:
        return LocalClient(self.server, self, pid)

    def crash(self) -> None:
        for pid in sorted(self.processes):
            self.processes[pid].kill()

    def reboot(self, view: Client) -> None:
        self.processes[view.pid] = view

    def partition(self, cut: bool) -> None:
        if cut:
            raise ValueError(
                f"{self.server.flavour.name} is local storage: there is no network to cut; "
                "use an nfs flavour for a partition between a host and its storage"
            )


class LocalClient(LocalPaths):
    """A process that works on the tree directly."""

    __slots__ = ()

    # -- open and close -------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & c.O_DIRECTORY:
            if flags & c.O_TMPFILE == c.O_TMPFILE:
                return self._open_unnamed(path, flags, mode, dir_fd)
            if flags & c.O_CREAT:
                raise failure(errno.EINVAL, path)
        if flags & c.O_CREAT and path[-1:] == "/":
            self._parent(path, dir_fd)
            raise failure(errno.EISDIR, path)
        follow = not flags & c.O_NOFOLLOW and flags & _CREATE_EXCL != _CREATE_EXCL
        directory, name, inode = self._find(path, dir_fd, follow)
        if inode is None:
            if not flags & c.O_CREAT:
                raise failure(errno.ENOENT, path)
            inode = self.tree.create(directory, name, mode & ~self.umask & 0o7777)
        elif flags or inode.entries is not None or inode.target is not None:
            self._check_open(inode, flags, path)
        server = self.server
        serial = server.next_handle
        server.next_handle = serial + 1
        inode.opens += 1
        handle = Handle(inode, flags, serial, self.pid)
        if flags & c.O_TRUNC and inode.entries is None:
            self._resize(inode, 0, handle)
        if self.free_fds:
            fd = heappop(self.free_fds)
            self.fds[fd] = handle
            return fd
        return self._install(handle)

    def open_found(self, found: int, flags: int, name: str, dir_fd: int) -> int:
        """The inode, whatever has become of its name since: a lookup and an open are two steps."""
        inode = self._handle(found).inode
        self._check_open(inode, flags, name)
        server = self.server
        server.next_handle += 1
        inode.opens += 1
        handle = Handle(inode, flags, server.next_handle - 1, self.pid)
        if flags & c.O_TRUNC and inode.entries is None:
            self._resize(inode, 0, handle)
        return self._install(handle)

    def _check_open(self, inode: Inode, flags: int, path: str) -> None:
        if flags & _CREATE_EXCL == _CREATE_EXCL:
            raise failure(errno.EEXIST, path)
        if inode.entries is not None:
            if flags & _REFUSED_ON_DIRECTORY:
                raise failure(errno.EISDIR, path)
        elif inode.target is not None:
            raise failure(errno.ENOTDIR if flags & c.O_DIRECTORY else errno.ELOOP, path)
        elif flags & c.O_DIRECTORY:
            raise failure(errno.ENOTDIR, path)
        if self.settings.read_only and flags & (c.O_ACCMODE | c.O_TRUNC):
            raise failure(errno.EROFS, path)

    def _open_unnamed(self, path: str, flags: int, mode: int, dir_fd: int | None) -> int:
        directory = self._existing(path, dir_fd, True)
        if directory.entries is None:
            raise failure(errno.ENOTDIR, path)
        if not flags & c.O_ACCMODE:
            raise failure(errno.EINVAL, path)
        if not self.server.flavour.unnamed_files:
            raise failure(errno.EOPNOTSUPP, path)
        inode = self.tree.create_unnamed(mode & ~self.umask & 0o7777)
        inode.opens += 1
        server = self.server
        server.next_handle += 1
        return self._install(Handle(inode, flags, server.next_handle - 1, self.pid))

    def flush(self, fd: int) -> None:
        inode = self._handle(fd).inode
        locks = inode.locks
        if locks is not None and locks.unlock(("posix", self.host.name, self.pid)):
            self.server.released(inode)

    def close(self, fd: int) -> None:
        handle = self._forget(fd)
        inode = handle.inode
        locks = inode.locks
        if locks is not None and locks.ranges and locks.unlock(("posix", self.host.name, self.pid)):
            self.server.released(inode)
        handle.references -= 1
        if handle.references:
            return
        inode.opens -= 1
        if locks is not None and locks.flocks and locks.flock_drop(self._flock_owner(handle)):
            self.server.released(inode)
        if inode.opens == 0 and inode.nlink == 0 and inode.entries is None:
            self.tree.free(inode)
        if handle.cut and self.tree.log is not None:
            self.tree.log.append((oplog.CLOSE_CUT, inode))

    # -- bytes ----------------------------------------------------------------------------------

    def _read(self, handle: Handle, count: int, offset: int) -> bytes:
        inode = handle.inode
        if inode.entries is not None:
            raise failure(errno.EISDIR)
        faults = self.settings.faults
        if faults is not None:
            self.settings.strike_read()
            if faults.short_read:
                count = self.settings.shorten("fault.short_read", count)
        return pages.read(inode.pages, inode.size, offset, count)

    def _write(self, handle: Handle, data: bytes, offset: int) -> int:
        faults = self.settings.faults
        if faults is not None and faults.short_write:
            data = data[: self.settings.shorten("fault.short_write", len(data))]
        inode = handle.inode
        count = self.tree.write(inode, offset, data)
        if handle.flags & c.O_DSYNC:
            self._sync_inode(handle)
        return count

    def _size(self, handle: Handle) -> int:
        return handle.inode.size

    def _seek(self, handle: Handle, position: int, data: bool) -> int | None:
        inode = handle.inode
        search = pages.next_data if data else pages.next_hole
        return search(inode.pages, inode.size, position)

    def _resize(self, inode: Inode, length: int, handle: Handle | None) -> None:
        if self.settings.read_only:
            raise failure(errno.EROFS)
        if handle is not None and length == 0 and inode.size:
            handle.cut = True
        self.tree.resize(inode, length)

    def _allocate(
        self, handle: Handle, offset: int, length: int, keep_size: bool, punch: bool
    ) -> None:
        if punch:
            self.tree.punch(handle.inode, offset, length)
        else:
            self.tree.allocate(handle.inode, offset, length, keep_size)

    # -- names ----------------------------------------------------------------------------------

    def _stat(self, path: str, dir_fd: int | None, follow: bool) -> Stat:
        inode = self._find(path, dir_fd, follow)[2]
        if inode is None:
            raise failure(errno.ENOENT, path)
        return inode.stat or self.tree.stat(inode)

    def fstat(self, fd: int) -> Stat:
        inode = self._handle(fd).inode
        return inode.stat or self.tree.stat(inode)

    def look_up(self, name: str, dir_fd: int) -> tuple[int, Stat]:
        inode = self._existing(name, dir_fd, False)
        return self.hold(inode), inode.stat or self.tree.stat(inode)

    def _list(self, path: Path) -> dict[str, Inode]:
        inode = self._target(path)
        if inode.entries is None:
            raise failure(errno.ENOTDIR, path if isinstance(path, str) else None)
        return inode.entries

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        directory, name, inode = self._entry(path, dir_fd)
        if inode is not None:
            raise failure(errno.EEXIST, path)
        self.tree.mkdir(directory, name, mode & ~self.umask & 0o7777)

    def rmdir(self, path: str, *, dir_fd: int | None = None) -> None:
        directory, name, inode = self._entry(path, dir_fd)
        if inode is None:
            raise failure(errno.ENOENT, path)
        if name in DOTS:
            raise failure(refusal_to_remove(path, name), path)
        self.tree.rmdir(directory, name)

    def unlink(self, path: str, *, dir_fd: int | None = None) -> None:
        directory, name, inode = self._entry(path, dir_fd)
        if inode is None:
            raise failure(errno.ENOENT, path)
        if name in DOTS or inode.entries is not None:
            raise failure(errno.EISDIR, path)
        if path[-1] == "/":
            raise failure(errno.ENOTDIR, path)
        self.tree.unlink(directory, name)

    def rename(
        self,
        src: str,
        dst: str,
        flags: int = 0,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None:
        if flags and not self.server.flavour.rename_flags:
            raise failure(errno.EINVAL, src)
        from_dir, from_name = self._parent(src, src_dir_fd)
        to_dir, to_name = self._parent(dst, dst_dir_fd)
        if from_name in DOTS:
            raise failure(errno.EBUSY, src)
        if to_name in DOTS:
            raise failure(errno.EEXIST if flags & c.RENAME_NOREPLACE else errno.EBUSY, src)
        source = self._last(from_dir, from_name)
        if source is None:
            raise failure(errno.ENOENT, src)
        target = self._last(to_dir, to_name)
        if flags:
            self._check_flags(flags, dst, target)
        slash = dst[-1] == "/" and not flags & c.RENAME_EXCHANGE
        if source.entries is None and (src[-1] == "/" or slash):
            raise failure(errno.ENOTDIR, src)
        self.tree.rename(from_dir, from_name, to_dir, to_name, flags)

    @staticmethod
    def _check_flags(flags: int, dst: str, target: Inode | None) -> None:
        """renameat2: what the flags ask of the target comes before what its slash does."""
        if target is not None and flags & c.RENAME_NOREPLACE:
            raise failure(errno.EEXIST, dst)
        if flags & c.RENAME_EXCHANGE:
            if target is None:
                raise failure(errno.ENOENT, dst)
            if dst[-1] == "/" and target.entries is None:
                raise failure(errno.ENOTDIR, dst)

    def link(self, src: Path, dst: str, *, dst_dir_fd: int | None = None) -> None:
        source = self._linked(src)
        directory, name = self._vacant(dst, dst_dir_fd)
        self.tree.link(source, directory, name)

    def symlink(self, src: str, dst: str, *, dir_fd: int | None = None) -> None:
        if not src:
            raise failure(errno.ENOENT, dst)
        directory, name = self._vacant(dst, dir_fd)
        self.tree.symlink(directory, name, src)

    def _set_attributes(
        self,
        inode: Inode,
        *,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        times_ns: tuple[int, int] | None = None,
    ) -> None:
        self.tree.set_attributes(inode, mode=mode, owner=owner, times_ns=times_ns)

    def _set_xattr(self, inode: Inode, name: str, value: bytes | None) -> None:
        self.tree.set_xattr(inode, name, value)

    # -- durability -----------------------------------------------------------------------------

    def fsync(self, fd: int) -> None:
        self._sync_inode(self._handle(fd))

    def _sync_inode(self, handle: Handle) -> None:
        inode = handle.inode
        faults = self.settings.faults
        log = self.tree.log
        if faults is not None and faults.eio_fsync and self.settings.choose("fault.eio_fsync", 2):
            inode.error_count += 1
            inode.error_code = errno.EIO
            if log is not None:
                log.append((oplog.LOST, inode))
        elif log is not None:
            log.append((oplog.SYNC, inode))
        if inode.error_count != handle.errors_seen:
            handle.errors_seen = inode.error_count
            raise failure(inode.error_code)

    def sync(self) -> None:
        if self.tree.log is not None:
            self.tree.log.append((oplog.SYNC_ALL,))
