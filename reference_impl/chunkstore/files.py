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
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TypeVar

import msgspec

from .errors import Busy, Locked, OutOfSpace, StoreError
from .hashing import Digest
from .port import Data, Port, Stat

GONE = (errno.ENOENT, errno.ESTALE)
SAFELY = os.O_NONBLOCK | os.O_NOFOLLOW
"""How what lies in a session is opened: a FIFO does not hold its reader up, and a link leads nowhere else."""
NO_FILE = (errno.ESPIPE, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.ENODEV)
"""What reading at an offset answers where there is no regular file (open(2), pread(2))."""
ABSENT = (*GONE, *NO_FILE)
JSON_BYTES_MAX = 256 << 20
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are no JSON, or not yet: a cut may fall within a character."""
FULL = (errno.ENOSPC, errno.EDQUOT)
READ_BYTES = 1 << 20
_T = TypeVar("_T")


class Refused:
    """Within it, an error of the storage with one of these numbers becomes a refusal that says so."""

    __slots__ = ("_codes", "_refusal", "_says")

    def __init__(self, codes: Collection[int], refusal: type[StoreError], says: str) -> None:
        self._codes = codes
        self._refusal = refusal
        self._says = says

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if isinstance(error, OSError) and error.errno in self._codes:
            raise self._refusal(self._says) from None


_NO_SPACE = Refused(FULL, OutOfSpace, "The storage is full.")


def no_space() -> Refused:
    """Within it, "the disk is full" becomes the refusal that says so."""
    return _NO_SPACE


def vanishing(refusal: type[Locked]) -> Refused:
    """Within it, that a temporary file's handle is no longer good becomes ``refusal``.

    On NFS a name may be seen for a while after another host has removed it, so that :meth:`Files.claim_new`
    is content with a file that a sweeper has just taken away (nfs(5); RFC 1813, NFS3ERR_STALE).
    """
    return Refused((errno.ESTALE,), refusal, "The temporary file of this request has vanished.")


class Files:
    """Helpers bound to one port."""

    new_file_mode = 0o666
    """Less what the umask takes: plain data, whichever call makes it."""

    def __init__(self, port: Port, sha256: Callable[[], Digest] = hashlib.sha256) -> None:
        self.port = port
        self.sha256 = sha256

    def unique(self, prefix: str, suffix: str = ".tmp") -> str:
        return f"{prefix}_{self.port.urandom(8).hex()}{suffix}"

    def write_all(self, fd: int, data: Data, offset: int) -> None:
        """pwrite(2) until everything is written: a short write is not an error."""
        rest = data
        while rest:
            written = self.port.pwrite(fd, rest, offset)
            rest = rest[written:]
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

    def create(self, path: str, data: Data) -> None:
        """A new file with these bytes, synced but not yet its name.

        A file that could not be synced is thrown away: after a failed fsync nobody knows what the
        next one would answer for.
        """
        fd = self.port.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self.new_file_mode)
        try:
            self.write_all(fd, data, 0)
            self.port.fsync(fd)
        except OSError:
            with suppress(OSError):
                self.port.close(fd)
            self.discard(path)
            raise
        self.port.close(fd)

    def read_json(self, path: str, decode: Callable[[bytes], _T]) -> _T:
        """The JSON object or list in a file; one of ``NOT_JSON`` when it is none.

        Such a text tells by itself where it ends, so a read that came short shows as one that does not
        parse yet, and the usual read is not followed by one that only finds the end of the file.
        """
        port = self.port
        fd = port.open(path, os.O_RDONLY | SAFELY)
        try:
            data = port.pread(fd, READ_BYTES, 0)
            while True:
                try:
                    return decode(data)
                except NOT_JSON:
                    more = port.pread(fd, READ_BYTES, len(data))
                    if not more or len(data) > JSON_BYTES_MAX:
                        raise
                    data += more
        finally:
            port.close(fd)

    def find(self, path: str) -> Stat | None:
        """lstat(2), or None when there is no such name."""
        try:
            return self.port.lstat(path)
        except OSError as error:
            if error.errno in (*GONE, errno.ENOTDIR):
                return None
            raise

    def replace(self, source: str, target: str, happened: Callable[[], bool]) -> bool:
        """rename(2); when ``source`` is gone, ``happened`` says whether it has become ``target``."""
        try:
            self.port.replace(source, target)
        except OSError as error:
            if error.errno not in GONE:
                raise
            self.names(os.path.dirname(target))  # what is cached of the target may be older
            return happened()
        return True

    def is_inode(self, path: str, inode: int) -> bool:
        """Whether ``path`` names this very file."""
        found = self.find(path)
        return found is not None and found.st_ino == inode

    def discard(self, path: str) -> None:
        """Unlink, if it is there."""
        try:
            self.port.unlink(path)
        except OSError as error:
            if error.errno not in GONE:
                raise

    def make_directory(self, path: str) -> None:
        """mkdir(2), unless it is there already."""
        with suppress(FileExistsError):
            self.port.mkdir(path)

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
        fd = self.port.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, self.new_file_mode)
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
            fd = self.port.open(path, os.O_RDWR | SAFELY)
        except OSError as error:
            if error.errno in GONE:
                return True
            if error.errno == errno.ELOOP:
                self.discard(path)  # nothing of ours: we make no links here
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
        fd = self.port.open(path, flags | SAFELY)
        try:
            yield fd
        finally:
            self.port.close(fd)


def is_directory(found: Stat) -> bool:
    return stat.S_ISDIR(found.st_mode)
