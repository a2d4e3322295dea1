"""A process on a host with an NFS mount: system calls in terms of the host's caches."""

from __future__ import annotations

import errno
from functools import partial
from typing import TYPE_CHECKING

from patchstorm.storage import constants as c
from patchstorm.storage import pages
from patchstorm.storage.client import Client, Path
from patchstorm.storage.errors import WouldBlock, failure
from patchstorm.storage.handle import Handle
from patchstorm.storage.inode import Inode
from patchstorm.storage.locks import Owner
from patchstorm.storage.nfs_cache import CachedNode
from patchstorm.storage.paths import Lookup, walk
from patchstorm.storage.stat import Stat

if TYPE_CHECKING:
    from patchstorm.storage.nfs_host import NfsHost
    from patchstorm.storage.server import Server

_CREATE_EXCL = c.O_CREAT | c.O_EXCL
_REFUSED_ON_DIRECTORY = c.O_ACCMODE | c.O_CREAT | c.O_TRUNC


class NfsClient(Client):
    """A process that reaches the tree through its host's NFS client."""

    __slots__ = ("kernel",)

    def __init__(self, server: Server, host: NfsHost, pid: int) -> None:
        super().__init__(server, host, pid)
        self.kernel = host

    # -- resolution ---------------------------------------------------------------------------

    def _walk(
        self, path: str, dir_fd: int | None, follow: bool, last: Lookup
    ) -> tuple[Inode, str, Inode | None]:
        try:
            return walk(path, self.tree.root, self._base(dir_fd), follow, self.kernel.look_up, last)
        except OSError as error:
            if error.filename is None and error.errno in (errno.ENOENT, errno.ENOTDIR):
                raise failure(error.errno, path) from None
            raise

    def _existing(self, path: str, dir_fd: int | None, follow: bool) -> Inode:
        inode = self._walk(path, dir_fd, follow, self.kernel.look_up)[2]
        if inode is None:
            raise failure(errno.ENOENT, path)
        return inode

    def _true(self, path: str, dir_fd: int | None = None) -> tuple[Inode, str, Inode | None]:
        """For calls that the server executes by name: directory, name, what is really there."""
        return self._walk(path, dir_fd, False, self.kernel.true_name)

    # -- open and close -------------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        kernel = self.kernel
        if flags & c.O_TMPFILE == c.O_TMPFILE:
            raise failure(errno.EOPNOTSUPP, path)
        if flags & c.O_DIRECTORY and flags & c.O_CREAT:
            raise failure(errno.EINVAL, path)
        if flags & c.O_APPEND and flags & c.O_DIRECT:
            raise failure(errno.EINVAL, path)
        exclusive = flags & _CREATE_EXCL == _CREATE_EXCL
        follow = not flags & c.O_NOFOLLOW and not exclusive
        if exclusive:
            last: Lookup = kernel.true_name
        elif flags & c.O_CREAT:
            last = kernel.name_to_create
        else:
            last = kernel.name_to_open
        directory, name, inode = self._walk(path, dir_fd, follow, last)
        if inode is None:
            if not flags & c.O_CREAT:
                raise failure(errno.ENOENT, path)
            inode = self._create(directory, name, mode, exclusive)
        elif exclusive:
            self._doubt(directory, name)
            raise failure(errno.EEXIST, path)
        else:
            self._check_open(inode, flags, path)
            self._open_existing(inode, flags)
        return self._opened(inode, flags)

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

    def _open_existing(self, inode: Inode, flags: int) -> None:
        """Close-to-open: the attributes are asked for, and old pages dropped."""
        kernel = self.kernel
        kernel.refuse_in_grace()
        node = kernel.node(inode)
        if kernel.mount.close_to_open or inode.entries is not None or node.change < 0:
            if inode.writers is not None:
                self.server.observe(inode, kernel)
            kernel.contact()
            kernel.absorb(node)
        node.stale = False
        node.opened_by_handle = inode.nlink == 0
        if flags & c.O_TRUNC and inode.entries is None:
            kernel.resize(node, 0)

    def _opened(self, inode: Inode, flags: int) -> int:
        kernel = self.kernel
        node = kernel.node(inode)
        node.opens += 1
        if not kernel.mount.is_v3:
            inode.opens += 1
        server = self.server
        serial = server.next_handle
        server.next_handle = serial + 1
        handle = Handle(inode, flags, serial, self.pid)
        handle.errors_seen = node.error_count
        return self._install(handle)

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
            self.kernel.flush(node)
            self._report(handle, node)

    def _drop_locks_at_close(self, handle: Handle, last: bool) -> None:
        self._unlock(handle, ("posix", self.host.name, self.pid), 0, c.FILE_BYTES_MAX)
        if last:
            self._unlock(handle, self._flock_owner(handle), 0, c.FILE_BYTES_MAX)

    def _closed(self, handle: Handle, node: CachedNode) -> None:
        node.opens -= 1
        if not self.kernel.mount.is_v3:
            self.server.close_on_server(handle.inode)
        if node.opens == 0:
            self.kernel.last_close(node)

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
        kernel.write(node, data, offset, widen)
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
        """ALLOCATE and DEALLOCATE of 4.2; before it, glibc's emulation grows the file."""
        kernel = self.kernel
        node = kernel.node(handle.inode)
        inode = handle.inode
        if kernel.mount.version != "4.2" and (punch or keep_size):
            raise failure(errno.EOPNOTSUPP)
        kernel.contact()
        kernel.flush(node)
        self._report(handle, node)
        if punch:
            self.tree.punch(inode, offset, length)
        else:
            self.tree.allocate(inode, offset, length, keep_size)
        kernel.absorb(node)

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

    # -- names ----------------------------------------------------------------------------------

    def fstat(self, fd: int) -> Stat:
        handle = self._handle(fd)
        kernel = self.kernel
        node = kernel.node(handle.inode)
        if node.patches:
            kernel.flush(node)
        return kernel.attributes(node, True)

    def _stat(self, path: str, dir_fd: int | None, follow: bool) -> Stat:
        kernel = self.kernel
        inode = self._existing(path, dir_fd, follow)
        try:
            return self._attributes(inode)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        kernel.nodes[inode.serial].stale = False
        inode_now = self._walk(path, dir_fd, follow, kernel.ask_name)[2]
        if inode_now is None:
            raise failure(errno.ENOENT, path)
        return self._attributes(inode_now)

    def _attributes(self, inode: Inode) -> Stat:
        kernel = self.kernel
        node = kernel.node(inode)
        if node.patches:
            kernel.flush(node)
        return kernel.attributes(node, False)

    def _list(self, path: Path) -> dict[str, Inode]:
        kernel = self.kernel
        if isinstance(path, int):
            inode = self._handle(path).inode
            if inode.entries is None:
                raise failure(errno.ENOTDIR)
            return kernel.listing(inode, True)
        found = self._walk(path, None, True, kernel.name_to_open)[2]
        if found is None:
            raise failure(errno.ENOENT, path)
        if found.entries is None:
            raise failure(errno.ENOTDIR, path)
        return kernel.listing(found, False)

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        kernel = self.kernel
        directory, name, inode = self._true(path, dir_fd)
        if inode is not None:
            self._doubt(directory, name)
            raise failure(errno.EEXIST, path)
        make = partial(self.tree.mkdir, directory, name, mode & ~self.umask & 0o7777)
        kernel.call(make)
        before = kernel.before_change(directory)
        inode = make()
        kernel.lost_reply(errno.EEXIST)
        kernel.after_change(directory, before, name, inode)

    def rmdir(self, path: str, *, dir_fd: int | None = None) -> None:
        kernel = self.kernel
        directory, name, inode = self._true(path, dir_fd)
        if inode is None:
            raise failure(errno.ENOENT, path)
        if name == ".":
            raise failure(errno.EBUSY, path)
        remove = partial(self.tree.rmdir, directory, name)
        kernel.call(remove)
        before = kernel.before_change(directory)
        remove()
        kernel.lost_reply(errno.ENOENT)
        kernel.after_change(directory, before, name, None)

    def unlink(self, path: str, *, dir_fd: int | None = None) -> None:
        kernel = self.kernel
        directory, name, inode = self._true(path, dir_fd)
        if inode is None:
            self._doubt(directory, name)
            raise failure(errno.ENOENT, path)
        if name == "." or inode.entries is not None:
            raise failure(errno.EISDIR, path)
        remove = partial(self.tree.unlink, directory, name)
        kernel.call(remove)
        kernel.refuse_in_grace()
        if kernel.must_stay(inode):
            kernel.rename_silly(directory, name, inode)
            return
        before = kernel.before_change(directory)
        remove()
        kernel.lost_reply(errno.ENOENT)
        kernel.after_change(directory, before, name, None)

    def _doubt(self, directory: Inode, name: str) -> None:
        """The server said ENOENT or EEXIST: what was believed of the name is dropped."""
        node = self.kernel.nodes.get(directory.serial)
        if node is not None:
            node.names.pop(name, None)

    def rename(self, src: str, dst: str, flags: int = 0) -> None:
        """RENAME; over a file open on this host it is two calls, and others can act between."""
        if flags:
            raise failure(errno.EINVAL, src)
        kernel = self.kernel
        from_dir, from_name, source = self._true(src)
        to_dir, to_name, target = self._true(dst)
        if from_name == "." or to_name == ".":
            raise failure(errno.EBUSY, src)
        if source is None:
            self._doubt(from_dir, from_name)
            raise failure(errno.ENOENT, src)
        if source.entries is None and (src[-1] == "/" or (dst[-1] == "/" and target is None)):
            raise failure(errno.ENOTDIR, src)
        move = partial(self.tree.rename, from_dir, from_name, to_dir, to_name)
        kernel.call(move)
        kernel.refuse_in_grace()
        self._flush_before_rename(source)
        if (
            target is not None
            and target is not source
            and target.entries is None
            and source.entries is None
            and kernel.must_stay(target)
        ):
            kernel.rename_silly(to_dir, to_name, target)
            if self.settings.pause is not None:
                self.settings.pause("nfs.rename")
                kernel.contact()
        before_from = kernel.before_change(from_dir)
        before_to = kernel.before_change(to_dir)
        move()
        kernel.lost_reply(errno.ENOENT)
        if target is source:
            return
        kernel.after_change(from_dir, before_from, from_name, None)
        if to_dir is from_dir:
            kernel.node(to_dir).names[to_name] = source
        else:
            kernel.after_change(to_dir, before_to, to_name, source)

    def _flush_before_rename(self, source: Inode) -> None:
        """6.1 sends a dirty file before renaming it; nothing promises that."""
        node = self.kernel.nodes.get(source.serial)
        if (
            node is not None
            and node.patches
            and self.settings.choose("nfs.rename-unflushed", 2) == 0
        ):
            self.kernel.flush(node)

    def link(self, src: str, dst: str) -> None:
        kernel = self.kernel
        source = self._existing(src, None, False)
        directory, name, target = self._true(dst)
        if target is not None:
            self._doubt(directory, name)
            raise failure(errno.EEXIST, dst)
        if dst[-1] == "/":
            raise failure(errno.ENOENT, dst)
        link = partial(self.tree.link, source, directory, name)
        kernel.call(link)
        kernel.refuse_in_grace()
        before = kernel.before_change(directory)
        link()
        kernel.lost_reply(errno.EEXIST)
        kernel.after_change(directory, before, name, source)

    def symlink(self, src: str, dst: str, *, dir_fd: int | None = None) -> None:
        if not src:
            raise failure(errno.ENOENT, dst)
        kernel = self.kernel
        directory, name, inode = self._true(dst, dir_fd)
        if inode is not None:
            self._doubt(directory, name)
            raise failure(errno.EEXIST, dst)
        if dst[-1] == "/":
            raise failure(errno.ENOENT, dst)
        make = partial(self.tree.symlink, directory, name, src)
        kernel.call(make)
        before = kernel.before_change(directory)
        inode = make()
        kernel.lost_reply(errno.EEXIST)
        kernel.after_change(directory, before, name, inode)

    def _set_attributes(
        self,
        inode: Inode,
        *,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        times_ns: tuple[int, int] | None = None,
    ) -> None:
        kernel = self.kernel
        change = partial(self.tree.set_attributes, inode, mode=mode, owner=owner, times_ns=times_ns)
        kernel.call(change)
        node = kernel.node(inode)
        kernel.flush(node)
        known = node.change == inode.change
        change()
        if known:
            node.change = inode.change
        kernel.absorb(node)

    def _set_xattr(self, inode: Inode, name: str, value: bytes | None) -> None:
        self.kernel.contact()
        self.tree.set_xattr(inode, name, value)

    def _xattrs_travel(self) -> bool:
        return self.kernel.mount.version == "4.2"

    # -- locks ----------------------------------------------------------------------------------

    def _flock_owner(self, handle: Handle) -> Owner:
        return ("flock", self.host.name, handle.serial)

    def _flock_take(self, handle: Handle, exclusive: bool) -> None:
        kernel = self.kernel
        inode = handle.inode
        node = kernel.node(inode)
        if kernel.mount.local_flock:
            kernel.before_lock(node)
            self._local_flock(handle, exclusive)
        else:
            if not kernel.mount.is_v3 and not (handle.writable if exclusive else handle.readable):
                raise failure(errno.EBADF)
            kernel.contact()
            kernel.before_lock(node)
            owner = self._flock_owner(handle)
            self.server.remote_lock(kernel, inode, owner, 0, c.FILE_BYTES_MAX, exclusive)
            self._locked(handle)
        kernel.after_lock(node)

    def _local_flock(self, handle: Handle, exclusive: bool) -> None:
        table = self.kernel.local_table(handle.inode)
        owner = self._flock_owner(handle)
        held = table.flocks.get(owner)
        try:
            table.flock(owner, exclusive)
        finally:
            if held is not None and table.flocks.get(owner) != held:
                self.server.released_locally(handle.inode, table)

    def _locked(self, handle: Handle) -> None:
        handle.locked = True
        handle.lost = False

    def _flock_drop(self, handle: Handle) -> None:
        self._give_up(handle, self._flock_owner(handle), 0, c.FILE_BYTES_MAX)

    def _range_take(self, handle: Handle, start: int, end: int, exclusive: bool) -> None:
        kernel = self.kernel
        inode = handle.inode
        node = kernel.node(inode)
        owner = ("posix", self.host.name, self.pid)
        if kernel.mount.local_posix:
            kernel.before_lock(node)
            kernel.local_table(inode).lock(owner, start, end, exclusive)
        else:
            kernel.contact()
            kernel.before_lock(node)
            self.server.remote_lock(kernel, inode, owner, start, end, exclusive)
            self._locked(handle)
        kernel.after_lock(node)

    def _range_drop(self, handle: Handle, start: int, end: int) -> None:
        self._give_up(handle, ("posix", self.host.name, self.pid), start, end)

    def _give_up(self, handle: Handle, owner: Owner, start: int, end: int) -> None:
        """Unlock: what is dirty is sent first; a lost lock is only forgotten."""
        kernel = self.kernel
        node = kernel.node(handle.inode)
        if handle.lost:
            kernel.discard(node)
            handle.lost = handle.locked = False
            return
        if kernel.unreachable and (node.patches or handle.locked):
            raise kernel.no_answer()
        kernel.flush(node)
        self._unlock(handle, owner, start, end)
        handle.locked = False

    def _unlock(self, handle: Handle, owner: Owner, start: int, end: int) -> None:
        inode = handle.inode
        table = self.kernel.local_locks.get(inode.serial)
        if table is not None and (
            table.unlock(owner, start, end) | (owner[0] == "flock" and table.flock_drop(owner))
        ):
            self.server.released_locally(inode, table)
        locks = inode.locks
        if locks is not None and not self.kernel.unreachable and locks.unlock(owner, start, end):
            self.server.released(inode)
