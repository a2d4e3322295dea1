"""A few file operations over the port that say what they leave durable.

Every helper tolerates the answers that a network file system gives to a repeated call whose first
reply was lost (rename(2), BUGS): the caller names the inode it expects, and we look before believing
an ``ENOENT`` or ``EEXIST``.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from .errors import Busy, OutOfSpace
from .hashing import Digest
from .port import Data, Port, Stat

GONE = (errno.ENOENT, errno.ESTALE)
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def no_space() -> Iterator[None]:
    """Turn "the disk is full" into the refusal that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise OutOfSpace("The storage is full.") from None
        raise


class Files:
    """Helpers bound to one port."""

    def __init__(self, port: Port, sha256: Callable[[], Digest] = hashlib.sha256) -> None:
        self.port = port
        self.sha256 = sha256

    def unique(self, prefix: str, suffix: str = ".tmp") -> str:
        return f"{prefix}_{self.port.urandom(8).hex()}{suffix}"

    def write_all(self, fd: int, data: Data, offset: int) -> None:
        """pwrite(2) until everything is written: a short write is not an error."""
        view = memoryview(data)
        while view:
            written = self.port.pwrite(fd, view, offset)
            view = view[written:]
            offset += written

    def read_at(self, fd: int, length: int, offset: int) -> bytes:
        """pread(2) until ``length`` bytes or the end of the file: a short read is not the end."""
        data = self.port.pread(fd, length, offset)
        while 0 < len(data) < length:
            more = self.port.pread(fd, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def sync_directory(self, path: str) -> None:
        """Make name changes in ``path`` durable (fsync(2): the file's own fsync does not)."""
        fd = self.port.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.port.fsync(fd)
        finally:
            self.port.close(fd)

    def create(self, path: str, data: Data) -> int:
        """A new file with these bytes, synced but not yet its name; returns the inode.

        A file that could not be synced is thrown away: after a failed fsync nobody knows what the
        next one would answer for.
        """
        fd = self.port.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            self.write_all(fd, data, 0)
            self.port.fsync(fd)
            inode = self.port.fstat(fd).st_ino
        except OSError:
            with suppress(OSError):
                self.port.close(fd)
            self.discard(path)
            raise
        self.port.close(fd)
        return inode

    def read(self, path: str) -> bytes:
        """The whole file."""
        fd = self.port.open(path, os.O_RDONLY)
        try:
            blocks = []
            offset = 0
            while block := self.port.pread(fd, 1 << 20, offset):
                blocks.append(block)
                offset += len(block)
            return b"".join(blocks)
        finally:
            self.port.close(fd)

    def find(self, path: str) -> Stat | None:
        """lstat(2), or None when there is no such name."""
        try:
            return self.port.lstat(path)
        except OSError as error:
            if error.errno in (*GONE, errno.ENOTDIR):
                return None
            raise

    def replace(self, source: str, target: str, inode: int) -> bool:
        """rename(2); False when ``source`` is gone and ``target`` is not the inode it was."""
        try:
            self.port.replace(source, target)
        except OSError as error:
            if error.errno not in GONE:
                raise
            self.names(os.path.dirname(target))  # what is cached of the target may be older
            found = self.find(target)
            return found is not None and found.st_ino == inode
        return True

    def discard(self, path: str) -> None:
        """Unlink, if it is there."""
        try:
            self.port.unlink(path)
        except OSError as error:
            if error.errno not in GONE:
                raise

    def make_directory(self, path: str) -> bool:
        """mkdir(2); False when it was there already."""
        try:
            self.port.mkdir(path)
        except FileExistsError:
            return False
        return True

    def remove_directory(self, path: str) -> None:
        """rmdir(2), if it is there and empty; what somebody still uses waits for the next sweep."""
        try:
            self.port.rmdir(path)
        except OSError as error:
            if error.errno not in (*GONE, errno.ENOTEMPTY, errno.EEXIST):
                raise

    def names(self, path: str) -> list[str]:
        """The names in a directory, or none when it is gone."""
        try:
            return self.port.listdir(path)
        except OSError as error:
            if error.errno in (*GONE, errno.ENOTDIR):
                return []
            raise

    def claim_new(self, path: str) -> tuple[int, int]:
        """A new file and its inode, its flock held as the sign that it is in use.

        ``Busy`` when a sweeper came between and takes it for an abandoned one.
        """
        fd = self.port.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            self.port.flock(fd, fcntl.LOCK_EX)
            inode = self.port.fstat(fd).st_ino
            found = self.find(path)
            if found is None or found.st_ino != inode:
                raise BlockingIOError
        except OSError as error:
            with suppress(OSError):
                self.port.close(fd)
            if isinstance(error, BlockingIOError):
                raise Busy("A new temporary file was taken for an abandoned one.") from None
            self.discard(path)
            raise
        return fd, inode

    def discard_unused(self, path: str) -> bool:
        """Unlink a temporary file unless somebody holds its flock; whether it is gone.

        The flock is held meanwhile, so that whoever has just made the file cannot take it for his.
        """
        try:
            fd = self.port.open(path, os.O_RDWR)
        except OSError as error:
            if error.errno in GONE:
                return True
            raise
        try:
            self.port.flock(fd, fcntl.LOCK_EX)
            self.discard(path)
        except BlockingIOError:
            return False
        finally:
            self.port.close(fd)
        return True

    @contextmanager
    def opened(self, path: str, flags: int) -> Iterator[int]:
        fd = self.port.open(path, flags)
        try:
            yield fd
        finally:
            self.port.close(fd)


def is_directory(found: Stat) -> bool:
    return stat.S_ISDIR(found.st_mode)


def is_link(found: Stat) -> bool:
    return stat.S_ISLNK(found.st_mode)
