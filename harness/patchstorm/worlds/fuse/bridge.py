"""FUSE requests of one replica as calls of one client of the storage model.

What a replica sees is the model's to decide each time: the kernel is told to believe nothing for longer than
a call. What is no step of a server's but the kernel's own book-keeping is in :data:`SILENT`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

from patchstorm.storage import constants as c
from patchstorm.storage.errors import failure
from patchstorm.worlds.fuse import protocol as p
from patchstorm.worlds.fuse.nodes import Nodes, Place
from patchstorm.worlds.fuse.protocol import Attribute, LockKind, Op, Request

_OPEN_FLAGS: Final = ~(
    c.O_NOCTTY | c.O_CLOEXEC | c.O_NONBLOCK | c.O_LARGEFILE | c.O_CREAT | c.O_EXCL
)
SILENT = frozenset(
    (
        *(
            Op.RELEASE,
            Op.RELEASEDIR,
            Op.OPENDIR,
            Op.STATFS,
            Op.ACCESS,
            Op.DESTROY,
            Op.IOCTL,
            Op.POLL,
        ),
        *(Op.GETXATTR, Op.LISTXATTR, Op.BMAP, Op.SYNCFS, Op.STATX),
    )
)
"""Requests that are no step: nobody waits for them, or nothing that another does can change their answer."""


_CLOSING: Final = (Op.FLUSH, Op.RELEASE, Op.RELEASEDIR)


class Bridge(Nodes):
    """One replica's calls."""

    def leads_on(self, request: Request) -> bool:
        """Whether a directory on the way is looked up: what is then done in it tells whether it is there."""
        if request.op != Op.LOOKUP or not self.knows(request.node):
            return False
        found = (self.inode(request.node).entries or {}).get(request.names()[0])
        return found is not None and found.entries is not None

    def locks_nothing(self, request: Request) -> bool:
        """Whether nobody has a POSIX lock on what is closed: the close gives none up."""
        handle = self.client.fds.get(request.unpack("Q")[0])
        locks = None if handle is None else handle.inode.locks
        return locks is None or not locks.ranges

    def has_locks_on(self, request: Request) -> bool:
        """Whether this replica has any lock on what is closed, which it may give up by that."""
        handle = self.client.fds.get(request.unpack("Q")[0])
        locks = None if handle is None else handle.inode.locks
        return locks is not None and locks.holds_any(self.client.host.name)

    # -- one request ----------------------------------------------------------------------------------

    def execute(self, request: Request) -> bytes:
        """The payload of the answer. Raises OSError, or WouldBlock with nothing done."""
        call = _CALLS.get(request.op)
        if call is None:
            raise OSError(errno.ENOSYS, request.called)
        if self._is_of_old(request):
            raise failure(errno.ESTALE)
        return call(self, request)

    def _is_of_old(self, request: Request) -> bool:
        """Whether it is about something that a process had open of the storage that was here before."""
        if request.op in _CLOSING:
            return False
        if request.op in (Op.READDIR, Op.FSYNCDIR):  # the root is a node of every storage
            return request.unpack("Q")[0] not in self.client.fds
        return request.node != 0 and not self.knows(request.node)

    def _lookup(self, q: Request) -> bytes:
        return self._entry(q.node, q.names()[0])

    def _getattr(self, q: Request) -> bytes:
        flags, _, fh = q.unpack("IIQ")
        if flags & p.BY_HANDLE and fh in self.client.fds:
            return p.attributes_answer(self._seen(self.client.fstat(fh)))
        return p.attributes_answer(self._seen(self.client.stat_found(self._at(q.node))))

    def _setattr(self, q: Request) -> bytes:
        valid, _, fh, size, _, atime, mtime, _ = q.unpack("II6Q")
        atime_rest, mtime_rest, _, mode, _, uid, gid = q.unpack("7I", 56)
        client, at = self.client, self._at(q.node)
        if valid & Attribute.SIZE:
            client.ftruncate(fh if valid & Attribute.HANDLE else at, size)
        if valid & Attribute.MODE:
            client.chmod(at, mode & 0o7777)
        if valid & (Attribute.UID | Attribute.GID):
            now = client.fstat(at)
            client.chown(
                at,
                uid if valid & Attribute.UID else now.st_uid,
                gid if valid & Attribute.GID else now.st_gid,
            )
        if valid & (Attribute.ATIME | Attribute.MTIME):
            now_ns, old = client.settings.clock.now_ns, client.fstat(at)
            asked = (
                (Attribute.ATIME, Attribute.ATIME_NOW, atime, atime_rest, old.st_atime_ns),
                (Attribute.MTIME, Attribute.MTIME_NOW, mtime, mtime_rest, old.st_mtime_ns),
            )
            first, second = (
                now_ns if valid & at_once else s * p.SECOND_NS + rest if valid & given else kept
                for given, at_once, s, rest, kept in asked
            )
            client.utime(at, ns=(first, second))
        return p.attributes_answer(self._seen(client.fstat(at)))

    def _open(self, q: Request) -> bytes:
        flags = q.unpack("I")[0] & _OPEN_FLAGS
        return self._opened(q.node, flags)

    def _opendir(self, q: Request) -> bytes:
        """The kernel itself opens directories for its own listing; what is read is asked for later."""
        return self._opened(q.node, 0)

    def _opened(self, node: int, flags: int) -> bytes:
        place = self._places.get(node)
        name, above = ("", 0) if place is None else (place.name, self._at(place.above))
        return p.open_answer(self.client.open_found(self._at(node), flags, name, above))

    def _create(self, q: Request) -> bytes:
        flags, mode, umask, _ = q.unpack("4I")
        name = q.names(16)[0]
        wanted = (flags & _OPEN_FLAGS) | (flags & c.O_EXCL) | c.O_CREAT
        fd = self.client.open(name, wanted, mode & ~umask & 0o7777, dir_fd=self._at(q.node))
        node = self._node(q.node, name, self.client.fds[fd].inode)
        return p.entry_answer(node, self._seen(self.client.fstat(fd))) + p.open_answer(fd)

    def _read(self, q: Request) -> bytes:
        fh, offset, size = q.unpack("QQI")
        return self.client.pread(fh, size, offset)

    def _write(self, q: Request) -> bytes:
        fh, offset, size = q.unpack("QQI")
        return p.written_answer(self.client.pwrite(fh, q.body[40 : 40 + size], offset))

    def _flush(self, q: Request) -> bytes:
        fh, _, _, owner = q.unpack("QIIQ")
        if fh in self.client.fds:  # else of a dead process, whose descriptors the model has closed
            if owner in self._owners:
                self._as(self._owners[owner], fh, lambda process, fd: process.flush(fd))
            else:
                self.client.flush(fh)
        return b""

    def _release(self, q: Request) -> bytes:
        fh = q.unpack("Q")[0]
        self._listings.pop(fh, None)
        if fh in self.client.fds:
            self.client.close(fh)
        return b""

    def _fsync(self, q: Request) -> bytes:
        self.client.fsync(q.unpack("Q")[0])
        return b""

    def _mkdir(self, q: Request) -> bytes:
        mode, umask = q.unpack("II")
        name = q.names(8)[0]
        self.client.mkdir(name, mode & ~umask & 0o7777, dir_fd=self._at(q.node))
        return self._entry(q.node, name)

    def _mknod(self, q: Request) -> bytes:
        mode, _, umask, _ = q.unpack("4I")
        if mode & 0o170000 not in (0, 0o100000):
            raise failure(
                errno.EPERM
            )  # a device, a pipe, a socket: nothing that storage is shared by
        name = q.names(16)[0]
        made = c.O_CREAT | c.O_EXCL | c.O_WRONLY
        self.client.close(
            self.client.open(name, made, mode & ~umask & 0o7777, dir_fd=self._at(q.node))
        )
        return self._entry(q.node, name)

    def _symlink(self, q: Request) -> bytes:
        name, target = q.names()
        self.client.symlink(target, name, dir_fd=self._at(q.node))
        return self._entry(q.node, name)

    def _readlink(self, q: Request) -> bytes:
        target = self.inode(q.node).target
        if target is None:
            raise failure(errno.EINVAL)
        return target.encode("utf-8", "surrogateescape")

    def _unlink(self, q: Request) -> bytes:
        self.client.unlink(q.names()[0], dir_fd=self._at(q.node))
        return b""

    def _rmdir(self, q: Request) -> bytes:
        self.client.rmdir(q.names()[0], dir_fd=self._at(q.node))
        return b""

    def _rename(self, q: Request) -> bytes:
        flags, skip = (q.unpack("I", 8)[0], 16) if q.op == Op.RENAME2 else (0, 8)
        to_node = q.unpack("Q")[0]
        old, new = q.names(skip)
        self.client.rename(
            old, new, flags, src_dir_fd=self._at(q.node), dst_dir_fd=self._at(to_node)
        )
        self._moved(Place(q.node, old), Place(to_node, new), flags)
        return b""

    def _moved(self, old: Place, new: Place, flags: int) -> None:
        """The kernel does not look up again what it has moved itself."""
        for node, place in list(self._places.items()):
            if place == old:
                self._places[node] = new
            elif place == new and flags & c.RENAME_EXCHANGE:
                self._places[node] = old

    def _link(self, q: Request) -> bytes:
        name = q.names(8)[0]
        self.client.link(self._at(q.unpack("Q")[0]), name, dst_dir_fd=self._at(q.node))
        return self._entry(q.node, name)

    def _readdir(self, q: Request) -> bytes:
        fh, offset, size = q.unpack("QQI")
        if offset == 0 or fh not in self._listings:
            self._listings[fh] = self.client.scandir(fh)
        return p.listing_answer(self._listings[fh], offset, size)

    # -- locks ----------------------------------------------------------------------------------------

    def _setlk(self, q: Request) -> bytes:
        fh, owner, start, end, kind, _, flags, _ = p.LOCK.unpack_from(q.body)
        how = {LockKind.READ: c.LOCK_SH, LockKind.WRITE: c.LOCK_EX}.get(kind, c.LOCK_UN)
        if q.op == Op.SETLK:
            how |= c.LOCK_NB
        if flags & p.LOCK_IS_FLOCK:
            self.client.flock(fh, how)
        else:
            length = 0 if end >= c.FILE_BYTES_MAX else end - start + 1
            self._as(self._owner(owner), fh, lambda one, fd: one.lockf(fd, how, length, start))
        return b""

    def _getlk(self, q: Request) -> bytes:
        fh, owner, start, end, kind, _, _, _ = p.LOCK.unpack_from(q.body)
        beyond = c.FILE_BYTES_MAX if end >= c.FILE_BYTES_MAX else end + 1
        found = self._as(
            self._owner(owner),
            fh,
            lambda one, fd: one.lock_in_the_way(fd, start, beyond, kind == LockKind.WRITE),
        )
        if found is None:
            return p.lock_answer(LockKind.UNLOCK)
        mode = LockKind.WRITE if found.exclusive else LockKind.READ
        last = c.FILE_BYTES_MAX if found.end == c.FILE_BYTES_MAX else found.end - 1
        return p.lock_answer(mode, found.start, last, 0)

    # -- the rest -------------------------------------------------------------------------------------

    def _statfs(self, _: Request) -> bytes:
        return p.statfs_answer(self.client.server.statvfs())

    def _lseek(self, q: Request) -> bytes:
        fh, offset, whence = q.unpack("QQI")
        return self.client.lseek(fh, offset, whence).to_bytes(8, "little")

    def _fallocate(self, q: Request) -> bytes:
        fh, offset, length, mode = q.unpack("QQQI")
        self.client.fallocate(fh, mode, offset, length)
        return b""

    def _copy(self, q: Request) -> bytes:
        source, from_offset, _, target, to_offset, length, _ = q.unpack("7Q")
        done = self.client.copy_file_range(source, target, length, from_offset, to_offset)
        return p.copied_answer(done) if q.op == Op.COPY_FILE_RANGE_64 else p.written_answer(done)

    def _getxattr(self, q: Request) -> bytes:
        at = self._at(q.node)
        if q.op == Op.LISTXATTR:
            names = self.client.listxattr(at)
            value = b"".join(name.encode("utf-8", "surrogateescape") + b"\0" for name in names)
        else:
            value = self.client.getxattr(at, q.names(8)[0])
        found = p.sized_answer(value, q.unpack("I")[0])
        if found is None:
            raise OSError(errno.ERANGE, "")
        return found

    def _setxattr(self, q: Request) -> bytes:
        size, flags = q.unpack("II")
        name = q.body[8:].split(b"\0", 1)[0]
        value = q.body[9 + len(name) :][:size]
        self.client.setxattr(
            self._at(q.node), name.decode("utf-8", "surrogateescape"), value, flags
        )
        return b""

    def _removexattr(self, q: Request) -> bytes:
        self.client.removexattr(self._at(q.node), q.names()[0])
        return b""


