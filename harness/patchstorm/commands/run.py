"""``patchstorm run``: every storm asked for against one target, and a table of verdicts.

Several storms run at once, each with replicas and a directory of its own. Progress goes to standard
error, the result to standard output.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

from patchstorm.commands.claims import unclaimed
from patchstorm.commands.places import writable_dir, writable_file
from patchstorm.commands.storms import Job, Play, Played, play_all
from patchstorm.commands.worlds import DEFAULT_STORAGE, check_storage, check_world
from patchstorm.errors import UsageError
from patchstorm.report.combine import combined
from patchstorm.report.model import Report, RunReport, exit_code, overall
from patchstorm.report.stored import encode, store
from patchstorm.scenario.model import Scenario
from patchstorm.target.model import Target

INTERRUPTED: Final = 130
DEFAULT_OUT: Final = Path("patchstorm-runs")  # stays only if there is something to look at
SEED_MAX: Final = 2**63 - 1
REPLICAS_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open."""

    scenarios: tuple[str, ...]
    target: str
    world: str
    storage: str | None
    replicas: int | None
    seed: int
    schedules: int
    jobs: int | None
    out: Path | None
    junit: Path | None
    unclaimed: bool
    json: bool


def execute(request: Request) -> int:
    """Run it all; the exit code. UsageError for what was asked wrongly, before anything starts."""
    from patchstorm.report.progress import progress
    from patchstorm.target.registry import resolve

    _check(request)
    target = resolve(request.target)
    scenarios = _scenarios(request.scenarios)
    jobs = [Job(scenario, index) for scenario in scenarios for index in range(request.schedules)]
    began = time.monotonic()
    played = play_all(
        jobs,
        _player(request, target),
        at_once=request.jobs or default_jobs(),
        shown=progress(len(jobs)),
    )
    report = _report(played)
    if request.out is None:
        _drop_if_empty(DEFAULT_OUT)
    _leave_files(report, request)
    _tell(report, request, seconds=time.monotonic() - began)
    if played.interrupted:
        sys.stderr.write(f"patchstorm: interrupted after {len(played.reports)} of {len(jobs)}\n")
        return INTERRUPTED
    return exit_code(report.verdict)


def default_jobs() -> int:
    """How many storms at once: one and a half a core, since replicas mostly wait for one another."""
    cores = len(os.sched_getaffinity(0))
    return max(2, min(8, cores * 3 // 2))


def _check(request: Request) -> None:
    check_world(request.world)
    _between("--seed", request.seed, 0, SEED_MAX)
    _between("--schedules", request.schedules, 1, 1_000_000)
    if request.replicas is not None:
        _between("--replicas", request.replicas, 1, REPLICAS_MAX)
    if request.jobs is not None:
        _between("--jobs", request.jobs, 1, 256)
    if request.storage is not None:
        check_storage(request.storage)
    if request.out is not None:
        writable_dir(request.out, "--out")
    if request.junit is not None:
        writable_file(request.junit, "--junit")


def _between(option: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UsageError(f"{option} {value}: give a number from {low} to {high}.")


def _scenarios(names: Sequence[str]) -> tuple[Scenario, ...]:
    from patchstorm.scenario import library

    if not names:
        return library.load_all()
    return tuple(library.load(name) for name in dict.fromkeys(names))


def _player(request: Request, target: Target) -> Play:
    """How one job is played: claimed or not, then the whole storm."""
    from patchstorm.campaign.single import storm

    async def play(job: Job) -> RunReport:
        storage = request.storage or job.scenario.fleet.storage or DEFAULT_STORAGE
        reason = None if request.unclaimed else unclaimed(target, storage, request.world)
        if reason is not None:
            return _skipped(job, target, request, reason)
        result = await storm(
            job.scenario,
            target,
            seed=request.seed,
            index=job.index,
            replicas=request.replicas,
            storage=request.storage,
            out_dir=request.out or DEFAULT_OUT,
            keep_safe=request.out is not None,
        )
        return result.report

    return play


def _skipped(job: Job, target: Target, request: Request, reason: str) -> RunReport:
    return RunReport(
        scenario=job.scenario.name,
        target=target.name,
        world=request.world,
        seed=request.seed,
        verdict=None,
        skipped=reason,
    )


def _report(played: Played) -> Report:
    runs = tuple(
        combined([run for _, run in group])
        for _, group in groupby(played.reports, key=lambda entry: entry[0].scenario)
    )
    return Report(verdict=overall(runs), runs=runs)


def _leave_files(report: Report, request: Request) -> None:
    from patchstorm.report.junit import write_junit

    if request.out is not None:
        store(report, request.out)
    if request.junit is not None:
        write_junit(report, request.junit)


def _drop_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not there, or not empty: both are right
        folder.rmdir()


def _tell(report: Report, request: Request, *, seconds: float) -> None:
    if request.json:
        sys.stdout.write(encode(report).decode())
        return
    from patchstorm.report.console import console_on, tell

    tell(report, console_on(sys.stdout), took=f"{seconds:.1f} s")
