"""A report for people: a table of verdicts, then each violation as a short story.

Colour comes from rich, which keeps to ``NO_COLOR`` and leaves files and pipes plain. Stories and
commands are never wrapped or cut here, so that they can be searched and copied.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.control import Control
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from patchstorm.legible import legible
from patchstorm.report.causes import common, told, without
from patchstorm.report.crash_points import tell_crash_points
from patchstorm.report.model import Report, RunReport
from patchstorm.report.story import (
    headline,
    idle_checkers,
    remark,
    remarks_below,
    scaled_down,
    skipped_alike,
    skips,
    story,
    tally,
    word,
)

PIPE_COLUMNS: Final = 100  # where nobody has said how wide the reader is
NARROW_COLUMNS: Final = 64  # below this the figures give way to the remark
REMARK_MAX: Final = 240
SIMULATED: Final = "sim"
FIGURES: Final = ("schedules", "steps", "operations", "seconds")
_STYLES: Final = {"safe": "green", "violated": "bold red", "unknown": "yellow", "skipped": "dim"}


def console_on(file: IO[str]) -> Console:
    """A console that writes plain text unless ``file`` is a terminal."""
    width = None if file.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS
    console = Console(file=file, width=width, highlight=False, markup=False, emoji=False)
    console.push_render_hook(_Legible())
    return console


class _Legible(RenderHook):
    """Whatever is printed is made legible last, so that nothing can go past it."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [one if isinstance(one, Control) else _Spelt(one) for one in renderables]


@dataclass(frozen=True, slots=True)
class _Spelt:
    inner: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.inner, options):
            text = segment.text if segment.control else legible(segment.text)
            yield Segment(text, segment.style, segment.control)


def tell(report: Report, console: Console, *, took: str, remarks: Sequence[str] = ()) -> None:
    """The table, what sums it up, and the stories; the last line of each replays it."""
    runs = report.runs
    console.print(table(runs, width=console.width))
    console.print()
    idle = idle_checkers(runs)
    below = skips(runs) if len(_worlds(runs)) > 1 else []
    small = scaled_down(runs)
    for line in (*below, *remarks, *(one for one in (idle, small) if one is not None)):
        console.print(line, soft_wrap=True)
    console.print(f"{tally(runs)} in {took}", soft_wrap=True)
    if len({run.scenario for run in runs}) == 1:  # of many storms nobody reads them
        for run in runs:
            _tell_remarks(run, console)
    for run in runs:
        if run.crash_points:
            console.print()
            console.print(Text(f"{headline(run)}, where a replica dies"), soft_wrap=True)
            tell_crash_points(run.crash_points, console)
    for run in runs:
        if run.unknown is not None and "\n" in run.unknown:
            console.print()
            console.print(Text(f"{headline(run)}\n{run.unknown}"), soft_wrap=True)
    causes = common(runs)
    if causes:
        console.print()
    for line in told(causes):
        console.print(Text(line), soft_wrap=True)
    for run in runs:
        if run.verdict == "violated" and (rest := without(run, causes)).findings:
            console.print()
            tell_violation(rest, console)


def _tell_remarks(run: RunReport, console: Console) -> None:
    """What was remarked and has no room in the table."""
    below = remarks_below(run)
    if below:
        console.print()
        console.print(Text(f"{headline(run)}, and these remarks"), soft_wrap=True)
        for note in below:
            console.print(Text(f"   {note}"), soft_wrap=True)


def tell_violation(run: RunReport, console: Console) -> None:
    """What was found in one storm."""
    console.print(Text(headline(run), style=_STYLES["violated"]), soft_wrap=True)
    for line in story(run):
        console.print(Text(line), soft_wrap=True)


def table(runs: Sequence[RunReport], *, width: int) -> Table:
    """A row for each storm; where storms ran in several worlds, these share the row."""
    if len(_worlds(runs)) > 1:
        return _table_of_worlds(runs, width=width)
    simulated = _worlds(runs) == [SIMULATED]
    names = ["schedules", "steps", "seconds"] if simulated else ["operations", "seconds"]
    if width < NARROW_COLUMNS:
        names = []
    grid = _grid("scenario", "verdict", *names)
    for run in runs:
        cells = [Text(run.scenario), _worded(run)]
        cells += [Text(_figure(run, name)) for name in names]
        grid.add_row(*cells, Text(_brief(remark(run))))
    return grid


def _table_of_worlds(runs: Sequence[RunReport], *, width: int) -> Table:
    """Scenario, a verdict for each world, seconds, remark; skips are told below the table."""
    worlds = [world for world in _worlds(runs) if not skipped_alike(runs, world)] or _worlds(runs)
    figures = ["seconds"] if width >= NARROW_COLUMNS else []
    grid = _grid("scenario", *worlds, *figures)
    rows: dict[tuple[str, str, int], dict[str, RunReport]] = {}
    for run in runs:
        rows.setdefault((run.scenario, run.target, run.seed), {})[run.world] = run
    for (scenario, _, _), row in rows.items():
        cells = [Text(scenario)]
        cells += [
            _worded(row[world], counted=True) if world in row else Text("") for world in worlds
        ]
        if figures:
            seconds = [run.seconds for run in row.values() if run.verdict is not None]
            cells.append(Text(f"{sum(seconds):.1f}" if seconds else ""))
        grid.add_row(*cells, Text("\n".join(_remarks(row))))
    return grid


def _remarks(row: Mapping[str, RunReport]) -> list[str]:
    """What is to be said of each world; skips apart, which have a line of their own below."""
    said = {world: _brief(remark(run)) for world, run in row.items() if run.skipped is None}
    return [f"{world}: {text}" for world, text in said.items() if text]


def _grid(first: str, *names: str) -> Table:
    """An empty table: the storm's name, words, right-aligned figures, and a remark that folds."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column(first, overflow="fold")
    for name in names:
        grid.add_column(name, justify="right" if name in FIGURES else "left", no_wrap=True)
    grid.add_column("remark", overflow="fold", ratio=1)
    return grid


def _worded(run: RunReport, *, counted: bool = False) -> Text:
    """The verdict in its colour; with the number of schedules where that says more than one."""
    verdict = word(run)
    count = f" {run.schedules}" if counted and run.schedules > 1 else ""
    return Text(f"{verdict}{count}", style=_STYLES[verdict])


def _figure(run: RunReport, name: str) -> str:
    if run.verdict is None:
        return ""
    if name == "seconds":
        return f"{run.seconds:.1f}"
    return str(run.schedules if name == "schedules" else run.steps)


def _worlds(runs: Sequence[RunReport]) -> list[str]:
    return list(dict.fromkeys(run.world for run in runs))


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
