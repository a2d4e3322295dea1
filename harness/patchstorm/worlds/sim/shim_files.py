"""``open`` over the simulated storage: real buffered and text layers on a raw file of ours."""

from __future__ import annotations

import io
import os
from typing import Any

from patchstorm.worlds.sim.shim_os import SimOs

_FLAGS = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}


class SimFile(io.RawIOBase):
    """A raw file on a simulated descriptor (the counterpart of ``io.FileIO``)."""

    def __init__(self, system: SimOs, fd: int, name: Any, mode: str, closefd: bool) -> None:
        self._system = system
        self._fd = fd
        self._closefd = closefd
        self.name = name
        self.mode = mode
        self._reads = "r" in mode or "+" in mode
        self._writes = mode[0] in "wax" or "+" in mode

    def readable(self) -> bool:
        return self._reads

    def writable(self) -> bool:
        return self._writes

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def readinto(self, buffer: Any) -> int:
        data = self._system.read(self._fd, len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int:
        return self._system.write(self._fd, bytes(data))

    def seek(self, position: int, how: int = 0) -> int:
        return self._system.lseek(self._fd, position, how)

    def truncate(self, size: int | None = None) -> int:
        size = self.tell() if size is None else size
        self._system.ftruncate(self._fd, size)
        return size

    def close(self) -> None:
        if self.closed:
            return
        try:
            super().close()
        finally:
            if self._closefd:
                self._system.close(self._fd)


class Opener:
    """The built-in ``open`` (and ``io.open``) of one simulated process."""

    def __init__(self, system: SimOs) -> None:
        self._system = system

    def __call__(  # noqa: PLR0917 - the signature of the built-in
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        kind = mode.replace("b", "").replace("t", "")
        flags = _FLAGS[kind[0]]
        if "+" in kind:
            flags = flags & ~os.O_WRONLY | os.O_RDWR
        how = opener or self._system.open
        fd = file if isinstance(file, int) else how(file, flags | os.O_CLOEXEC)
        raw = SimFile(self._system, fd, file, kind, closefd)
        if buffering == 0:
            if "b" not in mode:
                raise ValueError("can't have unbuffered text I/O")
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering < 2 else buffering
        buffered: Any
        if "+" in kind:
            buffered = io.BufferedRandom(raw, size)
        elif kind == "r":
            buffered = io.BufferedReader(raw, size)
        else:
            buffered = io.BufferedWriter(raw, size)
        if kind[0] == "a":
            buffered.seek(0, 2)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, buffering == 1)
        text.mode = mode  # type: ignore[misc]
        return text
