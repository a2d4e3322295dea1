"""``patchstorm run``: every storm asked for against one target, and a table of verdicts.

Several storms run at once: the simulated ones in worker processes, the live ones each with replicas
and a directory of its own. Progress goes to standard error, the result to standard output.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from patchstorm.campaign.budget import schedules_default
from patchstorm.campaign.cores import cores
from patchstorm.campaign.corpus import Corpus, Where
from patchstorm.campaign.skipping import storage_of, unfit
from patchstorm.commands.before import Before
from patchstorm.commands.choosing import Enough, chosen, shard
from patchstorm.commands.confirming import confirmed
from patchstorm.commands.corpus import corpus_at, keep_found
from patchstorm.commands.ending import INTERRUPTED
from patchstorm.commands.leaving import leave
from patchstorm.commands.made import made_here
from patchstorm.commands.places import (
    DEFAULT_OUT,
    check_out,
    drop_if_empty,
    writable_file,
)
from patchstorm.commands.shares import nothing_to_run
from patchstorm.commands.simulate import Pool, Simulation
from patchstorm.commands.storms import Job, Play, Played, play_all
from patchstorm.errors import UsageError
from patchstorm.report.combine import combined
from patchstorm.report.loudness import NORMAL, Loudness
from patchstorm.report.model import Report, RunReport, exit_code, report_of
from patchstorm.report.stored import encode
from patchstorm.scenario.bounds import SCHEDULES_MAX, SEED_MAX, between, check_bounds
from patchstorm.scenario.model import Scenario
from patchstorm.target.model import Target
from patchstorm.worlds.registry import (
    check_storage,
    default_worlds,
    world_of,
)

NOT_SIMULATED: Final = "the simulator runs the code of Python stores, and this target is a program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open.

    ``exclude_named``: whether ``exclude`` leaves out storms that ``scenarios`` names in full, too.
    """

    scenarios: tuple[str, ...]
    exclude: tuple[str, ...] = ()
    exclude_named: bool = True
    shard: str | None = None
    seconds: float | None = None
    first: bool = False
    target: str
    world: str | None
    storage: str | None
    replicas: int | None
    seed: int
    schedules: int | None
    jobs: int | None
    out: Path | None
    junit: Path | None
    badge: Path | None = None
    unclaimed: bool
    confirm: int
    allow_unreached: bool
    corpus: Path | None
    no_corpus: bool
    json: bool
    loudness: Loudness = NORMAL

    @property
    def worlds(self) -> tuple[str, ...]:
        return default_worlds() if self.world is None else (self.world,)


def execute(request: Request) -> int:
    """Run it all; the exit code. UsageError for what was asked wrongly, before anything starts."""
    from patchstorm.report.progress import progress
    from patchstorm.target.registry import resolve

    _check(request)
    target = resolve(request.target)
    scenarios = chosen(request.scenarios, request.exclude, by_name_too=request.exclude_named)
    enough = Enough(request.seconds, request.first)
    corpus = corpus_at(request.corpus, none=request.no_corpus)
    cannot = {name: world_of(name).cannot_run(target) for name in request.worlds}
    if request.world is not None and cannot[request.world] is not None:
        raise UsageError(cannot[request.world])
    every = _jobs(request, scenarios)
    whole, every = every, every if request.shard is None else shard(every, request.shard)
    unfit = tuple(
        (job, _skipped(job, target, request, _reason(job.world, why)))
        for job in every
        if (why := cannot[job.world]) is not None
    )
    before = Before(_kept(corpus, request))
    jobs = [job for job in every if cannot[job.world] is None]
    jobs.sort(key=lambda job: not before.entries(job))  # what failed before is known soonest
    began = time.monotonic()
    with ExitStack() as stack:
        pool = stack.enter_context(Pool())
        shared = {
            name: stack.enter_context(world_of(name).shared(request.jobs or 1))
            for name in request.worlds
        }
        play = _player(request, target, pool, shared, enough, before)
        at_once = request.jobs or default_jobs()
        played = play_all(jobs, play, at_once=at_once, shown=progress(len(jobs), request.loudness))
        if request.confirm and not played.interrupted:
            played = confirmed(
                played, play, request.confirm, at_once=at_once, loudness=request.loudness
            )
    keep_found(corpus, (one for _, one in played.reports))
    place = {(job.world, job.scenario.name, job.index): at for at, job in enumerate(every)}
    reports = sorted(
        (*unfit, *played.reports),
        key=lambda one: place[one[0].world, one[0].scenario.name, one[0].index],
    )
    played = replace(played, reports=tuple(reports))
    report = _report(played, time.monotonic() - began, allow_unreached=request.allow_unreached)
    nothing = _nothing(request, whole, played, target)
    if nothing is not None:
        report = msgspec.structs.replace(report, nothing=nothing)
    if request.out is None:
        drop_if_empty(DEFAULT_OUT)
    unwritten = leave(report, out=request.out, junit=request.junit, badge=request.badge)
    _tell_github(report)
    _tell(report, request, seconds=time.monotonic() - began)
    if unwritten is not None:
        raise unwritten
    if played.interrupted:
        sys.stderr.write(f"patchstorm: interrupted after {len(played.reports)} of {len(jobs)}\n")
        return INTERRUPTED
    return 0 if nothing is not None else exit_code(report.verdict)


