"""What lies below a directory that others write to: opened name by name, and no link is ever followed.

The servers under test own the storage. A name there may be a link to any file of this machine, a pipe that
nobody writes to, a device that never ends; a directory may become a link between two looks at it, and in a
container a link means another file than it means here. So a path is walked with one openat(2) for each of its
names, and what stands at the end is opened only once it is known to be a regular file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from patchstorm.errors import UnreadableError

_FIND = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN = os.O_NONBLOCK | os.O_CLOEXEC
_LEASE_S_MAX = 5.0
"""How long a lease on a file is waited for: an NFS server recalls a delegation in milliseconds, and a program
that takes leases may not hold us up for longer."""
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)


def no_link(path: str, flags: int) -> int:
    """An opener for the harness's own files where servers may write: one that was started before may have put
    a link or a pipe in its place. OSError then."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)


@contextlib.contextmanager
def found(root: Path | str, path: str = "") -> Iterator[int | None]:
    """A descriptor (O_PATH) of what stands at ``path`` below ``root``, the root itself for ""; None: nothing.

    UnreadableError where that is a link or lies below one, where the system forbids it, and where ``path``
    leaves the root.
    """
    names = names_of(path) if path else []
    with contextlib.ExitStack() as stack:
        here: int | None = None
        for name in (os.fspath(root), *names):
            here = _entered(here, name, path)
            if here is None:
                break
            stack.callback(os.close, here)
        yield here


def names_of(path: str) -> list[str]:
    """The names of a relative ``path``; UnreadableError where it leaves the root or nothing can have it."""
    names = path.split("/")
    if any(name in ("", ".", "..") for name in names) or "\0" in path:
        raise UnreadableError(path, "is no path below the storage, so it was not looked at")
    return names


def _entered(above: int | None, name: str, path: str) -> int | None:
    try:
        here = os.open(name, _FIND, dir_fd=above)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise UnreadableError(path, f"cannot be looked at ({error.strerror})") from None
    except UnicodeEncodeError:  # a lone surrogate: no file can be called so
        return None
    if stat.S_ISLNK(os.fstat(here).st_mode):
        os.close(here)
        raise UnreadableError(path, "is a symbolic link or lies below one; links are not followed")
    return here


def status(root: Path | str, path: str) -> os.stat_result | None:
    """What fstat(2) says of the regular file at ``path``; None where there is none."""
    with found(root, path) as here:
        if here is None:
            return None
        said = os.fstat(here)
        return said if stat.S_ISREG(said.st_mode) else None


@contextlib.contextmanager
def opened(root: Path | str, path: str, flags: int = os.O_RDONLY) -> Iterator[int | None]:
    """A descriptor of the regular file at ``path``; None where there is none. UnreadableError as above."""
    with found(root, path) as here:
        if here is None or not stat.S_ISREG(os.fstat(here).st_mode):
            yield None
            return
        try:
            # The very inode that was looked at, whatever has come under its name since (proc(5)).
            file = _unleased(f"/proc/self/fd/{here}", flags | _OPEN)
        except OSError as error:
            raise UnreadableError(path, f"cannot be opened ({error.strerror})") from None
        try:
            yield file
        finally:
            os.close(file)


def _unleased(path: str, flags: int) -> int:
    """open(2) with O_NONBLOCK, which begins to break a lease on the file and says EWOULDBLOCK (fcntl(2))."""
    deadline = time.monotonic() + _LEASE_S_MAX
    while True:
        try:
            return os.open(path, flags)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.01)


_SPECIAL = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def special(root: Path | str, path: str) -> str | None:
    """What stands at ``path`` and is never read, such as a link; None for files and directories."""
    above, _, name = path.rpartition("/")
    for entry in listed(root, above):
        if entry.name == name:
            return _SPECIAL.get(stat.S_IFMT(entry.status.st_mode))
    return None


def removed(root: Path | str, path: str) -> None:
    """Remove the file ``path``, or the link of that name, and never what a link leads to."""
    above, _, name = path.rpartition("/")
    with found(root, above) as here:
        if here is not None:
            os.unlink(name, dir_fd=here)


class Entry(NamedTuple):
    """A name in a directory, and what lstat(2) says of it."""

    name: str
    status: os.stat_result

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def listed(root: Path | str, path: str) -> list[Entry]:
    """What the directory ``path`` holds; nothing where it is none, or gone.

    UnreadableError where it cannot be listed.
    """
    with found(root, path) as here:
        if here is None or not stat.S_ISDIR(os.fstat(here).st_mode):
            return []
        try:
            directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
        except OSError as error:
            raise UnreadableError(path, f"cannot be listed ({error.strerror})") from None
        try:
            entries = []
            for name in os.listdir(directory):
                with contextlib.suppress(OSError):  # gone since
                    said = os.stat(name, dir_fd=directory, follow_symlinks=False)
                    entries.append(Entry(name, said))
            return entries
        finally:
            os.close(directory)
