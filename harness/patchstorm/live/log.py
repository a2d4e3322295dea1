"""What a replica says, in a file: read from where it was started, in pieces, and kept from filling the disk.

A server may write as fast as the disk takes it. The file is appended to by the server itself, so that nothing
of the harness stands between them; when it has grown too large its middle is left out, and a line says so.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

LOG_BYTES_MAX = 16 << 20
KEPT_BYTES = 256 << 10  # of the beginning, and as much of the end
PIECE_BYTES = 1 << 20
CARRY_BYTES = 16 << 10  # of what was searched already: what is looked for may have begun there
_FLAGS = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # it lies where a server may find it


class Log:
    """The log of one replica over all its starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._start = 0
        self._searched = 0
        self._carry = b""

    def begin(self) -> None:
        """It is started again: what was said until now is of earlier."""
        with contextlib.suppress(OSError):
            self._start = self._searched = os.lstat(self.path).st_size
        self._carry = b""

    def search(self, pattern: str) -> re.Match[str] | None:
        """``pattern`` in what was said since the last search, or in what comes right before it.

        A bounded piece is read; what is further is for the next time.
        """
        with self._opened(os.O_RDONLY) as file:
            if os.fstat(file).st_size < self._searched:  # its middle was left out
                self._searched = self._start = 0
            piece = os.pread(file, PIECE_BYTES, self._searched)
        self._searched += len(piece)
        text = self._carry + piece
        self._carry = text[-CARRY_BYTES:]
        return re.search(pattern, text.decode("utf-8", "replace"))

    def tail(self, length: int) -> str:
        """The last ``length`` bytes of what was said since the start; nothing where there is no log."""
        with contextlib.suppress(OSError), self._opened(os.O_RDONLY) as file:
            size = os.fstat(file).st_size
            begin = max(self._start if self._start <= size else 0, size - length)
            return os.pread(file, size - begin, begin).decode("utf-8", "replace").strip()
        return ""

    def trim(self) -> None:
        """Leave out the middle of a log that has grown too large."""
        with contextlib.suppress(OSError), self._opened(os.O_RDWR) as file:
            size = os.fstat(file).st_size
            if size <= LOG_BYTES_MAX:
                return
            end = os.pread(file, KEPT_BYTES, size - KEPT_BYTES)
            left_out = size - 2 * KEPT_BYTES
            os.ftruncate(file, KEPT_BYTES)
        with contextlib.suppress(OSError), self._opened(os.O_WRONLY | os.O_APPEND) as file:
            os.write(file, b"\n[patchstorm: %d bytes are left out here]\n" % left_out + end)

    @contextlib.contextmanager
    def _opened(self, flags: int) -> Iterator[int]:
        file = os.open(self.path, flags | _FLAGS)
        try:
            yield file
        finally:
            os.close(file)
