"""How a search shows that it is getting on: one line, rewritten on a terminal, seldom elsewhere.

A violation of a new cause has a line of its own when it happens, which stays.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol

from patchstorm.legible import legible_line
from patchstorm.report.causes import alike
from patchstorm.report.console import console_on
from patchstorm.report.layout import line
from patchstorm.report.loudness import NORMAL, QUIET, Loudness

PIPE_EVERY_S = 10.0
TERMINAL_EVERY_S = 0.2


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
    @property
    def found(self) -> str: ...
    @property
    def shrinking(self) -> bool: ...


class Searching:
    """A context manager round one search; :meth:`told` takes what the search tells."""

    def __init__(self, name: str, loudness: Loudness = NORMAL) -> None:
        self._name = name
        self._loudness = loudness
        self._violations = 0
        self._causes: set[str] = set()
        self._terminal = sys.stderr.isatty()
        self._next_s = TERMINAL_EVERY_S if self._terminal else PIPE_EVERY_S
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
        """Show how far the search is, unless it was shown a moment ago, and what is new at once."""
        if self._loudness == QUIET:
            return
        if now.violations > self._violations:
            self._violations = now.violations
            if (cause := alike(now.found)) not in self._causes:
                self._causes.add(cause)
                self._tell_violation(now)
        if now.seconds < self._next_s and not now.shrinking:
            return
        self._next_s = now.seconds + (TERMINAL_EVERY_S if self._terminal else PIPE_EVERY_S)
        self._show(now)

    def _tell_violation(self, now: Sighted) -> None:
        if self._terminal and self._written:
            sys.stderr.write("\r\033[K")
        line(console_on(sys.stderr), f"violated {self._name}: {legible_line(now.found)}")

    def _show(self, now: Sighted) -> None:
        """Count, violated and clock come first; what is cut on a narrow terminal is the end."""
        budget = "" if now.budget is None else f"/{now.budget}"
        told = f"{now.schedules}{budget} schedules, {now.violations} violated, {now.seconds:.0f} s"
        doing = "making it small" if now.shrinking else f"{now.rate:.0f} a second"
        told = legible_line(f"{told}, {doing}: {self._name}")
        if self._terminal:
            width = console_on(sys.stderr).width - 1
            told = told if len(told) <= width else f"{told[: width - 1]}…"
            sys.stderr.write(f"\r{told}\033[K")
        else:
            sys.stderr.write(f"{told}\n")
        sys.stderr.flush()
        self._written = True
