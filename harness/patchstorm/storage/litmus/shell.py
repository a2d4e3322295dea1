"""The small language of litmus programs, and the shell that executes it.

A step is a line of commands separated by ``;``. Each command is a verb and words: ``open fd f r``
opens ``f`` and keeps the descriptor as ``fd``; ``w f x`` writes a file; ``rd f`` reads one. A
command after ``=`` shows its value. The result of a step is the value shown (a list of them if
several are), None if nothing is, or the name of the errno that ended it.

The shell needs something with the methods of ``storage.Client``: the model itself, or an adapter
to a real mount. So one text runs on both.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from patchstorm.storage import constants as c

Value = Any
"""None, a bool, an int, a string, or a list of these."""

_FLAGS = {
    "r": c.O_RDONLY,
    "w": c.O_WRONLY,
    "rw": c.O_RDWR,
    "creat": c.O_CREAT,
    "excl": c.O_EXCL,
    "trunc": c.O_TRUNC,
    "append": c.O_APPEND,
    "dsync": c.O_DSYNC,
    "dir": c.O_DIRECTORY,
    "nofollow": c.O_NOFOLLOW,
    "tmpfile": c.O_TMPFILE,
}
_LOCKS = {"ex": c.LOCK_EX, "sh": c.LOCK_SH, "un": c.LOCK_UN}
_ORIGINS = {"set": c.SEEK_SET, "end": c.SEEK_END, "data": c.SEEK_DATA, "hole": c.SEEK_HOLE}
_READ_ALL = 1 << 24
_SHOWN_BYTES = 80


class Busy(Exception):
    """``lockwait`` did not get its lock."""


def error_name(error: OSError) -> str:
    """The errno's name; one name where Linux has two for a number."""
    name = errno.errorcode.get(error.errno or 0, str(error))
    return {"ENOTSUP": "EOPNOTSUPP"}.get(name, name)


def split(text: str) -> list[str]:
    """The commands of a step."""
    return [part.strip() for part in text.split(";") if part.strip()]