def _nothing(request: Request, whole: Sequence[Job], played: Played, target: Target) -> str | None:
    """Why there was nothing to run in this share, where that is nobody's mistake."""
    if played.interrupted or request.shard is None:
        return None
    return nothing_to_run(
        request.shard, whole, played, target,
        seed=request.seed, storage=request.storage, replicas=request.replicas,
    )  # fmt: skip


def _kept(corpus: Corpus | None, request: Request) -> dict[Where, tuple[Path, ...]]:
    if corpus is None:
        return {}
    return corpus.before(request.target, storage=request.storage, replicas=request.replicas)


def _reason(world: str, why: str) -> str:
    """Why no storm can be run there; nobody who named no world is to be told how it could be simulated."""
    return NOT_SIMULATED if world_of(world).searches else why


def _jobs(request: Request, scenarios: Sequence[Scenario]) -> list[Job]:
    """Simulations first: they keep all cores busy, and what they find is found soonest."""
    jobs = []
    for world in request.worlds:
        plans = 1 if world_of(world).searches else request.schedules or 1
        jobs += [Job(scenario, index, world) for scenario in scenarios for index in range(plans)]
    return jobs


def default_jobs() -> int:
    """How many storms at once: one and a half a core, since replicas mostly wait for one another."""
    return max(2, min(8, cores() * 3 // 2))


def _check(request: Request) -> None:
    if request.world is not None:
        world_of(request.world)
    between("--seed", request.seed, 0, SEED_MAX)
    between("--confirm", request.confirm, 0, SCHEDULES_MAX)
    check_bounds(request.schedules, request.replicas, request.jobs)
    if request.storage is not None:
        check_storage(request.storage, request.worlds)
    check_out(request.out)
    for option, file in (("--junit", request.junit), ("--badge", request.badge)):
        if file is not None:
            writable_file(file, option)


def _player(
    request: Request,
    target: Target,
    pool: Pool,
    shared: Mapping[str, Any],
    enough: Enough,
    before: Before,
) -> Play:
    """How one job is played: claimed or not, what failed before, then the whole storm."""

    async def play(job: Job) -> RunReport:
        over = enough.reason()
        report = _skipped(job, target, request, over) if over else await played(job)
        enough.saw(report)
        return report

    async def played(job: Job) -> RunReport:
        world = world_of(job.world)
        reason = unfit(
            job.scenario, world, target, claimed_only=not request.unclaimed,
            storage=storage_of(job.scenario, world, request.storage),
        )  # fmt: skip
        if reason is not None:
            return _skipped(job, target, request, reason)
        if world.searches:
            return await pool.play(_simulation(request, job, before.entries(job)))
        again = await before.live(
            job, target, claimed_only=not request.unclaimed, out_dir=request.out or DEFAULT_OUT,
            shared=shared[job.world],
        )  # fmt: skip
        return again or await _live(request, target, job, shared[job.world])

    return play


def _simulation(request: Request, job: Job, before: tuple[Path, ...]) -> Simulation:
    return Simulation(
        scenario=job.scenario,
        target=request.target,
        seed=request.seed,
        schedules=request.schedules or schedules_default(job.scenario),
        storage=request.storage,
        replicas=request.replicas,
        unclaimed=request.unclaimed,
        allow_unreached=request.allow_unreached,
        out_dir=request.out or DEFAULT_OUT,
        before=before,
    )


async def _live(request: Request, target: Target, job: Job, shared: Any) -> RunReport:
    from patchstorm.campaign.single import storm

    result = await storm(
        job.scenario,
        target,
        seed=request.seed,
        index=job.index,
        replicas=request.replicas,
        storage=request.storage,
        out_dir=request.out or DEFAULT_OUT,
        keep_safe=request.out is not None,
        world=job.world,
        shared=shared,
        allow_unreached=request.allow_unreached,
    )
    return result.report


def _skipped(job: Job, target: Target, request: Request, reason: str) -> RunReport:
    return RunReport(
        scenario=job.scenario.name,
        target=target.name,
        world=job.world,
        seed=request.seed,
        verdict=None,
        skipped=reason,
    )


def _report(played: Played, seconds: float, *, allow_unreached: bool) -> Report:
    runs = tuple(
        combined([run for _, run in group], allow_unreached=allow_unreached)
        for _, group in groupby(
            played.reports, key=lambda entry: (entry[0].world, entry[0].scenario.name)
        )
    )
    return report_of(runs, made=made_here(seconds), interrupted=played.interrupted)


def _tell_github(report: Report) -> None:
    """On GitHub Actions, a summary of the job and annotations; standard output stays as it is."""
    from patchstorm.report.github import log_lines, summary

    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if path:
        try:
            with open(path, "a", encoding="utf-8", errors="replace") as file:
                file.write(summary(report))
        except OSError as error:
            sys.stderr.write(f"patchstorm: no summary of the job ({path}: {error.strerror})\n")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.writelines(f"{line}\n" for line in log_lines(report))


def _tell(report: Report, request: Request, *, seconds: float) -> None:
    if request.json:
        sys.stdout.write(encode(report).decode())
        return
    from patchstorm.report.console import console_on, tell

    tell(report, console_on(sys.stdout), took=f"{seconds:.1f} s", loudness=request.loudness)
