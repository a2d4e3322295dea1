"""How a search shows that it is getting on: one line, rewritten on a terminal, seldom elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol

PIPE_EVERY_S = 10.0


class Sighted(Protocol):
    """What a search tells now and then."""

    @property
    def schedules(self) -> int: ...
    @property
    def budget(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def rate(self) -> float: ...
    @property
    def violations(self) -> int: ...


class Searching:
    """A context manager round one search; :meth:`told` takes what the search tells."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._terminal = sys.stderr.isatty()
        self._next_s = 0.2 if self._terminal else PIPE_EVERY_S
        self._written = False

    def __enter__(self) -> Searching:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._written and self._terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def told(self, now: Sighted) -> None:
        """Show how far the search is, unless it was shown a moment ago."""
        if now.seconds < self._next_s:
            return
        self._next_s = now.seconds + (0.2 if self._terminal else PIPE_EVERY_S)
        budget = "" if now.budget is None else f" of {now.budget}"
        line = (
            f"{self._name}: {now.schedules}{budget} schedules, {now.rate:.0f} a second, "
            f"{now.seconds:.0f} s, {now.violations} violated"
        )
        sys.stderr.write(f"\r{line}\033[K" if self._terminal else f"{line}\n")
        sys.stderr.flush()
        self._written = True