class Shell:
    """One host's process. ``root`` is the directory the program's relative paths start from."""

    def __init__(self, client: Any, root: str = "") -> None:
        self.client = client
        self.root = root
        self.names: dict[str, Any] = {}

    def step(self, text: str) -> Value:
        """Run a whole step."""
        shown: list[Value] = []
        try:
            for command in split(text):
                self.command(command, shown)
        except OSError as error:
            return error_name(error)
        if not shown:
            return None
        return shown[0] if len(shown) == 1 else shown

    def command(self, text: str, shown: list[Value]) -> None:
        """Run one command; append its value to ``shown`` if it is to be shown."""
        words = text.split()
        show = words[0] == "="
        verb, *arguments = words[1:] if show else words
        value = VERBS[verb](self, *arguments)
        if show:
            shown.append(_plain(value))

    # -- words ----------------------------------------------------------------------------------

    def path(self, word: str) -> str:
        return f"{self.root}/{word}" if word != "." else self.root or "/"

    def data(self, word: str) -> bytes:
        """``abc``, ``x*9000``, ``%v`` (a number kept by ``get``), ``''`` for nothing."""
        if word == "''":
            return b""
        if word.startswith("%"):
            return str(self.descriptor(word[1:])).encode()
        text, star, count = word.partition("*")
        return text.encode() * int(count) if star else word.encode()

    def descriptor(self, name: str) -> int:
        """What is kept under a name. EBADF where what should have given it failed, as for a descriptor that
        there is not."""
        if name not in self.names:
            raise OSError(errno.EBADF, "Bad file descriptor")
        return self.names[name]  # type: ignore[no-any-return]

    def flags(self, word: str) -> int:
        flags = 0
        for part in word.split(","):
            flags |= _FLAGS[part]
        return flags

    # -- whole files ------------------------------------------------------------------------------

    def _with(self, path: str, flags: int, act: Callable[[int], Value]) -> Value:
        """Like ``with open(...)``: an error of close counts unless there was one before."""
        fd = self.client.open(self.path(path), flags, 0o666)
        try:
            value = act(fd)
        except BaseException:
            with suppress(OSError):
                self.client.close(fd)
            raise
        self.client.close(fd)
        return value

    def w(self, path: str, data: str) -> None:
        flags = c.O_WRONLY | c.O_CREAT | c.O_TRUNC
        self._with(path, flags, lambda fd: self.client.write(fd, self.data(data)))

    def ap(self, path: str, data: str) -> None:
        flags = c.O_WRONLY | c.O_CREAT | c.O_APPEND
        self._with(path, flags, lambda fd: self.client.write(fd, self.data(data)))

    def durable(self, path: str, data: str) -> None:
        """Write a file and fsync it."""

        def act(fd: int) -> None:
            self.client.write(fd, self.data(data))
            self.client.fsync(fd)

        self._with(path, c.O_WRONLY | c.O_CREAT | c.O_TRUNC, act)

    def rd(self, path: str) -> bytes:
        found: bytes = self._with(path, c.O_RDONLY, lambda fd: self.client.read(fd, _READ_ALL))
        return found

    def get(self, name: str, path: str) -> None:
        """Keep the number in a file, 0 if it is empty; EINVAL if it holds something else."""
        try:
            self.names[name] = int(self.rd(path) or b"0")
        except ValueError:
            raise OSError(errno.EINVAL, "Invalid argument") from None

    def inc(self, name: str) -> None:
        self.names[name] = self.descriptor(name) + 1

    # -- descriptors ------------------------------------------------------------------------------

    def open(self, name: str, path: str, flags: str) -> None:
        self.names[name] = self.client.open(self.path(path), self.flags(flags), 0o666)

    def openat(self, name: str, directory: str, path: str, flags: str) -> None:
        dir_fd = self.descriptor(directory)
        self.names[name] = self.client.open(path, self.flags(flags), 0o666, dir_fd=dir_fd)

    def dup(self, name: str, source: str) -> None:
        """Another descriptor of the same open file description."""
        self.names[name] = self.client.dup(self.descriptor(source))

    def close(self, name: str) -> None:
        fd = self.descriptor(name)
        del self.names[name]  # whatever close says, the descriptor is gone
        self.client.close(fd)

    def read(self, name: str, count: str) -> bytes:
        return self.client.read(self.descriptor(name), int(count))  # type: ignore[no-any-return]

    def pread(self, name: str, count: str, offset: str) -> bytes:
        return self.client.pread(  # type: ignore[no-any-return]
            self.descriptor(name), int(count), int(offset)
        )

    def write(self, name: str, data: str) -> int:
        return self.client.write(self.descriptor(name), self.data(data))  # type: ignore[no-any-return]

    def pwrite(self, name: str, data: str, offset: str) -> int:
        return self.client.pwrite(  # type: ignore[no-any-return]
            self.descriptor(name), self.data(data), int(offset)
        )

    def seek(self, name: str, position: str, origin: str) -> int:
        return self.client.lseek(  # type: ignore[no-any-return]
            self.descriptor(name), int(position), _ORIGINS[origin]
        )

    def truncate(self, path: str, length: str) -> None:
        self.client.truncate(self.path(path), int(length))

    def ftruncate(self, name: str, length: str) -> None:
        self.client.ftruncate(self.descriptor(name), int(length))

    def fsync(self, name: str) -> None:
        self.client.fsync(self.descriptor(name))

    def fallocate(self, name: str, offset: str, room: str) -> None:
        self.client.posix_fallocate(self.descriptor(name), int(offset), int(room))

    def copy(self, source: str, target: str, count: str) -> int:
        return self.client.copy_file_range(  # type: ignore[no-any-return]
            self.descriptor(source), self.descriptor(target), int(count)
        )

    def clone(self, target: str, source: str) -> None:
        self.client.ficlone(self.descriptor(target), self.descriptor(source))

    def fsize(self, name: str) -> int:
        return self.client.fstat(self.descriptor(name)).st_size  # type: ignore[no-any-return]

    def nlink(self, name: str) -> int:
        return self.client.fstat(self.descriptor(name)).st_nlink  # type: ignore[no-any-return]

    # -- against what was before ------------------------------------------------------------------

    def mtime(self, name: str, path: str) -> None:
        """Keep when a file was changed, for ``newer``."""
        self.names[name] = self.client.stat(self.path(path)).st_mtime_ns

    def newer(self, name: str, path: str) -> bool:
        """Whether the file was changed later than when ``mtime`` asked."""
        return bool(self.client.stat(self.path(path)).st_mtime_ns > self.descriptor(name))

    def room(self, name: str) -> None:
        """Keep how many bytes are free on the disk, for ``spent``."""
        self.names[name] = self._free()

    def spent(self, name: str) -> int:
        """How many bytes less are free now."""
        return self.descriptor(name) - self._free()

    def _free(self) -> int:
        found = self.client.statvfs(self.path("."))
        return found.f_bavail * found.f_frsize  # type: ignore[no-any-return]

    # -- locks ------------------------------------------------------------------------------------

    def lock(self, name: str, kind: str = "ex") -> str:
        self.client.flock(self.descriptor(name), _LOCKS[kind] | c.LOCK_NB)
        return "locked"

    def unlock(self, name: str) -> None:
        self.client.flock(self.descriptor(name), c.LOCK_UN)

    def lockwait(self, name: str) -> None:
        """Take an exclusive lock; Busy if somebody else has it."""
        try:
            self.client.flock(self.descriptor(name), c.LOCK_EX | c.LOCK_NB)
        except BlockingIOError:
            raise Busy from None

    def range(self, name: str, start: str = "0", length: str = "0") -> str:
        """An exclusive POSIX lock."""
        self.client.lockf(self.descriptor(name), c.LOCK_EX | c.LOCK_NB, int(length), int(start))
        return "locked"

    # -- names ------------------------------------------------------------------------------------

    def size(self, path: str) -> int:
        return self.client.stat(self.path(path)).st_size  # type: ignore[no-any-return]

    def links(self, path: str) -> int:
        return self.client.stat(self.path(path)).st_nlink  # type: ignore[no-any-return]

    def exists(self, path: str) -> bool:
        try:
            self.client.stat(self.path(path))
        except OSError:
            return False
        return True

    def ls(self, path: str) -> list[str]:
        """Sorted names; silly-renamed files are all called ``.nfs``."""
        return _listed(self.client.listdir(self.path(path)))

    def fls(self, name: str) -> list[str]:
        return _listed(self.client.listdir(self.descriptor(name)))

    def rename(self, path: str, other: str) -> None:
        self.client.rename(self.path(path), self.path(other))

    def noreplace(self, path: str, other: str) -> None:
        self.client.rename(self.path(path), self.path(other), c.RENAME_NOREPLACE)

    def link(self, path: str, other: str) -> None:
        self.client.link(self.path(path), self.path(other))

    def unlink(self, path: str) -> None:
        self.client.unlink(self.path(path))

    def mkdir(self, path: str) -> None:
        self.client.mkdir(self.path(path))

    def rmdir(self, path: str) -> None:
        self.client.rmdir(self.path(path))

    def rmtree(self, path: str) -> None:
        """One directory level of ``shutil.rmtree``."""
        where = self.path(path)
        for name in sorted(self.client.listdir(where)):
            self.client.unlink(f"{where}/{name}")
        self.client.rmdir(where)

    def syncdir(self, path: str) -> None:
        self._with(path, c.O_RDONLY, self.client.fsync)

    def fill(self, left: str) -> None:
        """Fill the disk until ``left`` bytes are free."""
        size = self._free() - int(left)
        self._with("fill", c.O_WRONLY | c.O_CREAT, lambda fd: self.client.write(fd, b"z" * size))


def _listed(names: list[str]) -> list[str]:
    return sorted(".nfs" if name.startswith(".nfs") else name for name in names)


def _plain(value: Value) -> Value:
    """Bytes become text; long ones their runs: ``n*5000``."""
    if not isinstance(value, bytes):
        return value
    if len(value) <= _SHOWN_BYTES:
        return value.decode("latin1")
    return "+".join(f"{chr(byte) if byte else '0'}*{count}" for byte, count in _runs(value))


def _runs(value: bytes) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for byte in value:
        if runs and runs[-1][0] == byte:
            runs[-1] = (byte, runs[-1][1] + 1)
        else:
            runs.append((byte, 1))
    return runs


VERBS: dict[str, Callable[..., Value]] = {
    name: method
    for name, method in vars(Shell).items()
    if not name.startswith("_")
    and name not in ("step", "command", "path", "data", "flags", "descriptor")
}
CHOICES: dict[str, dict[str, int]] = {"flags": _FLAGS, "kind": _LOCKS, "origin": _ORIGINS}
