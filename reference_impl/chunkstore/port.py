"""The small door through which the store meets the file system, the clock and chance.

Every method has the name and meaning of the ``os`` or ``fcntl`` call it stands for and raises the
same ``OSError``. In production :class:`OsPort` is a thin pass-through; a simulator hands in its own,
and then each call is a step that it can order, delay or fail. Neither time nor chance enters the
store by another door.

``flock`` only ever tries: it raises ``BlockingIOError`` when the lock is taken. Waiting is the
business of whoever calls the store.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Sequence
from typing import Protocol

Data = bytes | bytearray | memoryview


class Stat(Protocol):
    """The fields of ``os.stat_result`` that the store reads."""

    @property
    def st_mode(self) -> int: ...
    @property
    def st_ino(self) -> int: ...
    @property
    def st_dev(self) -> int: ...
    @property
    def st_nlink(self) -> int: ...
    @property
    def st_size(self) -> int: ...
    @property
    def st_mtime_ns(self) -> int: ...


class Port(Protocol):
    """What the store needs of the world. Paths are absolute, times as their names say."""

    def open(self, path: str, flags: int, mode: int = 0o666) -> int: ...
    def close(self, fd: int) -> None: ...
    def pread(self, fd: int, length: int, offset: int) -> bytes: ...
    def preadv(self, fd: int, buffers: Sequence[bytearray | memoryview], offset: int) -> int: ...
    def pwrite(self, fd: int, data: Data, offset: int) -> int: ...
    def write(self, fd: int, data: Data) -> int: ...
    def ftruncate(self, fd: int, length: int) -> None: ...
    def fsync(self, fd: int) -> None: ...
    def fstat(self, fd: int) -> Stat: ...
    def lstat(self, path: str) -> Stat: ...
    def replace(self, source: str, target: str) -> None: ...
    def link(self, source: str, target: str) -> None: ...
    def unlink(self, path: str) -> None: ...
    def mkdir(self, path: str, mode: int = 0o777) -> None: ...
    def rmdir(self, path: str) -> None: ...
    def listdir(self, path: str) -> list[str]: ...
    def flock(self, fd: int, operation: int) -> None: ...
    def monotonic_ns(self) -> int: ...
    def time_ns(self) -> int: ...
    def sleep(self, seconds: float) -> None: ...
    def urandom(self, size: int) -> bytes: ...


class OsPort:
    """The real world: the kernel's own calls, bound once so that hardly a call pays for a wrapper."""

    close = staticmethod(os.close)
    pread = staticmethod(os.pread)
    preadv = staticmethod(os.preadv)
    pwrite = staticmethod(os.pwrite)
    write = staticmethod(os.write)
    ftruncate = staticmethod(os.ftruncate)
    fsync = staticmethod(os.fsync)
    fstat = staticmethod(os.fstat)
    lstat = staticmethod(os.lstat)
    replace = staticmethod(os.replace)
    link = staticmethod(os.link)
    unlink = staticmethod(os.unlink)
    mkdir = staticmethod(os.mkdir)
    rmdir = staticmethod(os.rmdir)
    listdir = staticmethod(os.listdir)
    monotonic_ns = staticmethod(time.monotonic_ns)
    time_ns = staticmethod(time.time_ns)
    sleep = staticmethod(time.sleep)
    urandom = staticmethod(os.urandom)

    @staticmethod
    def open(path: str, flags: int, mode: int = 0o666) -> int:
        """``os.open`` itself would make files that anybody may execute."""
        return os.open(path, flags, mode)

    @staticmethod
    def flock(fd: int, operation: int) -> None:
        """Try for the lock; ``BlockingIOError`` when somebody else has it (flock(2), LOCK_NB)."""
        fcntl.flock(fd, operation | fcntl.LOCK_NB)
