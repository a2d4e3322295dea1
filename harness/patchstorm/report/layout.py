"""How lines and tables fit a terminal: no word is broken, and what goes on hangs below where it began.

In a file or a pipe lines stay whole, so that they can be searched and copied; commands stay whole everywhere.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleRenderable, Group
from rich.table import Table
from rich.text import Text

from patchstorm.legible import legible

HANGS: Final = 4
REMARK_MIN: Final = 28  # a remark in less than this stands in lines of its own, below its row
GAP: Final = 2
COMMAND: Final = "patchstorm "
ARROW: Final = "-> "  # stands before what a line says, like white space


def line(console: Console, text: str, style: str = "") -> None:
    """Print ``text``, of any number of lines; on a terminal each is wrapped between words."""
    for one in legible(text).split("\n"):
        for part in hung(one, console.width) if console.is_terminal else (one,):
            console.print(Text(part, style=style), soft_wrap=True)


def hung(text: str, width: int) -> Sequence[str]:
    """``text`` in lines of at most ``width`` columns, as far as its words allow; later lines hang.

    A command is left as it is: half of it could not be pasted.
    """
    begun = text.lstrip()
    if len(text) <= width or begun.startswith(COMMAND):
        return (text,)
    indent = len(text) - len(begun.removeprefix(ARROW))
    return textwrap.wrap(
        text,
        width,
        subsequent_indent=" " * min(indent + HANGS, width // 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: its cells, the name first, and a remark of any number of lines."""

    cells: Sequence[Text]
    remark: str


def laid_out(
    names: Sequence[str], rows: Sequence[Entry], *, width: int, right: Sequence[str] = ()
) -> ConsoleRenderable:
    """A table with these columns and a remark; names in ``right`` are figures, aligned at their end.

    Names are cut last: the remark first goes below its row, and only where that is not enough is a name cut.
    """
    widths = [
        max(len(name), *(entry.cells[at].cell_len for entry in rows), 0)
        for at, name in enumerate(names)
    ]
    beside = width - sum(widths) - GAP * len(widths)
    if beside >= REMARK_MIN:
        return _table(names, rows, right)
    widths[0] = max(1, min(widths[0], width - sum(widths[1:]) - GAP * (len(widths) - 1)))
    return Group(*_stacked(names, rows, widths, width, right))


def _table(names: Sequence[str], rows: Sequence[Entry], right: Sequence[str]) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for name in names:
        grid.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    grid.add_column("remark", overflow="fold", ratio=1)
    for entry in rows:
        grid.add_row(*entry.cells, Text(entry.remark))
    return grid


def _stacked(
    names: Sequence[str],
    rows: Sequence[Entry],
    widths: Sequence[int],
    width: int,
    right: Sequence[str],
) -> Iterator[Text]:
    yield _row([Text(name, style="bold") for name in names], names, widths, width, right)
    for entry in rows:
        yield _row(entry.cells, names, widths, width, right)
        for said in filter(None, entry.remark.split("\n")):
            for part in hung(" " * HANGS + said, width):
                yield Text(part, no_wrap=True, overflow="fold")


def _row(
    cells: Sequence[Text],
    names: Sequence[str],
    widths: Sequence[int],
    width: int,
    right: Sequence[str],
) -> Text:
    whole = Text(no_wrap=True, overflow="ellipsis")
    for at, cell in enumerate(cells):
        part = cell.copy()
        part.truncate(widths[at], overflow="ellipsis")
        blank = " " * (widths[at] - part.cell_len)
        whole.append_text(Text(blank) + part if names[at] in right else part + Text(blank))
        whole.append(" " * GAP)
    whole.rstrip()
    return whole
