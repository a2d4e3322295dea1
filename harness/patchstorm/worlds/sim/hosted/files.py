"""The calls of ``os``, ``open`` and ``fcntl``, sent to the storage that a path or a descriptor belongs to.

A process sees two simulated storages: the shared directory, and a directory of its host's own. Everything
else is the machine's: it may be read, as templates and certificates are, and is not written to, since what
lies there is no replica's.

Simulated descriptors begin at ``FD_BASE``, so that code which reaches the system by another way is told
EBADF, and never meets a file of the harness's that happens to have the same number.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import io
import os
import tempfile
from collections.abc import Callable
from typing import Any, Final

from patchstorm.worlds.sim.hosted.dates import dated, of_storage
from patchstorm.worlds.sim.hosted.here import current
from patchstorm.worlds.sim.hosted.streams import OF_STREAMS, SPOKEN, STREAM_MAX, onto
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.shim_os import DirEntry, Scan, SimOs

FD_BASE: Final = 1 << 20
Call = Callable[..., Any]


class HostedOs(SimOs):
    """One of the storages of a process, mounted at ``top``, whose descriptors begin at ``base``."""

    def __init__(self, port: SimPort, top: str, base: int) -> None:
        super().__init__(port)
        self.top = top
        self._below = f"{top}/"
        self.base = base
        self.cwd = top
        self._opened: dict[int, str] = {}

    def holds(self, path: str) -> bool:
        """Whether an absolute path leads here."""
        return path.startswith(self._below) or path == self.top

    def _fd(self, fd: Any) -> int:
        number = fd if isinstance(fd, int) else fd.fileno()
        return int(number) - self.base

    def _at(self, path: Any) -> Any:
        if isinstance(path, int):
            return path - self.base
        text = os.fsdecode(os.fspath(path))
        return text if not text or text.startswith("/") else f"{self.cwd}/{text}"

    def beside(self, path: Any, fd: int) -> str:
        """``path`` as it is seen from the directory that was opened as ``fd``."""
        directory = self._opened.get(fd)
        if directory is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return os.path.join(directory, os.fsdecode(os.fspath(path)))

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        at = self._at(path)
        fd = self.base + self._port.open(at, flags, mode)
        self._opened[fd] = at
        return fd

    def close(self, fd: int) -> None:
        self._opened.pop(fd, None)
        self._port.close(self._fd(fd))

    def stat(self, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
        return dated(super().stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks))

    def lstat(self, path: Any, *, dir_fd: int | None = None) -> Any:
        return dated(super().lstat(path, dir_fd=dir_fd))

    def fstat(self, fd: Any) -> Any:
        return dated(super().fstat(self._fd(fd)))

    def utime(self, path: Any, times: Any = None, *, ns: Any = None, **_: Any) -> None:
        if times is not None:
            ns = (int(times[0] * 1e9), int(times[1] * 1e9))
        super().utime(path, ns=of_storage(ns))

    def writev(self, fd: int, buffers: Any) -> int:
        """One write, as writev(2) is."""
        return self.write(fd, b"".join(buffers))

    def dup(self, fd: int) -> int:
        return self.base + super().dup(self._fd(fd))

    def listdir(self, path: Any = ".") -> list[str]:
        return super().listdir(self._listed(path))

    def scandir(self, path: Any = ".") -> Scan:
        place = self._listed(path)
        entries = self._port.call("scandir", self._at(place))
        shown = "" if isinstance(path, int) else os.fspath(path)
        return Scan(
            [DirEntry(self, place if isinstance(path, int) else shown, one) for one in entries]
        )

    def _listed(self, path: Any) -> Any:
        return self._opened.get(path, path) if isinstance(path, int) else path

    def copy_file_range(
        self, src: int, dst: int, count: int, offset_src: int | None = None,
        offset_dst: int | None = None,
    ) -> int:  # fmt: skip
        return super().copy_file_range(self._fd(src), self._fd(dst), count, offset_src, offset_dst)

    def chmod(self, path: Any, mode: int, **_: Any) -> None:
        self._port.call("chmod", self._at(path), mode)

    def posix_fallocate(self, fd: int, offset: int, length: int) -> None:
        self._port.call("posix_fallocate", self._fd(fd), offset, length)

    def statvfs(self, path: Any) -> Any:
        return self._port.call("statvfs", self._at(path))

    def sendfile(self, *_: Any, **__: Any) -> int:
        """Not simulated; whoever uses it has another way for file systems that lack it."""
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    def listxattr(self, *_: Any, **__: Any) -> Any:
        """The storages here have no extended attributes, as some file systems do."""
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    getxattr = setxattr = removexattr = listxattr

    def mkfifo(self, path: Any, *_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), os.fspath(path))

    mknod = mkfifo

    def lchown(self, path: Any, uid: int, gid: int) -> None:
        self._port.call("chown", self._at(path), uid, gid)

    def fstatvfs(self, fd: int) -> Any:
        return self._port.call("statvfs", self._opened[fd])

    def fchmod(self, fd: int, mode: int) -> None:
        self._port.call("chmod", self._fd(fd), mode)

    def flock(self, fd: Any, operation: int) -> None:
        number = self._fd(fd)
        if operation & (fcntl.LOCK_NB | fcntl.LOCK_UN):
            self._port.flock(number, operation)
        else:
            self._port.call("flock", number, operation)

    def lockf(self, fd: Any, cmd: int, len: int = 0, start: int = 0, whence: int = 0) -> None:  # noqa: A002
        self._port.call("lockf", self._fd(fd), cmd, len, start, whence)

    def fcntl(self, fd: Any, cmd: int, arg: Any = 0) -> int:
        """Flags of a descriptor; locks by this door are not simulated."""
        if cmd in (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_SETFL):
            return 0
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


class Storages:
    """The storages of one process, by path and by descriptor; what ``open`` stands on."""

    def __init__(self, shared: HostedOs, scratch: HostedOs) -> None:
        self.shared = shared
        self.scratch = scratch

    def of(self, path: Any) -> HostedOs | None:
        """The one that a path or a descriptor belongs to; None for what is the machine's."""
        if isinstance(path, int):
            if path < FD_BASE:
                return None
            return self.shared if path < self.scratch.base else self.scratch
        try:
            text = path if type(path) is str else os.fsdecode(path)
        except TypeError:
            return None
        if self.shared.holds(text) or not text.startswith("/"):
            return self.shared
        return self.scratch if self.scratch.holds(text) else None

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        return self._sure(path).open(path, flags, mode)

    def read(self, fd: int, count: int) -> bytes:
        return self._sure(fd).read(fd, count)

    def write(self, fd: int, data: Any) -> int:
        return self._sure(fd).write(fd, data)

    def lseek(self, fd: int, position: int, how: int) -> int:
        return self._sure(fd).lseek(fd, position, how)

    def ftruncate(self, fd: int, length: int) -> None:
        self._sure(fd).ftruncate(fd, length)

    def close(self, fd: int) -> None:
        self._sure(fd).close(fd)

    def _sure(self, path: Any) -> HostedOs:
        system = self.of(path)
        if system is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return system


