"""What reads and writes are called: by where a run of them began, and not by their pieces.

In how many pieces a body comes to a server is a matter of chance, and so is how long a record is that has
the time in it. What an open file is read or written at without a gap is one run. Its first call is named by
the run's offset (``at 0``), and those that follow as its continuation (``on from 0``), which are told apart
by their number like all calls of one name. So the first piece has its name however many there are, and what
comes after the last one has not shifted.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from patchstorm.worlds.fuse.protocol import Op, Request


class _Run(NamedTuple):
    """``start``, the offset up to which it has come, and which one of those that start there it is."""

    start: int
    end: int
    number: int


class Moves:
    """Those of one replica."""

    def __init__(self) -> None:
        self._runs: dict[tuple[int, int], _Run] = {}
        self._begun: Counter[tuple[int, str, int]] = Counter()

    def called(self, request: Request, path: str) -> str:
        """What is said of this read or write in its name; asked once for each, as they come."""
        handle, offset, size = request.unpack("QQI")
        key = (request.op, handle)
        run = self._runs.get(key)
        if run is not None and run.start < offset <= run.end:
            self._runs[key] = run._replace(end=max(run.end, offset + size))
            again = f" in run {run.number + 1}" if run.number else ""
            return f"on from {run.start}{again}"
        begins = (request.op, path, offset)
        self._runs[key] = _Run(offset, offset + size, self._begun[begins])
        self._begun[begins] += 1
        return f"at {offset}"

    def closed(self, request: Request) -> None:
        """Nobody has the file open any more, and the next one may be known by the same number."""
        handle = request.unpack("Q")[0]
        for op in MOVES:
            self._runs.pop((op, handle), None)


MOVES = (Op.READ, Op.WRITE)
"""What is called so."""
