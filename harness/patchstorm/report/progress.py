"""How a command shows that it is getting on: on a terminal a bar, elsewhere a line per storm.

All of it goes to standard error, so that standard output holds the result and nothing else.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol

from patchstorm.legible import legible_line
from patchstorm.report.console import console_on


class Progress(Protocol):
    """Told of every storm that begins and ends; a context manager round the whole command."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def began(self, name: str) -> None:
        """The storm ``name`` begins."""

    def ended(self, name: str, said: str) -> None:
        """It ended; ``said`` is what came of it, in a few words."""


def progress(total: int) -> Progress:
    """The display that suits standard error, for ``total`` storms."""
    return Bar(total) if sys.stderr.isatty() else Lines(total)


class Bar:
    """A bar with the names of the storms under way; it vanishes at the end."""

    def __init__(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        self._names: list[str] = []
        self._bar = RichProgress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console_on(sys.stderr),
            transient=True,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def began(self, name: str) -> None:
        self._names.append(name)
        self._show(0)

    def ended(self, name: str, said: str) -> None:
        self._names.remove(name)
        self._show(1)

    def _show(self, advance: int) -> None:
        self._bar.update(self._task, advance=advance, description=", ".join(self._names))


class Lines:
    """One plain line for each storm that ended: what a CI log wants."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._ended = 0

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def began(self, name: str) -> None:
        return None

    def ended(self, name: str, said: str) -> None:
        self._ended += 1
        width = len(str(self._total))
        line = f"[{self._ended:{width}}/{self._total}] {name}: {said}"
        sys.stderr.write(f"{legible_line(line)}\n")
        sys.stderr.flush()