def _with_fd(name: str) -> Call:
    plain: Call = getattr(SimOs, name)

    def call(self: HostedOs, fd: Any, *args: Any, **named: Any) -> Any:
        return plain(self, self._fd(fd), *args, **named)

    call.__name__ = name
    return call


BY_FD: Final = (
    "read",
    "write",
    "pread",
    "pwrite",
    "preadv",
    "lseek",
    "fsync",
    "fdatasync",
    "ftruncate",
)
for _name in BY_FD:
    setattr(HostedOs, _name, _with_fd(_name))

READS: Final = ("stat", "lstat", "access", "listdir", "scandir", "readlink", "statvfs", "listxattr",
                "getxattr")  # fmt: skip
CHANGES: Final = ("mkdir", "rmdir", "unlink", "remove", "chmod", "chown", "utime", "truncate", "link",
                  "symlink", "rename", "replace", "setxattr", "removexattr", "mkfifo", "mknod",
                  "lchown")  # fmt: skip
OF_DESCRIPTORS: Final = (
    "close",
    "dup",
    "fchmod",
    "posix_fallocate",
    "copy_file_range",
    "fstat",
    "fstatvfs",
    "writev",
    *BY_FD,
)
_PAIRS: Final = ("rename", "replace", "link")
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def install(replace: Callable[[Any, str, Call], None]) -> None:
    """Send the calls on; ``replace`` puts a function in another's place, wherever that is known."""
    for name in READS:
        replace(os, name, _by_path(name, getattr(os, name), changes=False))
    for name in CHANGES:
        replace(os, name, _by_path(name, getattr(os, name), changes=True))
    for name in OF_DESCRIPTORS:
        replace(os, name, _by_fd(name, getattr(os, name)))
    replace(os, "open", _opening(os.open))
    replace(os, "sendfile", _sending(os.sendfile))
    replace(os, "dup2", onto(os.dup2))
    for name in ("flock", "lockf", "fcntl"):
        replace(fcntl, name, _by_fd(name, getattr(fcntl, name)))
    replace(os, "getcwd", _in_process(os.getcwd, lambda process: process.shared.cwd))
    replace(
        os, "chdir", _in_process(os.chdir, lambda process, path: process.change_directory(path))
    )
    opened = _built_in(builtins.open)
    replace(builtins, "open", opened)
    replace(io, "open", opened)
    replace(tempfile, "_get_default_tempdir",
            _in_process(tempfile._get_default_tempdir, lambda process: process.scratch.top))  # type: ignore[attr-defined]  # fmt: skip
    replace(
        tempfile,
        "gettempdir",
        _in_process(tempfile.gettempdir, lambda process: process.scratch.top),
    )
    replace(tempfile, "_get_candidate_names",
            _in_process(tempfile._get_candidate_names, lambda process: process.names))  # type: ignore[attr-defined]  # fmt: skip


