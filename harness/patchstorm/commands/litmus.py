"""``patchstorm litmus``: the storage model against real mounts.

Programs are those of the catalogue, of files of one's own, or drawn at random. Exit code 0 when no mount
did what the model forbids, 1 when one did, 2 when something could not be run.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from patchstorm.commands.ending import INTERRUPTED
from patchstorm.errors import UsageError
from patchstorm.report.ticker import Ticker
from patchstorm.scenario.bounds import between

if TYPE_CHECKING:
    from patchstorm.campaign.litmus import MountReport
    from patchstorm.campaign.litmus_random import Hunted

REPEAT_MAX = 1_000
VERDICTS = {0: "agrees", 1: "differs", 2: "unknown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open."""

    mounts: tuple[str, ...]
    programs: tuple[str, ...]
    repeat: int
    quick: bool
    json: bool
    files: tuple[Path, ...] = ()
    random: int | None = None
    seed: int = 1


def execute(request: Request) -> int:
    """Run it all; the exit code. UsageError for what was asked wrongly, before anything starts."""
    from patchstorm.campaign.litmus import (
        Choice,
        MountReport,
        check_names,
        elsewhere,
        litmus,
        mounts_here,
        parse_mounts,
    )
    from patchstorm.campaign.litmus_file import read_programs
    from patchstorm.worlds.nfs.guests import Guests

    between("--repeat", request.repeat, 1, REPEAT_MAX)
    own = [read_programs(path) for path in request.files]
    names = tuple(name for text in request.programs for name in text.split(","))
    choice = Choice(
        names=names,
        quick=request.quick,
        repeat=request.repeat,
        own=tuple(program for one in own for program in one.programs) if own else None,
    )
    check_names(choice)
    mounts = tuple(mount for text in request.mounts for mount in parse_mounts(text))
    if not mounts:
        mounts, reason = mounts_here()
        if reason is not None:
            sys.stderr.write(f"patchstorm: only local mounts here: {reason}\n")
    if request.random is not None:
        return _at_random(request, mounts)
    reports = [MountReport(mount=mount) for mount in mounts]
    interrupted = False
    try:
        with Guests() as guests, Ticker() as ticker:
            asyncio.run(litmus(reports, choice, guests, ticker.tell))
        reports += elsewhere(seen for one in own for seen in one.seen)
    except KeyboardInterrupt:
        interrupted = True
    if request.json:
        sys.stdout.write(json.dumps(_document(reports, interrupted=interrupted)) + "\n")
    else:
        _tell(reports)
    if interrupted:
        ended = sum(len(report.judged) for report in reports)
        return _interrupted(f"{ended} programs")
    return _exit_code(reports)


def _interrupted(after: str) -> int:
    sys.stderr.write(f"patchstorm: interrupted after {after}\n")
    return INTERRUPTED


def _at_random(request: Request, mounts: tuple[str, ...]) -> int:
    """Run random programs, tell what the model forbids, the smallest form of each first."""
    from patchstorm.campaign.litmus_random import PROGRAMS_MAX, Hunted, hunt
    from patchstorm.scenario.bounds import SEED_MAX
    from patchstorm.worlds.nfs.guests import Guests

    assert request.random is not None
    between("--random", request.random, 1, PROGRAMS_MAX)
    between("--seed", request.seed, 0, SEED_MAX)
    if request.files or request.programs:
        raise UsageError("--random draws its own programs: leave files and --program out.")
    hunted = [Hunted(mount=mount) for mount in mounts]
    interrupted = False
    try:
        with Guests() as guests, Ticker() as ticker:
            asyncio.run(hunt(hunted, request.seed, request.random, guests, ticker.tell))
    except KeyboardInterrupt:
        interrupted = True
    if request.json:
        sys.stdout.write(json.dumps(_hunted(hunted, interrupted=interrupted)) + "\n")
    else:
        _tell_hunted(hunted, request.seed)
    if interrupted:
        ended = sum(one.programs for one in hunted)
        return _interrupted(f"{ended} of {request.random * len(hunted)} random programs")
    return _code(hunted)


def _code(hunted: list[Hunted]) -> int:
    if any(one.forbidden for one in hunted):
        return 1
    return 2 if any(one.missing for one in hunted) else 0


def _hunted(hunted: list[Hunted], *, interrupted: bool) -> dict[str, Any]:
    return {
        "verdict": _verdict(_code(hunted), interrupted),
        "interrupted": interrupted,
        "mounts": [
            {
                "mount": one.mount,
                "missing": one.missing,
                "programs": one.programs,
                "undecided": one.undecided,
                "forbidden": [
                    {
                        "program": found.program.name,
                        "steps": [f"{step.host} {step.commands}" for step in found.program.steps],
                        "outcome": list(found.outcome),
                        "agrees_for": found.steps,
                    }
                    for found in (*one.smallest, *one.forbidden)
                ],
            }
            for one in hunted
        ],
    }


def _tell_hunted(hunted: list[Hunted], seed: int) -> None:
    for one in hunted:
        sys.stdout.write(
            f"{one.mount}: {one.programs} random programs of seed {seed}, {len(one.forbidden)} forbidden by "
            f"the model, {one.undecided} undecided\n"
        )
        if one.missing:
            sys.stdout.write(f"{one.mount} was not run to the end: {one.missing}\n")
        for found in one.smallest or one.forbidden:
            sys.stdout.write(f"\nforbidden: {found.mount} {found.program.name}\n")
            for at, (step, value) in enumerate(
                zip(found.program.steps, found.outcome, strict=True)
            ):
                mark = (
                    "   <- the model gives all before, and never this" if at == found.steps else ""
                )
                shown = "" if value is None else f"  -> {json.dumps(value)}"
                sys.stdout.write(f"  {step.host} {step.commands}{shown}{mark}\n")


def _exit_code(reports: list[MountReport]) -> int:
    if any(judged.forbidden for report in reports for judged in report.judged):
        return 1
    return 2 if any(report.missing or not report.judged for report in reports) else 0


def _verdict(code: int, interrupted: bool) -> str:
    """What had not ended by Ctrl-C agrees with nothing."""
    return VERDICTS[2 if interrupted and code == 0 else code]


def _document(reports: list[MountReport], *, interrupted: bool) -> dict[str, Any]:
    return {
        "verdict": _verdict(_exit_code(reports), interrupted),
        "interrupted": interrupted,
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
