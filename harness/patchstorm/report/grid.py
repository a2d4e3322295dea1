"""The matrix on a console: a grid of verdicts, and below it a few lines for each violation."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from patchstorm.report.layout import GAP, line
from patchstorm.report.loudness import NORMAL, QUIET, VERBOSE, Loudness
from patchstorm.report.matrix import Cell, Matrix, Row, kind, word
from patchstorm.report.story import counted

STYLES: Final = {"safe": "green", "violated": "bold red", "unknown": "yellow", None: "dim"}


def tell_matrix(matrix: Matrix, console: Console, loudness: Loudness = NORMAL) -> None:
    """Print it all; ``QUIET`` only the grid and the sums, ``VERBOSE`` why storms were skipped as well."""
    rows = [row for row in matrix.rows if row.skipped is None]
    for row in matrix.rows:
        said = (
            f"{row.name} {row.version}".rstrip()
            + f": {row.skipped or row.configuration or row.title}"
        )
        line(console, said)
    for some in _fitting(rows, console.width):
        console.print(_grid(some))
    told: dict[Loudness, tuple[str | None, ...]] = {
        QUIET: (),
        NORMAL: ("violated", "unknown"),
        VERBOSE: ("violated", "unknown", None),
    }
    for row in rows:
        _tell_causes(row, console)
        hidden = () if loudness is VERBOSE else row.explained
        for one in row.cells:
            if one.verdict in told[loudness] and one.storm not in hidden:
                console.print()
                _tell_cell(row, one, console)
    console.print()
    for row in rows:
        words = [one.verdict or "skipped" for one in row.cells]
        line(console, f"{row.name}: {counted(words)}")
    console.print(Text(f"{matrix.seconds:.0f} s"))


def _fitting(rows: list[Row], width: int) -> Iterator[list[Row]]:
    """The rows in groups whose columns fit beside the storms' names; a group has one at least."""
    left = width - max((len(one.storm) for row in rows for one in row.cells), default=0) - GAP
    group: list[Row] = []
    room = left
    for row in rows:
        column = max(len(row.name), *(len(word(one)) for one in row.cells), 0) + GAP
        if group and column > room:
            yield group
            group, room = [], left
        group.append(row)
        room -= column
    if group:
        yield group


def _grid(rows: list[Row]) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    grid.add_column("storm", no_wrap=True)
    for row in rows:
        grid.add_column(row.name, no_wrap=True)
    for storm in dict.fromkeys(one.storm for row in rows for one in row.cells):
        found = [next((one for one in row.cells if one.storm == storm), None) for row in rows]
        grid.add_row(storm, *(_worded(one) for one in found))
    return grid


def _worded(one: Cell | None) -> Text:
    return Text("") if one is None else Text(word(one), style=STYLES[one.verdict])


def _tell_causes(row: Row, console: Console) -> None:
    """What many cells would say alike; each cell that says it too is left out, but for an example."""
    if not row.causes:
        return
    console.print()
    line(console, f"{row.name}: told once", style="bold")
    for said in row.causes:
        line(console, f"  {said}")


def _tell_cell(row: Row, one: Cell, console: Console) -> None:
    if one.skipped is not None:
        line(console, f"{one.storm} against {row.name}: skipped", style="bold")
        line(console, f"  {one.skipped}")
        return
    of = f"{one.violated or one.undecided} of {one.runs} runs"
    rates = ", ".join(f"{name} {count}" for name, count in one.rates.items())
    head = f"{one.storm} against {row.name}: {one.verdict}, {of}" + (f": {rates}" if rates else "")
    called = kind(one)
    line(console, f"{head} ({called})" if called else head, style="bold")
    lines = [one.finding or one.unknown or "", *(reading.says for reading in one.readings)]
    if one.failure:
        lines.append(f"patchstorm replay {shlex.quote(one.failure)}")
    for said in filter(None, (*lines, one.command)):
        line(console, f"  {said}")
