"""What a pending call will touch, so that a search need not try both orders of calls that commute.

Keys are ``("name", directory, name)`` for a directory entry, ``("file", inode)`` for attributes
and contents, ``("dir", inode)`` for a whole listing, ``("lock", inode)``, ``("view:HOST", inode)``
for what an NFS host believes of a directory, and ``("all", 0)``. Two calls conflict if one writes
what the other reads or writes; changing any name of a directory conflicts with listing it, not with
changing another name. Footprints are computed against the truth on the server and are only
meaningful until the next call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from patchstorm.storage import constants as c
from patchstorm.storage.client import Client
from patchstorm.storage.inode import Inode
from patchstorm.storage.paths import walk

Key = tuple[str, int] | tuple[str, int, str]


class Footprint(NamedTuple):
    """Keys read and keys written."""

    reads: frozenset[Key]
    writes: frozenset[Key]


_NOTHING: frozenset[Key] = frozenset()
_ALL: Key = ("all", 0)
_EVERYTHING = Footprint(frozenset((_ALL,)), frozenset((_ALL,)))


def conflicts(a: Footprint, b: Footprint) -> bool:
    """True if the order of the two calls can matter."""
    if _ALL in a.writes or _ALL in b.writes:
        return True
    return _hits(a.writes, b) or _hits(b.writes, a)


def _hits(writes: frozenset[Key], other: Footprint) -> bool:
    for key in writes:
        if key in other.reads or key in other.writes:
            return True
        if key[0] == "name" and ("dir", key[1]) in other.reads:
            return True
    return False


def footprint(client: Client, operation: str, arguments: tuple[Any, ...]) -> Footprint:
    """The footprint of ``getattr(client, operation)(*arguments)`` if it were called now.

    An operation this module does not know conflicts with everything.
    """
    rule = _RULES.get(operation)
    return _EVERYTHING if rule is None else rule(_Marks(client), *arguments)


class _Marks:
    """Collects keys while a path is walked."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.nfs = client.server.flavour.nfs is not None
        self.view = f"view:{client.host.name}"
        self.reads: set[Key] = set()
        self.writes: set[Key] = set()

    def look(self, directory: Inode, name: str) -> Inode | None:
        self.reads.add(("name", directory.serial, name))
        if self.nfs:
            self.reads.add((self.view, directory.serial))
        return (directory.entries or {}).get(name)

    def path(self, path: str | int, follow: bool = True) -> tuple[Inode, str, Inode | None] | None:
        """Where a path leads; None if nowhere."""
        if isinstance(path, int):
            handle = self.client.fds.get(path)
            return None if handle is None else (handle.inode, ".", handle.inode)
        try:
            return walk(path, self.client.tree.root, None, follow, self.look)
        except OSError:
            return None

    def inode(self, path: str | int, follow: bool = True) -> Inode | None:
        found = self.path(path, follow)
        return None if found is None else found[2]

    def read_file(self, inode: Inode | None) -> None:
        if inode is not None:
            self.reads.add(("file", inode.serial))
            if inode.entries is not None:  # its size and times tell how many names it has
                self.reads.add(("dir", inode.serial))

    def write_file(self, inode: Inode | None) -> None:
        if inode is not None:
            self.writes.add(("file", inode.serial))

    def write_name(self, path: str) -> Inode | None:
        """The name itself changes; so do the links of what it names."""
        found = self.path(path, False)
        if found is None:
            return None
        directory, name, inode = found
        self.writes.add(("name", directory.serial, name))
        self.write_file(inode)
        self.change_view(directory)
        return inode

    def change_view(self, directory: Inode) -> None:
        """Over NFS a listing or an own change renews what this host believes of a directory."""
        if self.nfs:
            self.writes.add((self.view, directory.serial))

    def done(self) -> Footprint:
        return Footprint(frozenset(self.reads), frozenset(self.writes))


def _stat(marks: _Marks, path: str | int, *_rest: Any) -> Footprint:
    marks.read_file(marks.inode(path))
    return marks.done()


