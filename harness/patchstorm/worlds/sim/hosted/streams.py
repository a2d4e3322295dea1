"""Standard streams: the end of what a process writes is kept with it, and not shown."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from patchstorm.worlds.sim.hosted.here import current

SAID_CHARS_MAX: Final = 20_000


class Said:
    """The end of what a process wrote."""

    def __init__(self) -> None:
        self._pieces: deque[str] = deque()
        self._length = 0

    def add(self, text: str) -> None:
        self._pieces.append(text)
        self._length += len(text)
        while self._length > SAID_CHARS_MAX and len(self._pieces) > 1:
            self._length -= len(self._pieces.popleft())

    @property
    def text(self) -> str:
        return "".join(self._pieces)


class Stream:
    """``sys.stdout`` or ``sys.stderr`` during a run: a process's own, and the real one for everybody else."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def write(self, text: str) -> int:
        process = current()
        if process is None:
            return int(self._real.write(text))
        process.output.add(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Streams:
    """Both, in place of the real ones from now until :meth:`restore`."""

    def __init__(self) -> None:
        self._before = sys.stdout, sys.stderr
        self._ours: tuple[Any, Any] = Stream(sys.stdout), Stream(sys.stderr)
        sys.stdout, sys.stderr = self._ours

    def restore(self) -> None:
        """Nothing for one that somebody has replaced meanwhile."""
        if sys.stdout is self._ours[0]:
            sys.stdout = self._before[0]
        if sys.stderr is self._ours[1]:
            sys.stderr = self._before[1]
