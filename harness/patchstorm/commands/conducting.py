"""``patchstorm explore --world fuse``: a search through the orders of real servers' calls."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from patchstorm.commands.ending import INTERRUPTED
from patchstorm.commands.leaving import leave
from patchstorm.commands.places import DEFAULT_OUT, drop_if_empty
from patchstorm.errors import UsageError
from patchstorm.report.model import Report, exit_code, overall
from patchstorm.report.stored import encode

if TYPE_CHECKING:
    from patchstorm.commands.explore import Request


JOBS: Final = 2
"""Runs at a time: while one waits for its servers to come to rest, another can go on."""


def conduct(request: Request) -> int:
    """Search the orders of real servers, one storm after the other."""
    from patchstorm.campaign.conducted import Asked, Searched, search
    from patchstorm.campaign.cores import cores
    from patchstorm.report.console import console_on, tell
    from patchstorm.scenario import library
    from patchstorm.target.registry import resolve

    if request.collect:
        raise UsageError("--collect: searches in the world fuse end with the first violation.")
    if not request.scenarios:
        raise UsageError("--world fuse: name the storms that are to be searched.")
    target = resolve(request.target)
    found: list[Searched] = []
    for name in dict.fromkeys(request.scenarios):
        asked = Asked(
            scenario=library.load(name), target=target, seed=request.seed, runs=request.schedules,
            seconds=request.seconds, strategy=request.strategy, storage=request.storage,
            replicas=request.replicas, claimed_only=not request.unclaimed,
            allow_unreached=request.allow_unreached, jobs=request.jobs or min(JOBS, cores()),
            out_dir=request.out or DEFAULT_OUT,
        )  # fmt: skip
        found.append(search(asked))
        if found[-1].interrupted:
            break
    drop_if_empty(DEFAULT_OUT)
    runs = tuple(one.report for one in found)
    report = Report(verdict=overall(runs), runs=runs)
    leave(report, out=request.out, junit=request.junit)
    if request.json:
        sys.stdout.write(encode(report).decode())
    else:
        took = sum(run.seconds for run in runs)
        tell(report, console_on(sys.stdout), took=f"{took:.1f} s", remarks=[])
    if found and found[-1].interrupted:
        sys.stderr.write(f"patchstorm: interrupted in search {len(found)}\n")
        return INTERRUPTED
    return exit_code(report.verdict)