def _open(marks: _Marks, path: str, flags: int, *_rest: Any) -> Footprint:
    found = marks.path(path, not flags & c.O_NOFOLLOW)
    if found is None:
        return marks.done()
    directory, name, inode = found
    if inode is None:
        if flags & c.O_CREAT:
            marks.writes.add(("name", directory.serial, name))
            marks.change_view(directory)
    elif flags & c.O_TRUNC:
        marks.write_file(inode)
    else:
        marks.read_file(inode)
    return marks.done()


def _close(marks: _Marks, fd: int) -> Footprint:
    handle = marks.client.fds.get(fd)
    if handle is not None:
        inode = handle.inode
        if marks.nfs or inode.nlink == 0:
            marks.write_file(inode)
        if inode.locks is not None or marks.nfs:
            marks.writes.add(("lock", inode.serial))
    return marks.done()


def _read_fd(marks: _Marks, fd: int, *_rest: Any) -> Footprint:
    marks.read_file(marks.inode(fd))
    return marks.done()


def _write_fd(marks: _Marks, fd: int, *_rest: Any) -> Footprint:
    marks.write_file(marks.inode(fd))
    return marks.done()


def _write_path(marks: _Marks, path: str | int, *_rest: Any) -> Footprint:
    marks.write_file(marks.inode(path))
    return marks.done()


def _copy(marks: _Marks, src: int, dst: int, *_rest: Any) -> Footprint:
    marks.read_file(marks.inode(src))
    marks.write_file(marks.inode(dst))
    return marks.done()


def _list(marks: _Marks, path: str | int = "/") -> Footprint:
    inode = marks.inode(path)
    if inode is not None:
        marks.reads.add(("dir", inode.serial))
        marks.change_view(inode)
    return marks.done()


def _change_name(marks: _Marks, path: str, *_rest: Any) -> Footprint:
    marks.write_name(path)
    return marks.done()


def _rmdir(marks: _Marks, path: str, *_rest: Any) -> Footprint:
    inode = marks.write_name(path)
    if inode is not None:
        marks.reads.add(("dir", inode.serial))
    return marks.done()


def _rename(marks: _Marks, src: str, dst: str, *_rest: Any) -> Footprint:
    marks.write_name(src)
    replaced = marks.write_name(dst)
    if replaced is not None and replaced.entries is not None:
        marks.reads.add(("dir", replaced.serial))
    return marks.done()


def _link(marks: _Marks, src: str, dst: str, *_rest: Any) -> Footprint:
    marks.write_file(marks.inode(src, False))
    marks.write_name(dst)
    return marks.done()


def _symlink(marks: _Marks, _src: str, dst: str, *_rest: Any) -> Footprint:
    marks.write_name(dst)
    return marks.done()


def _lock(marks: _Marks, fd: int, *_rest: Any) -> Footprint:
    inode = marks.inode(fd)
    if inode is not None:
        marks.writes.add(("lock", inode.serial))
        if marks.nfs:
            marks.write_file(inode)
    return marks.done()


def _nothing(_marks: _Marks, *_rest: Any) -> Footprint:
    return Footprint(_NOTHING, _NOTHING)


_RULES: dict[str, Callable[..., Footprint]] = {
    **dict.fromkeys(("stat", "lstat", "access", "readlink", "getxattr", "listxattr"), _stat),
    **dict.fromkeys(("read", "pread", "fstat", "lseek"), _read_fd),
    **dict.fromkeys(
        ("write", "pwrite", "ftruncate", "fsync", "fdatasync", "fallocate", "posix_fallocate"),
        _write_fd,
    ),
    **dict.fromkeys(
        ("truncate", "chmod", "fchmod", "chown", "utime", "setxattr", "removexattr"), _write_path
    ),
    **dict.fromkeys(("listdir", "scandir"), _list),
    **dict.fromkeys(("mkdir", "unlink"), _change_name),
    **dict.fromkeys(("rename", "replace"), _rename),
    **dict.fromkeys(("flock", "lockf"), _lock),
    **dict.fromkeys(("statvfs", "fstatvfs", "dup"), _nothing),
    "open": _open,
    "close": _close,
    "copy_file_range": _copy,
    "rmdir": _rmdir,
    "link": _link,
    "symlink": _symlink,
}