def _in_process(real: Call, answer: Call) -> Call:
    def call(*args: Any, **named: Any) -> Any:
        process = current()
        return real(*args, **named) if process is None else answer(process, *args, **named)

    call.__name__ = getattr(real, "__name__", "call")
    return call


def _by_path(name: str, real: Call, *, changes: bool) -> Call:
    joins, links = name in _PAIRS, name == "symlink"

    def call(*args: Any, **named: Any) -> Any:
        process = current()
        if process is None:
            return real(*args, **named)
        if named:
            args, named = _absolute(process, args, named)
        at = args[0] if args else named.get("path", named.get("src", "."))
        if links:
            at = args[1] if len(args) > 1 else named["dst"]
        system = process.storages.of(at)
        if system is None:
            if changes:
                process.refuse_outside(name, at)
            return real(*args, **named)
        if joins and process.storages.of(args[1] if len(args) > 1 else named["dst"]) is not system:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), os.fspath(at))
        return getattr(system, name)(*args, **named)

    call.__name__ = name
    return call


def _absolute(process: Any, args: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Paths beside an open directory, as ``dir_fd`` gives them, in full."""
    for key, which in (("dir_fd", 0), ("src_dir_fd", 0), ("dst_dir_fd", 1)):
        if key in named:
            fd = named[key]
            named = {name: value for name, value in named.items() if name != key}
            if fd is not None and fd >= FD_BASE:
                whole = process.storages.of(fd).beside(args[which], fd)
                args = (*args[:which], whole, *args[which + 1 :])
            elif fd is not None:
                named[key] = fd
    return args, named


def _by_fd(name: str, real: Call) -> Call:
    def call(fd: Any, *args: Any, **named: Any) -> Any:
        process = current()
        if process is None:
            return real(fd, *args, **named)
        number = fd if isinstance(fd, int) else fd.fileno()
        if number < FD_BASE:
            if number <= STREAM_MAX and name in OF_STREAMS:
                return OF_STREAMS[name](process, number, *args)
            return real(fd, *args, **named)
        return getattr(process.storages.of(number), name)(number, *args, **named)

    call.__name__ = name
    return call


def _sending(real: Call) -> Call:
    def sendfile(out: Any, fd: Any, *args: Any, **named: Any) -> Any:
        process = current()
        if process is None or max(out, fd) < FD_BASE:
            return real(out, fd, *args, **named)
        return process.shared.sendfile()

    return sendfile


def _opening(real: Call) -> Call:
    def open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: Any = None) -> int:  # noqa: A001
        process = current()
        if process is None:
            return int(real(path, flags, mode, dir_fd=dir_fd))
        if dir_fd is not None:
            (path,), _ = _absolute(process, (path,), {"dir_fd": dir_fd})
        system = process.storages.of(path)
        if system is not None:
            return int(system.open(path, flags, mode))
        if flags & _WRITES and path != os.devnull:
            process.refuse_outside("open", path)
        return int(real(path, flags, mode, dir_fd=dir_fd))

    return open


def _built_in(real: Call) -> Call:
    def open(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:  # noqa: A001
        process = current()
        if process is None:
            return real(file, mode, *args, **named)
        system = process.storages.of(file)
        opener = named.get("opener", args[5] if len(args) > 5 else None)
        if system is not None or opener is not None:
            return process.open(file, mode, *args, **named)
        if any(letter in mode for letter in "wax+"):
            if (file if isinstance(file, int) else os.fsdecode(file)) in SPOKEN:
                return process.output.opened(mode)
            if not isinstance(file, int) and os.fsdecode(file) != os.devnull:
                process.refuse_outside("open", file)
        return real(file, mode, *args, **named)

    return open
