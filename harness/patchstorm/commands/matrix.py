"""``patchstorm matrix``: servers by storms, each storm as often as asked, and what came of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from patchstorm.check.verdict import folded
from patchstorm.commands.choosing import chosen
from patchstorm.commands.conducted_rows import Conducted
from patchstorm.commands.ending import INTERRUPTED
from patchstorm.commands.leaving import leave, left
from patchstorm.commands.made import machine
from patchstorm.commands.places import DEFAULT_OUT, drop_if_empty, writable_dir, writable_file
from patchstorm.commands.run import default_jobs
from patchstorm.commands.sampling import Sampling
from patchstorm.commands.storms import Job, Played, play_all, play_away
from patchstorm.errors import UsageError
from patchstorm.legible import legible, legible_line
from patchstorm.report.combine import combined
from patchstorm.report.loudness import NORMAL, Loudness
from patchstorm.report.matrix import (
    Cell,
    Matrix,
    Row,
    cell,
    configurations,
    overview,
    page,
    stories,
)
from patchstorm.report.model import Report, RunReport, exit_code, report_of
from patchstorm.report.shared import shared
from patchstorm.scenario.bounds import SCHEDULES_MAX, SEED_MAX, between, check_bounds
from patchstorm.scenario.model import Scenario
from patchstorm.target.model import Target

WORLD: Final = "processes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; empty is what was left open."""

    targets: tuple[str, ...]
    storms: tuple[str, ...]
    seed: int
    repeat: int
    confirm: int
    schedules: int
    conducted: int
    replicas: int | None
    jobs: int | None
    cluster: str | None
    allow_unreached: bool
    out: Path | None
    junit: Path | None
    html: Path | None
    json: bool
    loudness: Loudness = NORMAL


@dataclass(frozen=True, slots=True)
class _Job(Job):
    """One of the runs of one cell; the name of the server comes with it."""

    server: str = ""
    number: int = 1

    @property
    def name(self) -> str:
        return f"{self.server}: {self.scenario.name} ({self.number})"


def execute(request: Request) -> int:
    """Run it all; the exit code. UsageError for what was asked wrongly, before anything starts."""
    from patchstorm.target.installing import not_installed
    from patchstorm.worlds.registry import world_of

    _check(request)
    targets = _targets(request.targets)
    scenarios = chosen(request.storms)
    if request.out is not None:
        writable_dir(request.out, "--out")
    started = world_of("processes")
    missing = {
        name: started.cannot_run(target) or not_installed(target)
        for name, target in targets.items()
    }
    there = {name: target for name, target in targets.items() if missing[name] is None}
    began = time.monotonic()
    played = _all_played(request, there, scenarios)
    simulated = _sampling(request, scenarios).sampled({} if played.interrupted else targets)
    stopped = played.interrupted or simulated.interrupted
    conducted = _conducted(request, scenarios).searched({} if stopped else there)
    if request.out is None:
        drop_if_empty(DEFAULT_OUT)
    rows: list[Row] = []
    for name, target in targets.items():
        rows.append(_row(name, target, missing[name], scenarios, played, request))
        rows += [more.rows[name] for more in (conducted, simulated) if name in more.rows]
    interrupted = stopped or conducted.interrupted
    matrix = _matrix(tuple(rows), request, time.monotonic() - began, interrupted=interrupted)
    runs = _runs(targets, missing, played, request, scenarios)
    runs += (*conducted.reports, *simulated.reports)
    unwritten = _leave(matrix, report_of(runs, interrupted=interrupted), request)
    _tell(matrix, request)
    if unwritten is not None:
        raise unwritten
    if interrupted:
        ended = len(played.reports) + len(simulated.reports) + len(conducted.reports)
        sys.stderr.write(f"patchstorm: interrupted after {ended} storms\n")
        return INTERRUPTED
    return exit_code(matrix.verdict)


def _check(request: Request) -> None:
    between("--seed", request.seed, 0, SEED_MAX)
    between("--repeat", request.repeat, 1, SCHEDULES_MAX)
    between("--confirm", request.confirm, 0, SCHEDULES_MAX)
    between("--schedules", request.schedules, 0, SCHEDULES_MAX)
    between("--conducted", request.conducted, 0, SCHEDULES_MAX)
    check_bounds(None, request.replicas, request.jobs)
    for option, file in (("--junit", request.junit), ("--html", request.html)):
        if file is not None:
            writable_file(file, option)
    if 0 < request.confirm <= request.repeat:
        said = f"--confirm {request.confirm} adds nothing to --repeat {request.repeat}: it counts all runs"
        sys.stderr.write(f"{said}\n")


