"""Files of a process on an NFS mount: open and close, reading, writing, fsync."""

from __future__ import annotations

import errno
from functools import partial

from patchstorm.storage import c_library, pages
from patchstorm.storage import constants as c
from patchstorm.storage.errors import WouldBlock, failure
from patchstorm.storage.handle import Handle
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_node import CachedNode, Name
from patchstorm.storage.nfs_paths import NfsPaths
from patchstorm.storage.paths import Lookup

_CREATE_EXCL = c.O_CREAT | c.O_EXCL
_REFUSED_ON_DIRECTORY = c.O_ACCMODE | c.O_CREAT | c.O_TRUNC


class NfsFiles(NfsPaths):
    """Descriptors and contents, by way of the host's caches."""

    __slots__ = ()

    # -- open and close -------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        kernel = self.kernel
        if flags & c.O_TMPFILE == c.O_TMPFILE:
            raise failure(errno.EOPNOTSUPP, path)
        if flags & c.O_DIRECTORY and flags & c.O_CREAT:
            raise failure(errno.EINVAL, path)
        if flags & c.O_APPEND and flags & c.O_DIRECT:
            raise failure(errno.EINVAL, path)
        if flags & c.O_CREAT and path[-1:] == "/":
            self._parent(path, dir_fd)
            raise failure(errno.EISDIR, path)
        exclusive = flags & _CREATE_EXCL == _CREATE_EXCL
        follow = not flags & c.O_NOFOLLOW and not exclusive
        directory, name, inode = self._walk(path, dir_fd, follow, self._last(flags))
        if inode is None:
            if not flags & c.O_CREAT:
                raise failure(errno.ENOENT, path)
            if exclusive:  # which nothing was looked up for
                self._find_base(directory, dir_fd, path)
            inode = self._found_by_creating(directory, name, flags)
            if inode is None:
                inode = self._create(directory, name, mode, exclusive)
        elif exclusive:
            kernel.doubt(directory, name)
            raise failure(errno.EEXIST, path)
        else:
            self._check_open(inode, flags, path)
            self._open_existing(inode, flags)
        return self._opened(inode, flags, (directory, name))

    def _last(self, flags: int) -> Lookup:
        """How the last name of a path that is opened is looked up."""
        kernel = self.kernel
        if not flags & c.O_CREAT:
            return kernel.name_to_open
        if flags & c.O_EXCL:
            return kernel.true_name
        return kernel.name_to_create_cut if flags & c.O_TRUNC else kernel.name_to_create

    def open_found(self, found: int, flags: int, name: str, dir_fd: int) -> int:
        """By name, as the server is asked; ESTALE where that is another file now: look again."""
        inode = self._handle(found).inode
        if not name:  # where the mount begins
            self._check_open(inode, flags, name)
            self._open_existing(inode, flags)
            return self._opened(inode, flags)
        fd = self.open(name, flags & ~c.O_TRUNC, dir_fd=dir_fd)
        handle = self.fds[fd]
        if handle.inode is not inode:
            self.close(fd)
            raise failure(errno.ESTALE, name)
        if flags & c.O_TRUNC and inode.entries is None:
            self.kernel.resize(self.kernel.node(inode), 0)
        return fd

    def _check_open(self, inode: Inode, flags: int, path: str) -> None:
        if inode.entries is not None:
            if flags & _REFUSED_ON_DIRECTORY:
                raise failure(errno.EISDIR, path)
        elif inode.target is not None:
            raise failure(errno.ENOTDIR if flags & c.O_DIRECTORY else errno.ELOOP, path)
        elif flags & c.O_DIRECTORY:
            raise failure(errno.ENOTDIR, path)
        if self.settings.read_only and flags & (c.O_ACCMODE | c.O_TRUNC):
            raise failure(errno.EROFS, path)

    def _create(self, directory: Inode, name: str, mode: int, exclusive: bool) -> Inode:
        kernel = self.kernel
        mode &= ~self.umask & 0o7777
        create = partial(self.tree.create, directory, name, mode)
        kernel.call(create)
        kernel.refuse_in_grace()
        before = kernel.before_change(directory)
        inode = create()
        if exclusive and not kernel.mount.is_v3:
            kernel.lost_reply(errno.EEXIST)
        kernel.after_change(directory, before, name, inode)
        return inode

    def _found_by_creating(self, directory: Inode, name: str, flags: int) -> Inode | None:
        """The file that was there after all and is taken for new, if it is (``name_to_create_cut``)."""
        if flags & c.O_EXCL:
            return None
        inode = self.kernel.found_by_creating(directory, name)
        if inode is not None:
            self._open_existing(inode, flags & ~c.O_TRUNC)
        return inode

    def _open_existing(self, inode: Inode, flags: int) -> None:
        """Close-to-open: the attributes are asked for, and old pages dropped.

        Version 4 asks with its OPEN, when the kernel counts the new descriptor among those that write already
        (do_dentry_open, nfs4_file_open): a host that had the file open may take a change for its own.
        """
        kernel = self.kernel
        kernel.refuse_in_grace()
        node = kernel.node(inode)
        if kernel.mount.close_to_open or inode.entries is not None or node.change < 0:
            if inode.writers is not None:
                self.server.observe(inode, kernel)
            kernel.contact()
            early = not kernel.mount.is_v3 and node.opens > 0 and bool(flags & c.O_ACCMODE)
            node.writing += early
            kernel.absorb(node)
            node.writing -= early
        node.stale = False
        node.reopened = node.blind
        node.opened_by_handle = inode.nlink == 0
        if flags & c.O_TRUNC and inode.entries is None:
            kernel.resize(node, 0)

    def _opened(self, inode: Inode, flags: int, name: Name | None = None) -> int:
        kernel = self.kernel
        node = kernel.node(inode)
        node.opens += 1
        if not kernel.mount.is_v3:
            inode.opens += 1
        server = self.server
        serial = server.next_handle
        server.next_handle = serial + 1
        handle = Handle(inode, flags, serial, self.pid)
        node.opened[serial] = name
        if name is not None:
            kernel.node(name[0]).entered[name[1]] = inode
        node.writing += handle.writable
        handle.errors_seen = node.error_count
        return self._install(handle)

    def flush(self, fd: int) -> None:
        handle = self._handle(fd)
        if self.kernel.unreachable:
            raise self.kernel.no_answer()
        self._flush_at_close(handle, self.kernel.node(handle.inode))
        self._unlock(handle, ("posix", self.host.name, self.pid), 0, c.FILE_BYTES_MAX)

    def close(self, fd: int) -> None:
        handle = self._handle(fd)
        kernel = self.kernel
        node = kernel.node(handle.inode)
        last = handle.references == 1
        if last and (node.patches or handle.locked) and kernel.unreachable:
            refusal = kernel.no_answer()
            if isinstance(refusal, WouldBlock):
                raise refusal
        self._forget(fd)
        handle.references -= 1
        try:
            self._flush_at_close(handle, node)
        finally:
            self._drop_locks_at_close(handle, last)
            if last:
                self._closed(handle, node)

    def _abandon(self, fd: int) -> None:
        handle = self._forget(fd)
        handle.references -= 1
        if handle.references == 0:
            self._closed(handle, self.kernel.node(handle.inode))

    def _flush_at_close(self, handle: Handle, node: CachedNode) -> None:
        if handle.lost:
            self.kernel.discard(node)
            return
        if handle.writable:
            before = node.error_count
            self.kernel.flush(node)
            if node.error_count == before != handle.errors_seen and self._hides_error():
                handle.errors_seen = node.error_count
            self._report(handle, node)

    def _hides_error(self) -> bool:
        """close tells the errors of its own write-back, and earlier ones perhaps not (nfs_file_flush)."""
        return self.settings.choose("nfs.close-error", 2) == 1

    def copy_file_range(
        self,
        src: int,
        dst: int,
        count: int,
        offset_src: int | None = None,
        offset_dst: int | None = None,
    ) -> int:
        """4.2 has the server copy; what is older reads and writes here (RFC 7862 section 15.2)."""
        done = super().copy_file_range(src, dst, count, offset_src, offset_dst)
        if done and self.kernel.mount.version == "4.2":
            handle = self._handle(dst)
            node = self.kernel.node(handle.inode)
            self.kernel.flush(node, stable=False)
            self._report(handle, node)
        return done

    def _drop_locks_at_close(self, handle: Handle, last: bool) -> None:
        self._unlock(handle, ("posix", self.host.name, self.pid), 0, c.FILE_BYTES_MAX)
        if last:
            self._unlock(handle, self._flock_owner(handle), 0, c.FILE_BYTES_MAX)

    def _closed(self, handle: Handle, node: CachedNode) -> None:
        node.opens -= 1
        opened = node.opened.pop(handle.serial, None)
        node.writing -= handle.writable
        if not self.kernel.mount.is_v3:
            self.server.close_on_server(handle.inode)
        if opened is not None and opened not in node.opened.values():
            self.kernel.closed(node, opened)

    def _report(self, handle: Handle, node: CachedNode) -> None:
        """A write-back error, once to each description open when it happened."""
        if node.error_count != handle.errors_seen:
            handle.errors_seen = node.error_count
            raise failure(node.error_code)

    # -- bytes ----------------------------------------------------------------------------------

    def _read(self, handle: Handle, count: int, offset: int) -> bytes:
        inode = handle.inode
        if inode.entries is not None:
            raise failure(errno.EISDIR)
        self.kernel.fail_if_lost(handle.lost)
        faults = self.settings.faults
        if faults is not None:
            self.settings.strike_read()
            if faults.short_read:
                count = self.settings.shorten("fault.short_read", count)
        return self.kernel.read(self.kernel.node(inode), count, offset)

    def _write(self, handle: Handle, data: bytes, offset: int) -> int:
        kernel = self.kernel
        kernel.fail_if_lost(handle.lost)
        if not data:
            return 0
        faults = self.settings.faults
        if faults is not None and faults.short_write:
            data = data[: self.settings.shorten("fault.short_write", len(data))]
        node = kernel.node(handle.inode)
        at_once = kernel.mount.sync_writes or handle.flags & c.O_DSYNC
        if at_once and kernel.unreachable:
            raise kernel.no_answer()
        widen = (
            kernel.mount.extends_writes
            and not handle.flags & c.O_DSYNC
            and not kernel.has_byte_locks(handle.inode)
        )
        kernel.write(node, data, offset, widen, handle.readable)
        if at_once:
            kernel.flush(node)
            self._report(handle, node)
        return len(data)

    def _size(self, handle: Handle) -> int:
        return self.kernel.size(self.kernel.node(handle.inode))

    def _seek(self, handle: Handle, position: int, data: bool) -> int | None:
        """Real holes only with version 4.2 (RFC 7862 section 15.11); else all is data."""
        kernel = self.kernel
        node = kernel.node(handle.inode)
        size = kernel.size(node)
        if kernel.mount.version != "4.2":
            if position >= size:
                return None
            return position if data else size
        kernel.flush(node)
        inode = handle.inode
        search = pages.next_data if data else pages.next_hole
        return search(inode.pages, inode.size, position)

    def _resize(self, inode: Inode, length: int, handle: Handle | None) -> None:
        if handle is not None:
            self.kernel.fail_if_lost(handle.lost)
        self.kernel.call(partial(self.tree.resize, inode, length))
        self.kernel.resize(self.kernel.node(inode), length)

    def _allocate(
        self, handle: Handle, offset: int, length: int, keep_size: bool, punch: bool
    ) -> None:
        """ALLOCATE and DEALLOCATE of 4.2 (RFC 7862, sections 15.1 and 15.4)."""
        kernel = self.kernel
        node = kernel.node(handle.inode)
        inode = handle.inode
        if kernel.mount.version != "4.2":
            raise failure(errno.EOPNOTSUPP)
        kernel.contact()
        kernel.flush(node)
        self._report(handle, node)
        kernel.check_handle(node, True)
        if punch:
            kernel.change(node, partial(self._punch, node, offset, length))
        else:
            kernel.change(node, partial(self.tree.allocate, inode, offset, length, keep_size))

    def _punch(self, node: CachedNode, offset: int, length: int) -> None:
        self.tree.punch(node.inode, offset, length)
        pages.punch(node.pages, offset, length)

    def posix_fallocate(self, fd: int, offset: int, length: int) -> None:
        try:
            self.fallocate(fd, 0, offset, length)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            block_bytes = min(c.PAGE_BYTES, self.kernel.mount.wsize_bytes)
            c_library.allocate(self, fd, offset, length, block_bytes)

    def fsync(self, fd: int) -> None:
        handle = self._handle(fd)
        kernel = self.kernel
        kernel.fail_if_lost(handle.lost)
        node = kernel.node(handle.inode)
        faults = self.settings.faults
        if (
            node.patches
            and faults is not None
            and faults.eio_fsync
            and self.settings.choose("fault.eio_fsync", 2)
        ):
            kernel.discard(node)
            node.error_count += 1
            node.error_code = errno.EIO
        kernel.flush(node)
        self._report(handle, node)

    def sync(self) -> None:
        for node in list(self.kernel.nodes.values()):
            self.kernel.flush(node)
