"""``patchstorm patrol``: is nobody accused who did nothing, in any storm, on any storage?"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from patchstorm.commands.ending import INTERRUPTED, UNKNOWN
from patchstorm.commands.places import DEFAULT_OUT, drop_if_empty, writable_dir
from patchstorm.errors import UsageError
from patchstorm.report.patrol import Patrols, encode, exit_code
from patchstorm.scenario.bounds import SEED_MAX, between, check_bounds

SHARES_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open."""

    only: tuple[str, ...]
    schedules: int
    share: str
    seed: int
    jobs: int | None
    cluster: str | None
    out: Path | None
    json: bool


def execute(request: Request) -> int:
    """Patrol beside every innocent that was asked for; the exit code."""
    from patchstorm.campaign.cores import cores
    from patchstorm.campaign.patrol import Asked, patrol
    from patchstorm.report.progress import progress

    between("--seed", request.seed, 0, SEED_MAX)
    check_bounds(request.schedules, None, request.jobs)
    share = _share(request.share)
    if request.out is not None:
        writable_dir(request.out, "--out")
    asked = Asked(
        targets=_targets(request.only),
        schedules=request.schedules,
        seed=request.seed,
        jobs=request.jobs or cores(),
        cluster=request.cluster,
        out_dir=request.out or DEFAULT_OUT,
        share=share,
    )
    result = patrol(asked, progress)
    drop_if_empty(DEFAULT_OUT)
    _tell(result, request)
    if result.lost is not None:
        sys.stderr.write(f"patchstorm: {result.lost} ({result.cells} cells)\n")
        return exit_code(result) or UNKNOWN
    if result.interrupted:
        sys.stderr.write(f"patchstorm: interrupted after {result.cells} cells\n")
        return INTERRUPTED
    return exit_code(result)


def _targets(names: tuple[str, ...]) -> tuple[str, ...]:
    from patchstorm.catalog.table import INNOCENTS
    from patchstorm.scenario.units import nearest
    from patchstorm.target.model import REFERENCE

    known = [REFERENCE, *(f"innocent:{name}" for name in INNOCENTS)]
    for name in names:
        if name not in known:
            raise UsageError(f"--only {name}: there is no such innocent: {nearest(name, known)}.")
    return tuple(one for one in known if not names or one in names)


def _share(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    if found is not None:
        share, of = int(found[1]), int(found[2])
        if 1 <= share <= of <= SHARES_MAX:
            return share, of
    raise UsageError(
        f"--share {text}: give K/N, the K-th of N parts, with 1 <= K <= N <= {SHARES_MAX}."
    )


def _tell(result: Patrols, request: Request) -> None:
    if request.json:
        sys.stdout.write(encode(result).decode())
        return
    from patchstorm.report.console import console_on
    from patchstorm.report.patrol_console import tell

    tell(result, console_on(sys.stdout))