def _all_played(
    request: Request, targets: dict[str, Target], scenarios: Sequence[Scenario]
) -> Played:
    """Every storm as often as asked, and what was violated until it was run ``confirm`` times."""
    first = _played(
        request,
        targets,
        [
            _Job(scenario, 0, WORLD, name, number)
            for name in targets
            for scenario in scenarios
            for number in range(1, request.repeat + 1)
        ],
    )
    suspects = dict.fromkeys(
        (job.server, job.scenario.name)
        for job, run in first.reports
        if isinstance(job, _Job) and run.verdict == "violated"
    )
    if first.interrupted or not suspects or request.confirm <= request.repeat:
        return first
    more = _played(
        request,
        targets,
        [
            _Job(scenario, 0, WORLD, name, number)
            for name, storm in suspects
            for scenario in scenarios
            if scenario.name == storm
            for number in range(request.repeat + 1, request.confirm + 1)
        ],
    )
    return Played(reports=(*first.reports, *more.reports), interrupted=more.interrupted)


def _played(request: Request, targets: dict[str, Target], jobs: list[_Job]) -> Played:
    from patchstorm.report.progress import progress

    def run_of(job: Job) -> _Run:
        assert isinstance(job, _Job)
        return _Run(
            scenario=job.scenario, target=targets[job.server], seed=request.seed,
            replicas=request.replicas, allow_unreached=request.allow_unreached,
            out_dir=_kept(request),
        )  # fmt: skip

    if request.cluster is not None:
        return play_away(jobs, run_of, request.cluster, progress(len(jobs), request.loudness))
    return play_all(
        jobs,
        lambda job: run_of(job).play(),
        at_once=request.jobs or default_jobs(),
        shown=progress(len(jobs), request.loudness),
    )


