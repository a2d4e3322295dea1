"""What ``patchstorm litmus`` says of the mounts: exit code, document and text, of bounded length."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from patchstorm.campaign.litmus import MountReport
    from patchstorm.storage.litmus.judge import Judged

UNSEEN_SHOWN: Final = 20
"""Results that no run showed: lines of text."""


def litmus_code(reports: Sequence[MountReport]) -> int:
    """1 where a mount did what is forbidden or not expected, 2 where something could not be run or judged."""
    every = [judged for report in reports for judged in report.judged]
    if any(judged.forbidden or judged.unexpected for judged in every):
        return 1
    if not every or any(judged.undecided for judged in every):
        return 2
    return 2 if any(_failed(report) for report in reports) else 0


def _failed(report: MountReport) -> bool:
    """A mount on which nothing had to be run has not failed."""
    return bool(report.missing or report.unended or not (report.judged or report.idle))


def litmus_document(
    reports: Sequence[MountReport], verdict: str, *, interrupted: bool, own: bool
) -> dict[str, Any]:
    """What ``--json`` prints. ``own``: expectations are a user's, and not the catalogue's for all mounts."""
    return {
        "verdict": verdict,
        "interrupted": interrupted,
        "mounts": [
            {
                "mount": report.mount,
                "missing": report.missing,
                "programs": [_program(judged, own) for judged in report.judged],
                "left_out": report.left_out,
            }
            for report in reports
        ],
    }


def _program(judged: Judged, own: bool) -> dict[str, Any]:
    return {
        "program": judged.program,
        "seen": [list(outcome) for outcome in judged.seen],
        "possible": judged.possible,
        "complete": judged.complete,
        "forbidden": list(judged.forbidden),
        "unexpected": list(judged.unexpected),
        "undecided": list(judged.undecided),
        "unseen": [_result(*one) for one in judged.unseen],
        "unseen_more": judged.unseen_more,
        "never_given": [
            _result(one.host, one.commands, one.result)
            for one in judged.expected
            if own and not one.met
        ],
    }


def _result(host: str, commands: str, result: Any) -> dict[str, Any]:
    return {"host": host, "commands": commands, "result": result}


def print_litmus(reports: Sequence[MountReport], *, own: bool) -> None:
    """A table of the mounts, and what there is to say of the programs."""
    from rich.table import Table
    from rich.text import Text

    from patchstorm.report.console import console_on

    console = console_on(sys.stdout)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    rows = [_counts(report) for report in reports]
    shown = [title for title in _TITLES if title not in _RARE or any(row[title] for row in rows)]
    for title in ("mount", *shown):
        grid.add_column(title, no_wrap=True)
    for report, row in zip(reports, rows, strict=True):
        more = "" if all(judged.complete for judged in report.judged) else "+"
        texts = (f"{row[one]}{more if one == _POSSIBLE else ''}" for one in shown)
        grid.add_row(Text(report.mount), *map(Text, texts))
    console.print(grid)
    for line in _lines(reports, own):
        console.print(Text(line), soft_wrap=True)


_POSSIBLE: Final = "of the model's"
_RARE: Final = ("unexpected", "undecided")
_TITLES: Final = ("programs", "outcomes seen", _POSSIBLE, "forbidden", *_RARE, "left out")


def _counts(report: MountReport) -> dict[str, int]:
    judged = report.judged
    return {
        "programs": len(judged),
        "outcomes seen": sum(len(one.seen) for one in judged),
        _POSSIBLE: sum(one.possible for one in judged),
        "forbidden": sum(len(one.forbidden) for one in judged),
        "unexpected": sum(len(one.unexpected) for one in judged),
        "undecided": sum(len(one.undecided) for one in judged),
        "left out": len(report.left_out),
    }


def _lines(reports: Sequence[MountReport], own: bool) -> Iterator[str]:
    for report in reports:
        if report.missing:
            yield from ("", f"{report.mount} was not run to the end: {report.missing}")
        for judged in report.judged:
            yield from _wrong(f"{report.mount} {judged.program}", judged)
    if own:
        yield from _never_given(reports)
    yield from _never_seen(reports)
    reasons: dict[str, set[str]] = {}
    for report in reports:
        for name, reason in report.left_out.items():
            reasons.setdefault(reason, set()).add(name)
    for reason, names in reasons.items():
        yield from ("", f"left out, {reason}:", f"  {', '.join(sorted(names))}")


def _wrong(where: str, judged: Judged) -> Iterator[str]:
    for text in judged.forbidden:
        yield from ("", f"forbidden by the model: {where}: {text}")
    for text in judged.unexpected:
        agree = "" if judged.forbidden or judged.undecided else " (the model gives it, too)"
        yield from ("", f"not what the program expects{agree}: {where}: {text}")
    for text in judged.undecided:
        yield ""
        yield (
            f"undecided: {where}: the model has more ways than are tried, and {text} was not among the "
            f"first {judged.possible} outcomes; make the program shorter, its race above all"
        )


def _never_given(reports: Iterable[MountReport]) -> Iterator[str]:
    """Expectations that are met on no mount for which they stand; where the program failed, that is told."""
    mounts: dict[str, list[str]] = {}
    met = set()
    for report in reports:
        for judged in report.judged:
            for one in () if judged.unexpected else judged.expected:
                what = _what(judged, one.host, one.commands, one.result)
                mounts.setdefault(what, []).append(report.mount)
                if one.met:
                    met.add(what)
    never = [f"  {what}  ({', '.join(on)})" for what, on in mounts.items() if what not in met]
    if never:
        yield from ("", "expected, and given by no mount and not by the model:", *never)


def _never_seen(reports: Iterable[MountReport]) -> Iterator[str]:
    unseen: dict[str, list[str]] = {}
    more = 0
    for report in reports:
        for judged in report.judged:
            more += judged.unseen_more
            for one in judged.unseen:
                unseen.setdefault(_what(judged, *one), []).append(report.mount)
    if not unseen:
        return
    yield from ("", "allowed by the model, and not seen (rare, or impossible):")
    lines = [f"  {what}  ({', '.join(mounts)})" for what, mounts in unseen.items()]
    yield from lines[:UNSEEN_SHOWN]
    more += max(0, len(lines) - UNSEEN_SHOWN)
    if more:
        yield f"  ... and {more} more; `--json` has some of them"


def _what(judged: Judged, host: str, commands: str, result: Any) -> str:
    return f"{judged.program}: {host} {commands} -> {json.dumps(result)}"
