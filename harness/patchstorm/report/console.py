"""A report for people: a table of verdicts, then each violation as a short story.

Colour comes from rich, which keeps to ``NO_COLOR`` and leaves files and pipes plain. How lines fit a terminal
is the matter of :mod:`patchstorm.report.layout`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
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
from patchstorm.report.layout import Entry, laid_out, line
from patchstorm.report.loudness import NORMAL, QUIET, VERBOSE, Loudness
from patchstorm.report.model import Report, RunReport
from patchstorm.report.story import (
    headline,
    idle_checkers,
    remark,
    remarks_below,
    replay_command,
    scaled_down,
    shrinking,
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


def tell(
    report: Report,
    console: Console,
    *,
    took: str,
    remarks: Sequence[str] = (),
    loudness: Loudness = NORMAL,
) -> None:
    """The table, what sums it up, and the stories; the last line of each replays it.

    ``QUIET`` leaves the sum and of each violation what was found and the command; ``VERBOSE`` adds remarks.
    """
    runs = report.runs
    if isinstance(report.nothing, str):
        line(console, report.nothing)
    if loudness == QUIET and runs:
        _tell_in_brief(runs, console, took)
    elif runs:
        _tell_in_full(runs, console, took=took, remarks=remarks, loudness=loudness)


def _tell_in_full(
    runs: Sequence[RunReport],
    console: Console,
    *,
    took: str,
    remarks: Sequence[str],
    loudness: Loudness,
) -> None:
    console.print(table(runs, width=console.width))
    console.print()
    idle = idle_checkers(runs)
    below = skips(runs) if len(_worlds(runs)) > 1 else []
    small, spent = scaled_down(runs), shrinking(runs)
    told_below = (idle, small, None if spent is None else f"Shrinking took {spent}")
    for one in (*below, *remarks, *(one for one in told_below if one is not None)):
        line(console, one)
    line(console, f"{tally(runs)} in {took}")
    if loudness == VERBOSE:
        for run in runs:
            _tell_all_remarks(run, console)
    elif len({run.scenario for run in runs}) == 1:  # of many storms nobody reads them
        for run in runs:
            _tell_remarks(run, console)
    for run in runs:
        _tell_at_length(run, console)
    causes = common(runs)
    if causes:
        console.print()
    for one in told(causes):
        line(console, one)
    for run in runs:
        if run.verdict == "violated" and (rest := without(run, causes)).findings:
            console.print()
            tell_violation(rest, console)


def _tell_at_length(run: RunReport, console: Console) -> None:
    """What one line of a table is too short for."""
    if run.crash_points:
        console.print()
        line(console, f"{headline(run)}, where a replica dies")
        tell_crash_points(run.crash_points, console)
    if run.unknown is not None and "\n" in run.unknown:
        console.print()
        line(console, f"{headline(run)}\n{run.unknown}")


def _tell_in_brief(runs: Sequence[RunReport], console: Console, took: str) -> None:
    for run in runs:
        if run.verdict == "violated":
            line(console, headline(run), style=_STYLES["violated"])
            for one in dict.fromkeys(f"  {one.checker}: {one.summary}" for one in run.findings[:1]):
                line(console, one)
            command = replay_command(run)
            if command is not None:
                line(console, command)
        elif run.unknown is not None:
            line(console, f"{headline(run)}: {_brief(run.unknown)}", style=_STYLES["unknown"])
    line(console, f"{tally(runs)} in {took}")


def _tell_remarks(run: RunReport, console: Console) -> None:
    """What was remarked and has no room in the table."""
    _tell_notes(run, remarks_below(run), console)


def _tell_all_remarks(run: RunReport, console: Console) -> None:
    """Whatever was remarked, smaller sizes and points that were not reached among them."""
    missing = [f"not reached: {one.name} ({one.why})" for one in run.points if not one.reached]
    small = [f"scaled: {one}" for one in run.scaled]
    skipped = [] if run.skipped is None else [f"skipped: {run.skipped}"]
    _tell_notes(run, dict.fromkeys((*skipped, *missing, *small, *run.notes)), console)


def _tell_notes(run: RunReport, notes: Collection[str], console: Console) -> None:
    if notes:
        console.print()
        line(console, f"{headline(run)}, and these remarks")
        for note in notes:
            line(console, f"   {note}")


def tell_violation(run: RunReport, console: Console) -> None:
    """What was found in one storm."""
    line(console, headline(run), style=_STYLES["violated"])
    for one in story(run):
        line(console, one)


def table(runs: Sequence[RunReport], *, width: int) -> ConsoleRenderable:
    """A row for each storm; where storms ran in several worlds, these share the row."""
    if len(_worlds(runs)) > 1:
        return _table_of_worlds(runs, width=width)
    simulated = _worlds(runs) == [SIMULATED]
    names = ["schedules", "steps", "seconds"] if simulated else ["operations", "seconds"]
    if width < NARROW_COLUMNS:
        names = []
    rows = [
        Entry(
            [Text(run.scenario), _worded(run), *(Text(_figure(run, name)) for name in names)],
            _brief(remark(run)),
        )
        for run in runs
    ]
    return laid_out(["scenario", "verdict", *names], rows, width=width, right=FIGURES)


def _table_of_worlds(runs: Sequence[RunReport], *, width: int) -> ConsoleRenderable:
    """Scenario, a verdict for each world, seconds, remark; skips are told below the table."""
    worlds = [world for world in _worlds(runs) if not skipped_alike(runs, world)] or _worlds(runs)
    figures = ["seconds"] if width >= NARROW_COLUMNS else []
    by_name: dict[tuple[str, str, int], dict[str, RunReport]] = {}
    for run in runs:
        by_name.setdefault((run.scenario, run.target, run.seed), {})[run.world] = run
    rows = []
    for (scenario, _, _), row in by_name.items():
        cells = [Text(scenario)]
        cells += [
            _worded(row[world], counted=True) if world in row else Text("") for world in worlds
        ]
        if figures:
            seconds = [run.seconds for run in row.values() if run.verdict is not None]
            cells.append(Text(f"{sum(seconds):.1f}" if seconds else ""))
        rows.append(Entry(cells, "\n".join(_remarks(row))))
    return laid_out(["scenario", *worlds, *figures], rows, width=width, right=FIGURES)


def _remarks(row: Mapping[str, RunReport]) -> list[str]:
    """What is to be said of each world; skips apart, which have a line of their own below."""
    said = {world: _brief(remark(run)) for world, run in row.items() if run.skipped is None}
    return [f"{world}: {text}" for world, text in said.items() if text]


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
    first, _, more = text.partition("\n")
    if len(first) > REMARK_MAX:
        cut = first[: REMARK_MAX - 4]
        return f"{cut.rpartition(' ')[0] or cut} ..."
    return f"{first} ..." if more else first


def checker_table(rows: Sequence[tuple[str, str, str]]) -> Table:
    """One row a checker: its name, verdict and remark."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("checker", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    grid.add_column("remark", overflow="fold", ratio=1)
    for name, verdict, said in rows:
        grid.add_row(Text(name), Text(verdict, style=_STYLES[verdict]), Text(said))
    return grid
