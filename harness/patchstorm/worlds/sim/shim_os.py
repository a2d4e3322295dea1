"""The ``os`` of a simulated process: file calls reach the simulated storage, the rest is harmless.

What is missing here is missing on purpose: a store that forks, signals or opens sockets cannot be
simulated, and an ``AttributeError`` that names the function says so.
"""

from __future__ import annotations

import os
import stat as stats
from collections.abc import Iterator
from typing import Any

from patchstorm.run.truth import ROOT
from patchstorm.worlds.sim.port import SimPort

_CONSTANTS = tuple(
    name
    for name in dir(os)
    if name.startswith(("O_", "SEEK_", "EX_")) or name in ("F_OK", "R_OK", "W_OK", "X_OK")
)
_PURE = ("sep", "altsep", "extsep", "curdir", "pardir", "pathsep", "linesep", "devnull", "name", "fspath",
         "PathLike", "error", "strerror", "fsencode", "fsdecode", "stat_result")  # fmt: skip


class DirEntry:
    """What ``os.scandir`` yields."""

    def __init__(self, system: SimOs, directory: str, entry: Any) -> None:
        self._system = system
        self._kind: int = entry.kind
        self._ino: int = entry.ino
        self.name: str = entry.name
        self.path = os.path.join(directory, entry.name)

    def __fspath__(self) -> str:
        return self.path

    def inode(self) -> int:
        return self._ino

    def is_symlink(self) -> bool:
        return stats.S_ISLNK(self._kind)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return stats.S_ISDIR(self._mode(follow_symlinks))

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return stats.S_ISREG(self._mode(follow_symlinks))

    def is_junction(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        return self._system.stat(self.path, follow_symlinks=follow_symlinks)

    def _mode(self, follow: bool) -> int:
        if follow and self.is_symlink():
            try:
                return int(self.stat().st_mode)
            except OSError:
                return 0
        return self._kind


class Scan:
    """The iterator and context manager that ``os.scandir`` returns."""

    def __init__(self, entries: list[DirEntry]) -> None:
        self._entries = iter(entries)

    def __enter__(self) -> Scan:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __iter__(self) -> Iterator[DirEntry]:
        return self._entries

    def __next__(self) -> DirEntry:
        return next(self._entries)

    def close(self) -> None:
        return None


class SimOs:
    """The functions of ``os`` for one process. Relative paths start at the shared directory."""

    supports_dir_fd: frozenset[Any] = frozenset()
    supports_fd: frozenset[Any] = frozenset()
    supports_follow_symlinks: frozenset[Any] = frozenset()
    supports_effective_ids: frozenset[Any] = frozenset()
    supports_bytes_environ = False

    def __init__(self, port: SimPort) -> None:
        self._port = port
        self.environ: dict[str, str] = {}
        self.path: Any = os.path
        for name in (*_CONSTANTS, *_PURE):
            setattr(self, name, getattr(os, name))

    # -- paths and the process ------------------------------------------------------------------

    def _at(self, path: Any) -> Any:
        if isinstance(path, int):
            return path
        text = os.fsdecode(os.fspath(path))
        if not text:
            return text
        return text if text.startswith("/") else f"{ROOT}/{text}"

    def getcwd(self) -> str:
        return ROOT

    def getpid(self) -> int:
        return self._port.client.pid

    def getenv(self, key: str, default: str | None = None) -> str | None:
        return self.environ.get(key, default)

    def cpu_count(self) -> int:
        return 1

    def urandom(self, size: int) -> bytes:
        return self._port.urandom(size)

    def getuid(self) -> int:
        return 0

    geteuid = getgid = getegid = getuid

    # -- descriptors ------------------------------------------------------------------------------

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None:
            found: int = self._port.call("open", os.fspath(path), flags, mode, dir_fd=dir_fd)
            return found
        return self._port.open(self._at(path), flags, mode)

    def close(self, fd: int) -> None:
        self._port.close(fd)

    def read(self, fd: int, count: int) -> bytes:
        data: bytes = self._port.call("read", fd, count)
        return data

    def write(self, fd: int, data: Any) -> int:
        return self._port.write(fd, data)

    def pread(self, fd: int, count: int, offset: int) -> bytes:
        return self._port.pread(fd, count, offset)

    def pwrite(self, fd: int, data: Any, offset: int) -> int:
        return self._port.pwrite(fd, data, offset)

    def preadv(self, fd: int, buffers: Any, offset: int, flags: int = 0) -> int:
        return self._port.preadv(fd, buffers, offset)

    def lseek(self, fd: int, position: int, how: int) -> int:
        found: int = self._port.call("lseek", fd, position, how)
        return found

    def fsync(self, fd: Any) -> None:
        self._port.fsync(fd if isinstance(fd, int) else fd.fileno())

    fdatasync = fsync

    def ftruncate(self, fd: int, length: int) -> None:
        self._port.ftruncate(fd, length)

    def truncate(self, path: Any, length: int) -> None:
        self._port.call("truncate", self._at(path), length)

    def fstat(self, fd: int) -> Any:
        return self._port.fstat(fd)

    def dup(self, fd: int) -> int:
        found: int = self._port.call("dup", fd)
        return found

    def copy_file_range(
        self, src: int, dst: int, count: int, offset_src: int | None = None,
        offset_dst: int | None = None,
    ) -> int:  # fmt: skip
        done: int = self._port.call("copy_file_range", src, dst, count, offset_src, offset_dst)
        return done

    # -- names ------------------------------------------------------------------------------------

    def stat(self, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
        return self._port.call(
            "stat", self._at(path), dir_fd=dir_fd, follow_symlinks=follow_symlinks
        )

    def lstat(self, path: Any, *, dir_fd: int | None = None) -> Any:
        return self._port.lstat(self._at(path))

    def access(self, path: Any, mode: int, **_: Any) -> bool:
        found: bool = self._port.call("access", self._at(path), mode)
        return found

    def listdir(self, path: Any = ".") -> list[str]:
        return self._port.listdir(self._at(path))

    def scandir(self, path: Any = ".") -> Scan:
        entries = self._port.call("scandir", self._at(path))
        return Scan([DirEntry(self, os.fspath(path), entry) for entry in entries])

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        self._port.mkdir(self._at(path), mode)

    def makedirs(self, path: Any, mode: int = 0o777, exist_ok: bool = False) -> None:
        whole = self._at(path).rstrip("/")
        above = whole.rpartition("/")[0]
        if above and not self.path.exists(above):
            self.makedirs(above, exist_ok=True)
        try:
            self.mkdir(whole, mode)
        except FileExistsError:
            if not exist_ok or not self.path.isdir(whole):
                raise

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._port.rmdir(self._at(path))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self._port.unlink(self._at(path))

    remove = unlink

    def rename(self, src: Any, dst: Any, **_: Any) -> None:
        self._port.replace(self._at(src), self._at(dst))

    replace = rename

    def link(self, src: Any, dst: Any, **_: Any) -> None:
        self._port.link(self._at(src), self._at(dst))

    def symlink(self, src: Any, dst: Any, target_is_directory: bool = False, **_: Any) -> None:
        self._port.call("symlink", os.fspath(src), self._at(dst))

    def readlink(self, path: Any, **_: Any) -> str:
        found: str = self._port.call("readlink", self._at(path))
        return found

    def chmod(self, path: Any, mode: int, **_: Any) -> None:
        self._port.call("chmod", self._at(path), mode)

    def fchmod(self, fd: int, mode: int) -> None:
        self._port.call("chmod", fd, mode)

    def chown(self, path: Any, uid: int, gid: int, **_: Any) -> None:
        self._port.call("chown", self._at(path), uid, gid)

    def utime(self, path: Any, times: Any = None, *, ns: Any = None, **_: Any) -> None:
        if times is not None:
            ns = (int(times[0] * 1e9), int(times[1] * 1e9))
        self._port.call("utime", self._at(path), ns=ns)

    def walk(self, top: Any, topdown: bool = True, **_: Any) -> Iterator[Any]:
        """Like ``os.walk``, without following links."""
        directories: list[str] = []
        files: list[str] = []
        for entry in self.scandir(top):
            (directories if entry.is_dir(follow_symlinks=False) else files).append(entry.name)
        if topdown:
            yield os.fspath(top), directories, files
        for name in directories:
            yield from self.walk(os.path.join(top, name), topdown)
        if not topdown:
            yield os.fspath(top), directories, files
