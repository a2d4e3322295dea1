"""What a kind of storage must be able to do: the calls that differ between a local one and NFS."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeAlias

from patchstorm.storage.handle import Handle
from patchstorm.storage.inode import Inode
from patchstorm.storage.process import Process
from patchstorm.storage.stat import Stat

Path: TypeAlias = "str | int"
"""A path, or a descriptor where the ``os`` namesake takes one too."""


class Backend(Process):
    """Abstract: implemented by ``local.LocalClient`` and ``nfs_client.NfsClient``."""

    __slots__ = ()

    @abstractmethod
    def open(self, path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """open(2); returns a descriptor."""

    @abstractmethod
    def open_found(self, found: int, flags: int, name: str, dir_fd: int) -> int:
        """The end of open(2) of a name that was looked up before: ``found`` is what it was then."""

    @abstractmethod
    def flush(self, fd: int) -> None:
        """What close(2) does for every descriptor of a description, without closing it: send,
        report errors, drop POSIX locks."""

    @abstractmethod
    def fstat(self, fd: int) -> Stat: ...

    @abstractmethod
    def look_up(self, name: str, dir_fd: int) -> tuple[int, Stat]:
        """What stands under a name: a descriptor of :meth:`hold`, and what stat says of it."""

    def stat_found(self, found: int) -> Stat:
        """stat of what was looked up before, whether it is open here or not."""
        return self.fstat(found)

    @abstractmethod
    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None: ...

    @abstractmethod
    def rmdir(self, path: str, *, dir_fd: int | None = None) -> None: ...

    @abstractmethod
    def unlink(self, path: str, *, dir_fd: int | None = None) -> None: ...

    @abstractmethod
    def rename(
        self,
        src: str,
        dst: str,
        flags: int = 0,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None:
        """rename(2); ``flags`` are those of renameat2."""

    @abstractmethod
    def link(self, src: Path, dst: str, *, dst_dir_fd: int | None = None) -> None:
        """link(2): does not follow a symbolic link ``src``; a descriptor as with AT_EMPTY_PATH."""

    @abstractmethod
    def symlink(self, src: str, dst: str, *, dir_fd: int | None = None) -> None: ...

    @abstractmethod
    def fsync(self, fd: int) -> None: ...

    def fdatasync(self, fd: int) -> None:
        """fdatasync(2): the size counts as data that are needed to read, so the same as fsync."""
        self.fsync(fd)

    @abstractmethod
    def sync(self) -> None:
        """sync(2): everything this host has written."""

    @abstractmethod
    def _stat(self, path: str, dir_fd: int | None, follow: bool) -> Stat: ...

    @abstractmethod
    def _existing(self, path: str, dir_fd: int | None, follow: bool) -> Inode:
        """What a path names; ENOENT if nothing."""

    @abstractmethod
    def _list(self, path: Path) -> dict[str, Inode]: ...

    @abstractmethod
    def _read(self, handle: Handle, count: int, offset: int) -> bytes: ...

    @abstractmethod
    def _write(self, handle: Handle, data: bytes, offset: int) -> int: ...

    @abstractmethod
    def _size(self, handle: Handle) -> int: ...

    @abstractmethod
    def _seek(self, handle: Handle, position: int, data: bool) -> int | None: ...

    @abstractmethod
    def _resize(self, inode: Inode, length: int, handle: Handle | None) -> None: ...

    @abstractmethod
    def _allocate(
        self, handle: Handle, offset: int, length: int, keep_size: bool, punch: bool
    ) -> None: ...

    @abstractmethod
    def _set_attributes(
        self,
        inode: Inode,
        *,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        times_ns: tuple[int, int] | None = None,
    ) -> None: ...

    @abstractmethod
    def _set_xattr(self, inode: Inode, name: str, value: bytes | None) -> None: ...

    def _xattrs_travel(self) -> bool:
        return True

    @abstractmethod
    def _flock_take(self, handle: Handle, exclusive: bool) -> None: ...

    @abstractmethod
    def _flock_drop(self, handle: Handle) -> None: ...

    @abstractmethod
    def _range_take(self, handle: Handle, start: int, end: int, exclusive: bool) -> None: ...

    @abstractmethod
    def _range_drop(self, handle: Handle, start: int, end: int) -> None: ...
