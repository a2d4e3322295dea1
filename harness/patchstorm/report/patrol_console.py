"""A patrol for people: a row for each innocent, what was skipped and why, and who was accused."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from patchstorm.report.patrol import Patrols


def tell(result: Patrols, console: Console) -> None:
    """The table, the reasons, the sum, and for each accusation the command that shows it."""
    console.print(_table(result))
    for line in (*_skipped(result), *_sum(result), *_wrong(result)):
        console.print(Text(line), soft_wrap=True)


def _table(result: Patrols) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    grid.add_column("innocent", overflow="fold")
    for word in ("cells", "schedules", "skipped", "accused", "unknown", "CPU s"):
        grid.add_column(word, justify="right", no_wrap=True)
    for row in result.innocents:
        grid.add_row(
            Text(row.name),
            str(row.cells),
            str(row.schedules),
            str(sum(one.cells for one in row.skipped)),
            Text(str(len(row.accused)), style="bold red" if row.accused else "green"),
            Text(str(len(row.unknown)), style="yellow" if row.unknown else "dim"),
            f"{row.seconds:.1f}",
        )
    return grid


def _skipped(result: Patrols) -> Iterator[str]:
    """Each reason once, those that skip most first."""
    reasons: Counter[str] = Counter()
    for row in result.innocents:
        for one in row.skipped:
            reasons[one.reason] += one.cells
    if reasons:
        yield ""
        yield "skipped:"
    for reason, cells in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])):
        yield f"{cells:6}  {reason}"


def _sum(result: Patrols) -> Iterator[str]:
    accused = sum(len(row.accused) for row in result.innocents)
    share, of = result.share
    part = "" if of == 1 else f", part {share} of {of}"
    yield ""
    yield (
        f"{accused} of {result.cells} cells accused in {result.schedules} schedules "
        f"({result.applying} cells apply{part}); {result.seconds:.1f} s"
    )


def _wrong(result: Patrols) -> Iterator[str]:
    for row in result.innocents:
        for one in row.accused:
            yield ""
            yield f"{row.name} was accused in {one.storm} on {one.storage} by {', '.join(one.checkers)}"
            yield f"patchstorm replay {shlex.quote(one.failure)}"
        for unknown in row.unknown:
            yield ""
            yield f"{row.name} on {unknown.storage}: {unknown.reason}"
