"""Standard streams: the end of what a process writes is kept with it, and not shown."""

from __future__ import annotations

import io
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from patchstorm.worlds.sim.hosted.here import current

SAID_CHARS_MAX: Final = 20_000
SPOKEN: Final = (1, 2, "/dev/stdout", "/dev/stderr", "/dev/fd/1", "/dev/fd/2")
"""What leads to the standard streams where it is opened: descriptors and paths."""
STREAM_MAX: Final = 2
OF_STREAMS: Final[dict[str, Callable[..., Any]]] = {
    "write": lambda process, fd, data: process.output.add_bytes(data),
    "writev": lambda process, fd, pieces: process.output.add_bytes(b"".join(pieces)),
    "close": lambda process, fd: None,
    "dup": lambda process, fd: fd,
}
"""Calls for standard streams by their number: the terminal's, which no replica writes to or closes."""
_NAMES: Final = ("stdout", "stderr", "__stdout__", "__stderr__")


class Said:
    """The end of what a process wrote."""

    def __init__(self) -> None:
        self._pieces: deque[str] = deque()
        self._length = 0
        self.total = 0
        """How many characters it wrote in all."""

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)
        self.total += len(text)
        while self._length > SAID_CHARS_MAX and len(self._pieces) > 1:
            self._length -= len(self._pieces.popleft())

    def add_bytes(self, data: Any) -> int:
        """How many there were."""
        given = bytes(data)
        self.add(given.decode(errors="replace"))
        return len(given)

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def last_line_since(self, total: int) -> str:
        """The last line that says anything, of what was written since there were ``total`` characters."""
        fresh = self.total - total
        lines = self.text[-fresh:].split("\n") if fresh else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def opened(self, mode: str) -> Any:
        """What ``open`` gives for one of ``SPOKEN``; every write is heard at once."""
        raw = _Raw(self)
        return raw if "b" in mode else io.TextIOWrapper(io.BufferedWriter(raw), write_through=True)


class _Raw(io.RawIOBase):
    def __init__(self, said: Said) -> None:
        self._said = said

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._said.add_bytes(data)


class Stream:
    """A standard stream during a run: a process's own, and the real one for everybody else."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def write(self, text: str) -> int:
        process = current()
        if process is None:
            return int(self.real.write(text))
        process.output.add(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Any:
        process = current()
        return self.real.buffer if process is None else _Raw(process.output)

    def __getattr__(self, name: str) -> Any:
        if name in ("close", "detach", "reconfigure") and current() is not None:
            return _kept_open  # it is the terminal of whoever runs Patchstorm
        return getattr(self.real, name)


def _kept_open(**_: object) -> None:
    return None


class Streams:
    """All of them, in place of the real ones from now until :meth:`restore`."""

    def __init__(self) -> None:
        self._before = [getattr(sys, name) for name in _NAMES]
        ours = {id(one): Stream(one) for one in self._before if one is not None}
        self._ours = [ours.get(id(one)) for one in self._before]
        for name, stream in zip(_NAMES, self._ours, strict=True):
            setattr(sys, name, stream)

    def restore(self) -> None:
        """Nothing for one that somebody has replaced meanwhile."""
        for name, stream, before in zip(_NAMES, self._ours, self._before, strict=True):
            if getattr(sys, name) is stream:
                setattr(sys, name, before)


def terminal() -> tuple[Any, Any]:
    """Standard input and output of whoever runs Patchstorm, within a run as well."""
    return sys.__stdin__, getattr(sys.__stdout__, "real", sys.__stdout__)


def onto(real: Callable[..., Any]) -> Callable[..., Any]:
    """What a server puts in the place of a standard stream takes the place of nobody's."""

    def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
        return int(real(fd, fd2, inheritable)) if current() is None or fd2 > STREAM_MAX else fd2

    return dup2
