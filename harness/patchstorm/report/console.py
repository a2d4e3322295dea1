"""A report for people: a table of verdicts, then each violation as a short story.

Colour comes from rich, which keeps to ``NO_COLOR`` and leaves files and pipes plain. Stories and
commands are never wrapped or cut here, so that they can be searched and copied.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import IO, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from patchstorm.report.model import Report, RunReport
from patchstorm.report.story import headline, idle_checkers, remark, story, tally, word

PIPE_COLUMNS: Final = 100  # where nobody has said how wide the reader is
NARROW_COLUMNS: Final = 64  # below this the figures give way to the remark
REMARK_MAX: Final = 240
_STYLES: Final = {"safe": "green", "violated": "bold red", "unknown": "yellow", "skipped": "dim"}


def console_on(file: IO[str]) -> Console:
    """A console that writes plain text unless ``file`` is a terminal."""
    width = None if file.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def tell(report: Report, console: Console, *, took: str) -> None:
    """The table, what sums it up, and the stories; the last line of each replays it."""
    console.print(table(report.runs, width=console.width))
    console.print()
    idle = idle_checkers(report.runs)
    if idle is not None:
        console.print(idle, soft_wrap=True)
    console.print(f"{tally(report.runs)} in {took}", soft_wrap=True)
    for run in report.runs:
        if run.unknown is not None and "\n" in run.unknown:
            console.print()
            console.print(Text(f"{headline(run)}\n{run.unknown}"), soft_wrap=True)
    for run in report.runs:
        if run.verdict == "violated":
            console.print()
            tell_violation(run, console)


def tell_violation(run: RunReport, console: Console) -> None:
    """What was found in one storm."""
    console.print(Text(headline(run), style=_STYLES["violated"]), soft_wrap=True)
    for line in story(run):
        console.print(Text(line), soft_wrap=True)


def table(runs: Sequence[RunReport], *, width: int) -> Table:
    """One row a storm: scenario, verdict, operations, seconds, remark."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("scenario", overflow="fold")
    grid.add_column("verdict", no_wrap=True)
    figures = width >= NARROW_COLUMNS
    if figures:
        grid.add_column("operations", justify="right", no_wrap=True)
        grid.add_column("seconds", justify="right", no_wrap=True)
    grid.add_column("remark", overflow="fold", ratio=1)
    for run in runs:
        verdict = word(run)
        cells = [Text(run.scenario), Text(verdict, style=_STYLES[verdict])]
        if figures and run.verdict is None:
            cells += [Text(""), Text("")]
        elif figures:
            cells += [Text(str(run.steps)), Text(f"{run.seconds:.1f}")]
        grid.add_row(*cells, Text(_brief(remark(run))))
    return grid


def _brief(text: str) -> str:
    """The first line, and not too much of it; what is longer is told below the table or in JSON."""
    line, _, more = text.partition("\n")
    if len(line) > REMARK_MAX:
        return line[: REMARK_MAX - 4].rstrip() + " ..."
    return f"{line} ..." if more else line


def checker_table(rows: Sequence[tuple[str, str, str]]) -> Table:
    """One row a checker: its name, verdict and remark."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("checker", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("remark", overflow="fold", ratio=1)
    for name, verdict, said in rows:
        grid.add_row(Text(name), Text(verdict, style=_STYLES[verdict]), Text(said))
    return grid
