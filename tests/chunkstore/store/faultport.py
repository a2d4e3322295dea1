"""A port over a real directory that fails, dies or is interrupted at a chosen call.

Everything is deterministic: file-system calls are numbered from 1, time stands still unless the
shared clock is moved, chance is a counter. Calls that only ask for time or chance are not numbered.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from chunkstore.port import Data, OsPort, Stat

Hook = Callable[["Call"], None]


class Died(BaseException):
    """The replica is dead: this call, and every later one, never returns."""


class Call(NamedTuple):
    """One call: its number, its name, the path it is about, and the second path or other arguments."""

    number: int
    name: str
    path: str
    extra: tuple[object, ...] = ()


@dataclass
class Clock:
    """Time shared by all ports of one world; it moves only when told."""

    unix_s: float = 1_000_000.0
    running_s: float = 5_000.0

    def advance(self, seconds: float) -> None:
        self.unix_s += seconds
        self.running_s += seconds


_ALREADY = {
    "replace": errno.ENOENT,
    "link": errno.EEXIST,
    "mkdir": errno.EEXIST,
    "unlink": errno.ENOENT,
    "rmdir": errno.ENOENT,
}
"""What a network file system says when it repeats a call whose first reply was lost."""


@dataclass
class FaultPort:
    """One replica's port. ``before`` and ``after`` see every call; what they raise, it raises."""

    clock: Clock = field(default_factory=Clock)
    name: str = "a"
    before: Hook | None = None
    after: Hook | None = None
    calls: list[Call] = field(default_factory=list)
    paths: dict[int, str] = field(default_factory=dict)
    locks: set[int] = field(default_factory=set)
    dead: bool = False
    _random: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def holds_session_lock(self) -> bool:
        return any(self.paths[fd].endswith("/.lock") for fd in self.locks)

    def bury(self) -> None:
        """Close what the dead replica held open: its flocks go, as the kernel would see to."""
        self.dead = True
        for fd in list(self.paths):
            with suppress(OSError):
                os.close(fd)
        self.paths.clear()
        self.locks.clear()

    def _path(self, fd: int) -> str:
        if self.dead:
            raise Died
        return self.paths[fd]

    def _enter(self, name: str, path: str, *extra: object) -> Call:
        if self.dead:
            raise Died
        call = Call(len(self.calls) + 1, name, path, extra)
        self.calls.append(call)
        if self.before is not None:
            try:
                self.before(call)
            except Died:
                self.dead = True
                raise
        return call

    def _leave(self, call: Call) -> None:
        if self.after is not None:
            self.after(call)

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        call = self._enter("open", path, flags)
        fd = os.open(path, flags, mode)
        self.paths[fd] = path
        self._leave(call)
        return fd

    def close(self, fd: int) -> None:
        call = self._enter("close", self._path(fd))
        os.close(fd)
        del self.paths[fd]
        self.locks.discard(fd)
        self._leave(call)

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        call = self._enter("pread", self._path(fd), length, offset)
        data = os.pread(fd, length, offset)
        self._leave(call)
        return data

    def preadv(self, fd: int, buffers: Sequence[bytearray | memoryview], offset: int) -> int:
        call = self._enter("preadv", self._path(fd), offset)
        count = os.preadv(fd, buffers, offset)
        self._leave(call)
        return count

    def pwrite(self, fd: int, data: Data, offset: int) -> int:
        call = self._enter("pwrite", self._path(fd), len(data), offset)
        count = os.pwrite(fd, data, offset)
        self._leave(call)
        return count

    def write(self, fd: int, data: Data) -> int:
        call = self._enter("write", self._path(fd), len(data))
        count = os.write(fd, data)
        self._leave(call)
        return count

    def ftruncate(self, fd: int, length: int) -> None:
        call = self._enter("ftruncate", self._path(fd), length)
        os.ftruncate(fd, length)
        self._leave(call)

    def fsync(self, fd: int) -> None:
        call = self._enter("fsync", self._path(fd), fd)
        os.fsync(fd)
        self._leave(call)

    def fstat(self, fd: int) -> Stat:
        call = self._enter("fstat", self._path(fd))
        found = os.fstat(fd)
        self._leave(call)
        return found

    def lstat(self, path: str) -> Stat:
        call = self._enter("lstat", path)
        found = os.lstat(path)
        self._leave(call)
        return found

    def replace(self, source: str, target: str) -> None:
        call = self._enter("replace", source, target)
        os.replace(source, target)
        self._leave(call)

    def link(self, source: str, target: str) -> None:
        call = self._enter("link", source, target)
        os.link(source, target)
        self._leave(call)

    def unlink(self, path: str) -> None:
        call = self._enter("unlink", path)
        os.unlink(path)
        self._leave(call)

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        call = self._enter("mkdir", path)
        os.mkdir(path, mode)
        self._leave(call)

    def rmdir(self, path: str) -> None:
        call = self._enter("rmdir", path)
        os.rmdir(path)
        self._leave(call)

    def listdir(self, path: str) -> list[str]:
        call = self._enter("listdir", path)
        names = os.listdir(path)
        self._leave(call)
        return names

    def flock(self, fd: int, operation: int) -> None:
        call = self._enter("flock", self._path(fd), operation)
        OsPort.flock(fd, operation)
        self.locks.add(fd)
        self._leave(call)

    def monotonic_ns(self) -> int:
        return int(self.clock.running_s * 1e9)

    def time_ns(self) -> int:
        return int(self.clock.unix_s * 1e9)

    def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def urandom(self, size: int) -> bytes:
        return f"{self.name}{next(self._random)}".encode().rjust(size, b"_")[-size:]


def die_at(number: int) -> Hook:
    """A hook for ``before``: death instead of the call of this number."""

    def hook(call: Call) -> None:
        if call.number == number:
            raise Died

    return hook


def fail_at(number: int, code: int, *, lasting: bool = False) -> Hook:
    """A hook for ``before``: an error instead of the call (and, lasting, of all writing ones after)."""

    def hook(call: Call) -> None:
        if call.number == number or (lasting and call.number > number and writes(call)):
            raise OSError(code, os.strerror(code), call.path)

    return hook


def lose_reply_at(number: int) -> Hook:
    """A hook for ``after``: the call is done, and its repetition answers that there is nothing to do."""

    def hook(call: Call) -> None:
        if call.number == number and call.name in _ALREADY:
            code = _ALREADY[call.name]
            raise OSError(code, os.strerror(code), call.path)

    return hook


def run_at(number: int, action: Callable[[], None]) -> Hook:
    """A hook for ``before``: something else happens between this call and the one before it."""

    def hook(call: Call) -> None:
        if call.number == number:
            action()

    return hook


def writes(call: Call) -> bool:
    """Whether a full disk could refuse this call."""
    if call.name == "open":
        return bool(int(str(call.extra[0])) & os.O_CREAT)
    if call.name == "fsync":
        return True
    return call.name in ("pwrite", "write", "replace", "link", "mkdir")


def once(name: str, part: str, action: Callable[[], None]) -> Callable[[Call], None]:
    """A hook: before the first call of this name about such a path."""
    done = False

    def hook(call: Call) -> None:
        nonlocal done
        if not done and call.name == name and part in call.path:
            done = True
            action()

    return hook


def raises(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act
