"""``patchstorm litmus``: the storage model against real mounts.

Programs are those of the catalogue, of files of one's own, or drawn at random. Exit code 0 when every mount
did what the model gives and the programs expect, 1 when one did not, 2 when something could not be run or
judged.
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
    from patchstorm.campaign.litmus_file import read_files
    from patchstorm.campaign.litmus_local import check_directory
    from patchstorm.commands.litmus_told import litmus_code, litmus_document, print_litmus
    from patchstorm.worlds.nfs.guests import Guests

    between("--repeat", request.repeat, 1, REPEAT_MAX)
    own = read_files(request.files)
    names = tuple(name for text in request.programs for name in text.split(","))
    choice = Choice(
        names=names,
        quick=request.quick,
        repeat=request.repeat,
        own=None if own is None else own.programs,
    )
    check_names(choice)
    mounts = tuple(mount for text in request.mounts for mount in parse_mounts(text))
    for mount in mounts:
        check_directory(mount)
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
        reports += elsewhere(own.seen if own else ())
    except KeyboardInterrupt:
        interrupted = True
    code = litmus_code(reports)
    if request.json:
        verdict = _verdict(code, interrupted)
        document = litmus_document(reports, verdict, interrupted=interrupted, own=own is not None)
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        print_litmus(reports, own=own is not None)
    if interrupted:
        ended = sum(len(report.judged) for report in reports)
        return _interrupted(f"{ended} programs")
    return code


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


def _verdict(code: int, interrupted: bool) -> str:
    """What had not ended by Ctrl-C agrees with nothing."""
    return VERDICTS[2 if interrupted and code == 0 else code]
