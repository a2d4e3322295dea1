"""``patchstorm selftest``: are the planted bugs found, and is nobody accused who did nothing?"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from patchstorm.commands.ending import INTERRUPTED, UNKNOWN
from patchstorm.commands.places import DEFAULT_OUT, check_out, drop_if_empty
from patchstorm.errors import UsageError
from patchstorm.report.selftest import SelfTest, encode, exit_code
from patchstorm.scenario.bounds import SCHEDULES_MAX, SEED_MAX, between, check_bounds

SEEDS_MAX: Final = 1_000
SEEDS_DEFAULT: Final = 3
BUDGET_DEFAULT: Final = 3_000
SCHEDULES_DEFAULT: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open."""

    only: tuple[str, ...]
    seed: int
    seeds: int | None
    budget: int | None
    schedules: int | None
    jobs: int | None
    cluster: str | None
    out: Path | None
    blind: bool
    stories: bool
    json: bool


def execute(request: Request) -> int:
    """Try every bug and every innocent that was asked for; the exit code."""
    from patchstorm.campaign.cores import cores
    from patchstorm.campaign.selftest import Asked, selftest
    from patchstorm.campaign.suspects import chosen, innocents, suspects, unknown_suspects
    from patchstorm.catalog.table import BUGS, INNOCENTS
    from patchstorm.report.progress import progress

    _check(request)
    all_bugs = unknown_suspects(BUGS) if request.blind else suspects(BUGS)
    bugs, others = chosen(request.only, all_bugs, innocents(BUGS, INNOCENTS))
    _tell_unused(request, bugs=bool(bugs), innocents=bool(others))
    asked = Asked(
        suspects=bugs,
        innocents=others,
        seeds=tuple(range(request.seed, request.seed + (request.seeds or SEEDS_DEFAULT))),
        budget=request.budget or BUDGET_DEFAULT,
        schedules=request.schedules or SCHEDULES_DEFAULT,
        jobs=request.jobs or cores(),
        cluster=request.cluster,
        out_dir=request.out or DEFAULT_OUT,
        keep=request.out is not None,
        stories=request.stories,
    )
    result = selftest(asked, progress(len(bugs) + len(others)))
    drop_if_empty(DEFAULT_OUT)
    _tell(result, request)
    done = len(result.bugs) + len(result.innocents)
    if result.lost is not None:
        sys.stderr.write(f"patchstorm: {result.lost} ({done} of {len(bugs) + len(others)})\n")
        return exit_code(result) or UNKNOWN
    if result.interrupted:
        sys.stderr.write(f"patchstorm: interrupted after {done} of {len(bugs) + len(others)}\n")
        return INTERRUPTED
    return exit_code(result)


def _check(request: Request) -> None:
    if request.seeds is not None:
        between("--seeds", request.seeds, 1, SEEDS_MAX)
    between("--seed", request.seed, 0, SEED_MAX - SEEDS_MAX)
    if request.budget is not None:
        between("--budget", request.budget, 1, SCHEDULES_MAX)
    check_bounds(request.schedules, None, request.jobs)
    if request.stories and request.blind:
        raise UsageError(
            "--stories --blind: a deed is known only of the storm that the catalogue names. "
            "Leave one of the two out."
        )
    check_out(request.out)


def _tell_unused(request: Request, *, bugs: bool, innocents: bool) -> None:
    """Options that were given and change nothing are named: they were given for a purpose."""
    unused = [] if bugs else [("--seeds", request.seeds), ("--budget", request.budget)]
    unused += [] if innocents else [("--schedules", request.schedules)]
    for option, value in unused:
        if value is not None:
            whom = "planted bugs" if option != "--schedules" else "innocents"
            sys.stderr.write(f"{option} is for {whom}, and none was asked for\n")
    if request.blind and not bugs:
        sys.stderr.write("--blind is for planted bugs, and none was asked for\n")


def _tell(result: SelfTest, request: Request) -> None:
    if request.json:
        sys.stdout.write(encode(result).decode())
        return
    from patchstorm.report.console import console_on
    from patchstorm.report.selftest_console import tell

    tell(result, console_on(sys.stdout))
