"""A report as one HTML page: no script, nothing loaded. It links to the pages of its failures.

What a reader needs first stands first: what the result says nothing about, then what was violated, the causes
that hit most storms before the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import msgspec

from patchstorm.check.model import Ruled
from patchstorm.report.causes import Cause, ranked
from patchstorm.report.gaps import Gap, gaps
from patchstorm.report.measures import Measured
from patchstorm.report.model import Made, Pairs, Report, RunReport
from patchstorm.report.paper import rendered
from patchstorm.report.plots import latency, throughput
from patchstorm.report.show.words import size
from patchstorm.report.story import headline, remark, replay_command, shrinking, story, tally, word

PLOTTED_MAX: Final = 60
OFTEN: Final = ("scaled down", "not judged")
"""Gaps that most storms have: a line that opens says how many, so that the others are not lost among them."""
_WORST_FIRST: Final = {"violated": 0, "unknown": 1, "safe": 2, "skipped": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A storm with what the page says of it; ``place`` is where on the page its story stands."""

    run: RunReport
    word: str
    remark: str
    drawn: str | None
    place: str | None
    headline: str
    story: str
    command: str | None


def page(
    report: Report,
    drawn: Mapping[str, str] | None = None,
    measures: Mapping[str, Measured] | None = None,
) -> str:
    """The whole page as text; everything that servers or scenarios said is escaped.

    ``drawn``: by the path of a failure the address of its own page. ``measures``: those of the
    histories that are there, by the paths that the report has for them.
    """
    runs = report.runs
    rows = [_row(number, run, drawn or {}) for number, run in enumerate(runs)]
    rows.sort(key=lambda row: _WORST_FIRST[row.word])
    causes = ranked(runs)
    plotted = list(_plotted(runs, measures or {}))
    return rendered(
        "patchstorm.report",
        "report.html.j2",
        style="report.css",
        verdict=report.verdict,
        nothing=report.nothing if isinstance(report.nothing, str) else "",
        tally=tally(runs),
        interrupted=report.interrupted is True,
        facts=list(_facts(report)),
        gaps_by_kind=list(by_kind(gaps(runs))),
        causes=causes,
        places=[_places(cause, rows) for cause in causes],
        rows=rows,
        several_targets=len({run.target for run in runs}) > 1,
        stories=[row for row in rows if row.place is not None],
        conformance=[
            conformance(f"{run.scenario} against {run.target} in {run.world}", run.rules)
            for run in runs
            if run.rules
        ],
        plotted=plotted[:PLOTTED_MAX],
        not_plotted=f"and {len(plotted) - PLOTTED_MAX} more runs, whose histories are kept"
        if len(plotted) > PLOTTED_MAX
        else "",
        composed=[
            _composed(run, run.pairs)
            for run in runs
            if not isinstance(run.pairs, msgspec.UnsetType)
        ],
    )


def by_kind(found: Sequence[Gap]) -> Iterator[tuple[str, list[Gap], int, bool]]:
    """Each kind with its gaps, with how many storms they concern, and whether they are told at once."""
    for kind, members in groupby(found, lambda gap: gap.kind):
        of_kind = list(members)
        storms = {name for gap in of_kind for name in gap.storms}
        yield kind, of_kind, len(storms), kind not in OFTEN


def facts_of(made: Made | msgspec.UnsetType) -> Iterator[tuple[str, str]]:
    """What made the report, where and when; nothing where nobody knows."""
    if not isinstance(made, msgspec.UnsetType):
        yield "took", f"{made.seconds:.1f} s"
        yield "on", made.date
        yield "made by", f"Patchstorm {made.patchstorm}, {made.python}"
        yield "host", made.machine


def conformance(title: str, rules: Sequence[Ruled]) -> dict[str, Any]:
    """A table of rules: those that did not hold first, of these the demands before the wishes."""
    levels = {"must": 0, "should": 1, "open": 2}
    broken = [rule for rule in rules if not rule.held]
    by_level = ", ".join(
        f"{count} {level}"
        for level in levels
        if (count := sum(rule.level == level for rule in broken))
    )
    return {
        "title": title,
        "tally": f"{len(rules) - len(broken)} of {len(rules)} rules that were put held"
        + (f"; not held: {by_level}" if broken else ""),
        "broken": sorted(broken, key=lambda rule: levels.get(rule.level, len(levels))),
        "held": [rule for rule in rules if rule.held],
        "word": lambda rule: "broken" if rule.violated else "unknown",
    }


def _row(number: int, run: RunReport, drawn: Mapping[str, str]) -> _Row:
    lines, command = story(run), replay_command(run)
    if command is not None and lines[-1:] == [command]:
        lines = lines[:-1]
    return _Row(
        run=run,
        word=word(run),
        remark=remark(run),
        drawn=drawn.get(run.failure or ""),
        place=f"storm-{number}" if run.verdict == "violated" else None,
        headline=headline(run),
        story="\n".join(line.removeprefix("  ") for line in lines).strip("\n"),
        command=command,
    )


def _places(cause: Cause, rows: Sequence[_Row]) -> list[str]:
    """Where the first storm that the cause hit is told."""
    places = [row.place for row in rows if row.run is cause.runs[0] and row.place is not None]
    return places[:1]


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    runs = report.runs
    for name, said in (
        ("target", dict.fromkeys(run.target for run in runs)),
        ("world", dict.fromkeys(run.world for run in runs)),
        ("seed", dict.fromkeys(str(run.seed) for run in runs)),
    ):
        yield name, ", ".join(said)
    if isinstance(report.made, msgspec.UnsetType):
        yield "storms took", f"{sum(run.seconds for run in runs):.1f} s"
    yield from facts_of(report.made)
    if (spent := shrinking(runs)) is not None:
        yield "shrinking", spent


def _plotted(
    runs: Sequence[RunReport], measures: Mapping[str, Measured]
) -> Iterator[dict[str, Any]]:
    for run in runs:
        there = [measures[path] for path in run.histories if path in measures]
        for number, of in enumerate(there):
            more = f", run {number + 1} of {len(there)}" if len(there) > 1 else ""
            yield {
                "title": f"{run.scenario} against {run.target} in {run.world}{more}: {word(run)}",
                "says": _in_figures(of),
                "latency": latency(of),
                "throughput": throughput(of),
            }


def _in_figures(of: Measured) -> str:
    silent = f", {of.unanswered} without an answer" if of.unanswered else ""
    seconds = of.span_ms / 1000
    return (
        f"{len(of.dots)} requests in {seconds:.2f} s{silent}; half within {of.took_ms(0.5):.3g} ms, "
        f"99 of 100 within {of.took_ms(0.99):.3g} ms; {size(of.bytes_acknowledged)} acknowledged"
    )


def _composed(run: RunReport, pairs: Pairs) -> dict[str, Any]:
    counts = {(one, other): (met, of) for one, other, met, of in pairs.cells}
    grid = []
    for place, one in enumerate(pairs.dimensions):
        cells = [("", "")] * place
        for other in pairs.dimensions[place:]:
            met, of = counts.get((one, other), (0, 0))
            how = "" if not of else "all" if met == of else "none" if not met else ""
            cells.append((f"{met}/{of}" if of else "-", how))
        grid.append((one, cells))
    return {
        "title": f"{run.scenario} against {run.target}, {run.schedules} schedules",
        "met": sum(met for met, _ in counts.values()),
        "possible": sum(of for _, of in counts.values()),
        "grid": grid,
        "pairs": pairs,
    }
