"""The matrix on a console: a grid of verdicts, and below it a few lines for each violation."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from patchstorm.report.matrix import Cell, Matrix, Row, kind, word
from patchstorm.report.story import counted

STYLES: Final = {"safe": "green", "violated": "bold red", "unknown": "yellow", None: "dim"}


def tell_matrix(matrix: Matrix, console: Console) -> None:
    """Print it all."""
    rows = [row for row in matrix.rows if row.skipped is None]
    for row in matrix.rows:
        said = f"{row.name} {row.version}: {row.skipped or row.configuration or row.title}"
        console.print(Text(said), soft_wrap=True)
    console.print(_grid(rows))
    for row in rows:
        for one in row.cells:
            if one.verdict in ("violated", "unknown"):
                console.print()
                _tell_cell(row, one, console)
    console.print()
    for row in rows:
        words = [one.verdict or "skipped" for one in row.cells]
        console.print(Text(f"{row.name}: {counted(words)}"), soft_wrap=True)
    console.print(Text(f"{matrix.seconds:.0f} s"))


def _grid(rows: list[Row]) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column("storm", no_wrap=True)
    for row in rows:
        grid.add_column(row.name, overflow="fold")
    for storm in dict.fromkeys(one.storm for row in rows for one in row.cells):
        found = [next((one for one in row.cells if one.storm == storm), None) for row in rows]
        grid.add_row(storm, *(_worded(one) for one in found))
    return grid


def _worded(one: Cell | None) -> Text:
    return Text("") if one is None else Text(word(one), style=STYLES[one.verdict])


def _tell_cell(row: Row, one: Cell, console: Console) -> None:
    of = f"{one.violated or one.undecided} of {one.runs} runs"
    rates = ", ".join(f"{name} {count}" for name, count in one.rates.items())
    head = f"{one.storm} against {row.name}: {one.verdict}, {of}" + (f": {rates}" if rates else "")
    called = kind(one)
    console.print(Text(f"{head} ({called})" if called else head, style="bold"), soft_wrap=True)
    lines = [one.finding or one.unknown or "", *(reading.says for reading in one.readings)]
    if one.failure:
        lines.append(f"patchstorm replay {one.failure}")
    for line in (*lines, one.command):
        if line:
            console.print(Text(f"  {line}"), soft_wrap=True)
