"""``patchstorm explore``: a search through the schedules of simulated storms, within a budget."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from patchstorm.commands.bounds import SEED_MAX, between, check_bounds
from patchstorm.commands.places import DEFAULT_OUT, drop_if_empty, writable_dir
from patchstorm.errors import UsageError
from patchstorm.report.model import Report, RunReport, exit_code, overall
from patchstorm.report.stored import encode

if TYPE_CHECKING:
    from patchstorm.campaign.explore import Explored

INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open. The budget is for each storm."""

    scenarios: tuple[str, ...]
    target: str
    storage: str | None
    schedules: int | None
    seconds: float | None
    strategy: str
    jobs: int | None
    seed: int
    replicas: int | None
    collect: bool
    unclaimed: bool
    out: Path | None
    json: bool


def execute(request: Request) -> int:
    """Explore each storm in turn; the exit code."""
    from patchstorm.choice.portfolio import check_name
    from patchstorm.commands.worlds import check_storage
    from patchstorm.scenario import library
    from patchstorm.target.registry import resolve

    check_bounds(request.schedules, request.replicas, request.jobs)
    between("--seed", request.seed, 0, SEED_MAX)
    if request.seconds is not None and not (0 < request.seconds < math.inf):
        raise UsageError(f"--seconds {request.seconds}: give a number above 0.")
    if request.storage is not None:
        check_storage(request.storage, ["sim"])
    if request.out is not None:
        writable_dir(request.out, "--out")
    check_name(request.strategy)
    resolve(request.target)
    scenarios = [library.load(name) for name in dict.fromkeys(request.scenarios)]
    found: list[Explored] = []
    for scenario in scenarios:
        found.append(_explore(request, scenario.name, scenario))
        if found[-1].interrupted:
            break
    drop_if_empty(DEFAULT_OUT)
    _tell(request, found)
    if found[-1].interrupted:
        return INTERRUPTED
    return exit_code(overall(tuple(one.report for one in found)))


def _explore(request: Request, name: str, scenario: object) -> Explored:
    from patchstorm.campaign.explore import explore
    from patchstorm.report.searching import Searching
    from patchstorm.scenario.model import Scenario

    assert isinstance(scenario, Scenario)
    with Searching(name) as shown:
        return explore(
            scenario,
            request.target,
            seed=request.seed,
            schedules=request.schedules,
            seconds=request.seconds,
            strategy=request.strategy,
            jobs=request.jobs,
            storage=request.storage,
            replicas=request.replicas,
            collect=request.collect,
            claimed_only=not request.unclaimed,
            out_dir=request.out or DEFAULT_OUT,
            progress=shown.told,
        )


def _tell(request: Request, found: list[Explored]) -> None:
    runs = tuple(one.report for one in found)
    if request.json:
        sys.stdout.write(encode(Report(verdict=overall(runs), runs=runs)).decode())
        return
    from patchstorm.report.console import console_on, tell

    console = console_on(sys.stdout)
    told = tuple(msgspec.structs.replace(one.report, notes=_notes(one)) for one in found)
    took = sum(run.seconds for run in runs)
    tell(Report(verdict=overall(runs), runs=told), console, took=f"{took:.1f} s")


def _notes(found: Explored) -> tuple[str, ...]:
    """What the search covered, beside what the report says already."""
    report: RunReport = found.report
    if report.verdict is None:
        return report.notes
    seen = found.coverage
    rate = report.schedules / report.seconds if report.seconds else 0.0
    said = (
        f"{report.schedules} schedules, {rate:.0f} a second; {seen.distinct} distinct; "
        f"{seen.both_orders} of {seen.pairs} conflicting pairs in both orders"
    )
    return (said, *report.notes)
