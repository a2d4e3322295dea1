"""How far a command has got that has no storms: a line that is overwritten, or one now and then in a log."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Final

from patchstorm.legible import legible_line
from patchstorm.report.console import console_on

LINES_EVERY_S: Final = 10.0
clock_s = time.monotonic


class Ticker:
    """Tells on standard error; a context manager that leaves a terminal's line empty."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._columns = console_on(sys.stderr).width - 1
        self._told_s = clock_s()

    def __enter__(self) -> Ticker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._terminal:
            self._write("\r\x1b[K")

    def tell(self, done: str) -> None:
        """What has just ended, or begun."""
        line = legible_line(done)
        if self._terminal:
            self._write(f"\r\x1b[K{line[: self._columns]}")
        elif (now_s := clock_s()) - self._told_s >= LINES_EVERY_S:
            self._told_s = now_s
            self._write(f"{line}\n")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()
