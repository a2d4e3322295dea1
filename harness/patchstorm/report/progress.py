"""How a command shows that it is getting on: on a terminal a bar, elsewhere a line per storm.

All of it goes to standard error, so that standard output holds the result and nothing else.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Final, Protocol

from patchstorm.legible import legible_line
from patchstorm.report.console import console_on
from patchstorm.report.layout import line
from patchstorm.report.loudness import NORMAL, QUIET, Loudness

BAR_COLUMNS: Final = 100  # below this the names get the room of the bar


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

    def ended(self, name: str, said: str, *, found: str = "") -> None:
        """It ended; ``said`` is what came of it, in a few words, and ``found`` what was violated."""


def progress(total: int, loudness: Loudness = NORMAL) -> Progress:
    """The display that suits standard error, for ``total`` storms; ``QUIET``: none."""
    if loudness == QUIET:
        return Silent()
    return Bar(total) if sys.stderr.isatty() else Lines(total)


class Silent:
    """Tells nothing."""

    def __enter__(self) -> Silent:
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

    def ended(self, name: str, said: str, *, found: str = "") -> None:
        return None


class Bar:
    """One line that vanishes at the end: how many ended, how many violated, the clock, and then names.

    The names of the storms under way are what is cut where the terminal is narrow. What is violated is told
    above it when it happens, and stays.
    """

    def __init__(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress
        from rich.table import Column

        self._names: list[str] = []
        self._violated = 0
        self._console = console_on(sys.stderr)
        wide = [BarColumn(bar_width=24)] if self._console.width >= BAR_COLUMNS else []
        self._bar = RichProgress(
            MofNCompleteColumn(),
            TextColumn("{task.fields[violated]}", style="bold red", markup=False),
            TimeElapsedColumn(),
            *wide,
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task("", total=total, violated="")

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

    def ended(self, name: str, said: str, *, found: str = "") -> None:
        self._names.remove(name)
        if found:
            self._violated += 1
            line(self._console, f"violated {name}: {legible_line(found)}", style="red")
        self._show(1)

    def _show(self, advance: int) -> None:
        told = f"{self._violated} violated" if self._violated else ""
        names = legible_line(", ".join(self._names))
        self._bar.update(self._task, advance=advance, description=names, violated=told)


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

    def ended(self, name: str, said: str, *, found: str = "") -> None:
        self._ended += 1
        width = len(str(self._total))
        told = f"[{self._ended:{width}}/{self._total}] {name}: {said}"
        told = f"{told}: {found}" if found else told
        sys.stderr.write(f"{legible_line(told)}\n")
        sys.stderr.flush()
