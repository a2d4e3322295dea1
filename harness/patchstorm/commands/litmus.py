"""``patchstorm litmus``: the storage model against real mounts.

Exit code 0 when no mount did what the model forbids, 1 when one did, 2 when something could not be run.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from patchstorm.scenario.bounds import between

if TYPE_CHECKING:
    from patchstorm.campaign.litmus import MountReport

REPEAT_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open."""

    mounts: tuple[str, ...]
    programs: tuple[str, ...]
    repeat: int
    quick: bool
    json: bool


def execute(request: Request) -> int:
    """Run it all; the exit code. UsageError for what was asked wrongly, before anything starts."""
    from patchstorm.campaign.litmus import Choice, check_names, litmus, mounts_here, parse_mounts
    from patchstorm.worlds.nfs.guests import Guests

    between("--repeat", request.repeat, 1, REPEAT_MAX)
    names = tuple(name for text in request.programs for name in text.split(","))
    choice = Choice(names=names, quick=request.quick, repeat=request.repeat)
    check_names(choice)
    mounts = tuple(mount for text in request.mounts for mount in parse_mounts(text))
    if not mounts:
        mounts, reason = mounts_here()
        if reason is not None:
            sys.stderr.write(f"patchstorm: only local mounts here: {reason}\n")
    with Guests() as guests:
        reports = asyncio.run(litmus(mounts, choice, guests, _progress))
    if request.json:
        sys.stdout.write(json.dumps(_document(reports)) + "\n")
    else:
        _tell(reports)
    return _exit_code(reports)


def _progress(done: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{done}")
        sys.stderr.flush()


def _exit_code(reports: list[MountReport]) -> int:
    if any(judged.forbidden for report in reports for judged in report.judged):
        return 1
    return 2 if any(report.missing or not report.judged for report in reports) else 0


def _document(reports: list[MountReport]) -> dict[str, Any]:
    verdicts = {0: "agrees", 1: "differs", 2: "unknown"}
    return {
        "verdict": verdicts[_exit_code(reports)],
        "mounts": [
            {
                "mount": report.mount,
                "missing": report.missing,
                "programs": [
                    {
                        "program": judged.program,
                        "seen": [list(outcome) for outcome in judged.seen],
                        "possible": judged.possible,
                        "forbidden": list(judged.forbidden),
                        "unseen": [
                            {"host": host, "commands": commands, "result": result}
                            for host, commands, result in judged.unseen
                        ],
                    }
                    for judged in report.judged
                ],
                "left_out": report.left_out,
            }
            for report in reports
        ],
    }


def _tell(reports: list[MountReport]) -> None:
    from rich.table import Table
    from rich.text import Text

    from patchstorm.report.console import console_on

    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    console = console_on(sys.stdout)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("mount", "programs", "outcomes seen", "of the model's", "forbidden", "left out"):
        grid.add_column(title, no_wrap=True)
    for report in reports:
        counts = (
            len(report.judged),
            sum(len(judged.seen) for judged in report.judged),
            sum(judged.possible for judged in report.judged),
            sum(len(judged.forbidden) for judged in report.judged),
            len(report.left_out),
        )
        grid.add_row(Text(report.mount), *(Text(str(count)) for count in counts))
    console.print(grid)
    for line in _lines(reports):
        console.print(Text(line), soft_wrap=True)


def _lines(reports: list[MountReport]) -> list[str]:
    lines = []
    for report in reports:
        if report.missing:
            lines += ["", f"{report.mount} was not run to the end: {report.missing}"]
        for judged in report.judged:
            for text in judged.forbidden:
                lines += ["", f"forbidden: {report.mount} {judged.program}: {text}"]
    unseen: dict[str, list[str]] = {}
    for report in reports:
        for judged in report.judged:
            for host, commands, result in judged.unseen:
                what = f"{judged.program}: {host} {commands} -> {json.dumps(result)}"
                unseen.setdefault(what, []).append(report.mount)
    if unseen:
        lines += ["", "allowed by the model, and not seen (rare, or impossible):"]
        lines += [f"  {what}  ({', '.join(mounts)})" for what, mounts in unseen.items()]
    reasons: dict[str, set[str]] = {}
    for report in reports:
        for name, reason in report.left_out.items():
            reasons.setdefault(reason, set()).add(name)
    for reason, names in reasons.items():
        lines += ["", f"left out, {reason}:", f"  {', '.join(sorted(names))}"]
    return lines
