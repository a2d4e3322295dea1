"""What the storms of one row of a matrix were violated for alike: told once, and not below each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from patchstorm.report.causes import common, told, without
from patchstorm.report.combine import combined
from patchstorm.report.model import RunReport


class Shared(NamedTuple):
    """``causes`` in lines, and the storms that a reader need not be told one by one: nothing else was found
    in them. Of each cause the first storm is told all the same, as the example.
    """

    causes: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()


def shared(cells: Sequence[Sequence[RunReport]]) -> Shared:
    """Of the runs of each cell of a row."""
    violated = [
        [run for run in runs if run.verdict == "violated"]
        for runs in cells
        if any(run.verdict == "violated" for run in runs)
    ]
    causes = common([combined(runs) for runs in violated])
    examples = {struck[0].scenario for struck in causes.values()}
    explained = [
        runs[0].scenario
        for runs in violated
        if not any(without(run, causes).findings for run in runs)
    ]
    return Shared(tuple(told(causes)), tuple(one for one in explained if one not in examples))