def _targets(names: Sequence[str]) -> dict[str, Target]:
    """The servers asked for; else the reference and every bundled server that others wrote."""
    from patchstorm.target.registry import bundled_names, resolve

    chosen = names or bundled_names()
    return {name: resolve(name) for name in dict.fromkeys(chosen)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run of one cell, for whoever is to do it."""

    scenario: Scenario
    target: Target
    seed: int
    replicas: int | None
    allow_unreached: bool
    out_dir: Path

    def run(self) -> RunReport:
        """In a process that has nothing else to do."""
        return asyncio.run(self.play())

    async def play(self) -> RunReport:
        from patchstorm.campaign.single import storm
        from patchstorm.target.claims import unclaimed
        from patchstorm.worlds.registry import DEFAULT_STORAGE, not_offered, world_of

        storage = self.scenario.fleet.storage or DEFAULT_STORAGE
        kinds = {one.kind for one in self.scenario.faults}
        reason = not_offered(world_of(WORLD), storage) or unclaimed(self.target, storage, kinds)
        if reason is not None:
            return _skipped(self.scenario, self.target, self.seed, reason)
        result = await storm(
            self.scenario,
            self.target,
            seed=self.seed,
            replicas=self.replicas,
            out_dir=self.out_dir,
            keep_safe=False,
            allow_unreached=self.allow_unreached,
        )
        return result.report


def _sampling(request: Request, scenarios: Sequence[Scenario]) -> Sampling:
    return Sampling(
        scenarios=scenarios, schedules=request.schedules, seed=request.seed,
        replicas=request.replicas, jobs=request.jobs or default_jobs(),
        cluster=request.cluster, allow_unreached=request.allow_unreached, out_dir=_kept(request),
        loudness=request.loudness,
    )  # fmt: skip


def _conducted(request: Request, scenarios: Sequence[Scenario]) -> Conducted:
    return Conducted(
        scenarios=scenarios, runs=request.conducted, seed=request.seed,
        replicas=request.replicas, allow_unreached=request.allow_unreached, out_dir=_kept(request),
        loudness=request.loudness,
    )  # fmt: skip


def _kept(request: Request) -> Path:
    return DEFAULT_OUT if request.out is None else request.out / "runs"


def _row(
    name: str,
    target: Target,
    missing: str | None,
    scenarios: Sequence[Scenario],
    played: Played,
    request: Request,
) -> Row:
    cells: list[Cell] = []
    judged: list[list[RunReport]] = []
    for scenario in scenarios:
        runs = [
            run
            for job, run in played.reports
            if isinstance(job, _Job) and (job.server, job.scenario.name) == (name, scenario.name)
        ]
        if runs:
            command = _command(scenario.name, name, request)
            allowed = request.allow_unreached
            judged.append(runs)
            cells.append(cell(scenario.name, runs, command, target.known, allow_unreached=allowed))
    return Row(
        target=name,
        title=target.title,
        version=target.version,
        configuration=target.configuration,
        replicas=request.replicas,
        skipped=missing,
        cells=tuple(cells),
        **shared(judged)._asdict(),
    )


def _runs(
    targets: dict[str, Target],
    missing: dict[str, str | None],
    played: Played,
    request: Request,
    scenarios: Sequence[Scenario],
) -> tuple[RunReport, ...]:
    """The same as storms, for JUnit: the runs of one cell are one case."""
    cells: dict[tuple[str, str], list[RunReport]] = {}
    for job, run in played.reports:
        assert isinstance(job, _Job)
        cells.setdefault((job.server, job.scenario.name), []).append(run)
    runs = [combined(some, allow_unreached=request.allow_unreached) for some in cells.values()]
    runs += [
        _skipped(scenario, targets[name], request.seed, reason)
        for name, reason in missing.items()
        if reason is not None
        for scenario in scenarios
    ]
    return tuple(runs)


def _skipped(scenario: Scenario, target: Target, seed: int, reason: str) -> RunReport:
    return RunReport(
        scenario=scenario.name,
        target=target.name,
        world=WORLD,
        seed=seed,
        verdict=None,
        skipped=reason,
    )


def _command(storm: str, target: str, request: Request) -> str:
    more = "" if request.replicas is None else f" --replicas {request.replicas}"
    return f"patchstorm run {storm} --target {target} --world {WORLD} --seed {request.seed}{more}"


def _matrix(
    rows: tuple[Row, ...], request: Request, seconds: float, *, interrupted: bool
) -> Matrix:
    verdicts = (one.verdict for row in rows for one in row.cells)
    return Matrix(
        verdict=folded(verdicts, interrupted=interrupted),
        patchstorm=version("patchstorm"),
        date=datetime.now(UTC).date().isoformat(),
        machine=machine(),
        seed=request.seed,
        repeat=request.repeat,
        confirm=max(request.repeat, request.confirm),
        seconds=round(seconds, 1),
        rows=rows,
        interrupted=interrupted or msgspec.UNSET,
    )


def _leave(matrix: Matrix, report: Report, request: Request) -> UsageError | None:
    """Write what was asked for; what could not be is to be raised when the matrix has been told."""
    out, html = request.out, request.html
    unwritten = leave(report, out=None, junit=request.junit)
    if out is not None:
        unwritten = left("--out", out, lambda: _leave_files(matrix, out)) or unwritten
    if html is not None:
        unwritten = left("--html", html, lambda: _draw(matrix, html)) or unwritten
    return unwritten


def _leave_files(matrix: Matrix, out: Path) -> None:
    """``matrix.json``, ``servers.md`` and a page of stories for each server."""
    (out / "matrix.json").write_bytes(msgspec.json.format(msgspec.json.encode(matrix)) + b"\n")
    said = f"{matrix.date}, patchstorm {matrix.patchstorm}, {matrix.machine}, seed {matrix.seed}, "
    said += f"each storm run {matrix.repeat} times and each violated one {matrix.confirm} times"
    lines = [said, "", *configurations(matrix), "", *overview(matrix)]
    (out / "servers.md").write_text(legible("\n".join(lines) + "\n"), encoding="utf-8")
    pages = out / "servers"
    pages.mkdir(exist_ok=True)
    for row in matrix.rows:
        if row.skipped is None:
            text = "\n".join(stories(row)).rstrip() + "\n"
            (pages / page(row.name)).write_text(legible(text), encoding="utf-8")


def _draw(matrix: Matrix, file: Path) -> None:
    """The page of it all, and beside each failure one of its own."""
    from patchstorm.commands.drawing import draw_all
    from patchstorm.report.matrix_page import matrix_page

    failures = [one.failure for row in matrix.rows for one in row.cells if one.failure is not None]
    drawn = draw_all(((path, Path(path)) for path in failures if Path(path).is_file()), file)
    file.write_text(matrix_page(matrix, drawn), encoding="utf-8")
    sys.stderr.write(f"wrote {legible_line(str(file))}\n")


def _tell(matrix: Matrix, request: Request) -> None:
    if request.json:
        sys.stdout.write(msgspec.json.encode(matrix).decode() + "\n")
        return
    from patchstorm.report.console import console_on
    from patchstorm.report.grid import tell_matrix

    tell_matrix(matrix, console_on(sys.stdout), request.loudness)