_CALLS: dict[int, Callable[[Bridge, Request], bytes]] = {
    Op.LOOKUP: Bridge._lookup,
    Op.GETATTR: Bridge._getattr,
    Op.SETATTR: Bridge._setattr,
    Op.OPEN: Bridge._open,
    Op.CREATE: Bridge._create,
    Op.READ: Bridge._read,
    Op.WRITE: Bridge._write,
    Op.FLUSH: Bridge._flush,
    Op.RELEASE: Bridge._release,
    Op.RELEASEDIR: Bridge._release,
    Op.OPENDIR: Bridge._opendir,
    Op.FSYNC: Bridge._fsync,
    Op.FSYNCDIR: Bridge._fsync,
    Op.MKDIR: Bridge._mkdir,
    Op.MKNOD: Bridge._mknod,
    Op.SYMLINK: Bridge._symlink,
    Op.READLINK: Bridge._readlink,
    Op.UNLINK: Bridge._unlink,
    Op.RMDIR: Bridge._rmdir,
    Op.RENAME: Bridge._rename,
    Op.RENAME2: Bridge._rename,
    Op.LINK: Bridge._link,
    Op.READDIR: Bridge._readdir,
    Op.SETLK: Bridge._setlk,
    Op.SETLKW: Bridge._setlk,
    Op.GETLK: Bridge._getlk,
    Op.STATFS: Bridge._statfs,
    Op.LSEEK: Bridge._lseek,
    Op.FALLOCATE: Bridge._fallocate,
    Op.COPY_FILE_RANGE: Bridge._copy,
    Op.COPY_FILE_RANGE_64: Bridge._copy,
    Op.GETXATTR: Bridge._getxattr,
    Op.LISTXATTR: Bridge._getxattr,
    Op.SETXATTR: Bridge._setxattr,
    Op.REMOVEXATTR: Bridge._removexattr,
}
