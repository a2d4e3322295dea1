"""``patchstorm explore``: a search through the schedules of simulated storms, within a budget."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from patchstorm.commands.ending import INTERRUPTED
from patchstorm.commands.places import DEFAULT_OUT, check_out, drop_if_empty
from patchstorm.commands.simulate import with_story
from patchstorm.errors import UsageError
from patchstorm.report.model import Report, exit_code, overall
from patchstorm.report.stored import encode, store
from patchstorm.scenario.bounds import SEED_MAX, between, check_bounds

if TYPE_CHECKING:
    from patchstorm.campaign.explore import Explored
    from patchstorm.scenario.model import Scenario


SEARCHED: Final = ("sim", "fuse")


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
    allow_unreached: bool
    out: Path | None
    json: bool
    world: str = "sim"


def execute(request: Request) -> int:
    """Explore each storm in turn; the exit code."""
    from patchstorm.choice.portfolio import check_name
    from patchstorm.scenario import library
    from patchstorm.target.registry import resolve
    from patchstorm.worlds.registry import check_storage

    check_bounds(request.schedules, request.replicas, request.jobs)
    between("--seed", request.seed, 0, SEED_MAX)
    if request.seconds is not None and not (0 < request.seconds < math.inf):
        raise UsageError(f"--seconds {request.seconds}: give a number above 0.")
    if request.storage is not None:
        check_storage(request.storage, [request.world])
    check_out(request.out)
    check_name(request.strategy)
    resolve(request.target)
    if request.world not in SEARCHED:
        raise UsageError(
            f"--world {request.world}: orders can be searched in {' and '.join(SEARCHED)}; elsewhere the "
            "operating system decides them. Use: patchstorm run --world "
            f"{request.world} --schedules N"
        )
    if request.world == "fuse":
        return _conducted(request)
    scenarios = [library.load(name) for name in dict.fromkeys(request.scenarios)]
    found: list[Explored] = []
    interrupted = False
    try:
        for scenario in scenarios:
            found.append(_explore(request, scenario))
            if found[-1].interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:  # also between two searches: what had ended is told
        interrupted = True
    drop_if_empty(DEFAULT_OUT)
    runs = tuple(with_story(one) for one in found)
    report = Report(verdict=overall(runs), runs=runs)
    if request.out is not None:
        store(report, request.out)
    _tell(request, found, report)
    if interrupted:
        sys.stderr.write(
            f"patchstorm: interrupted in search {max(1, len(found))} of {len(scenarios)}\n"
        )
        return INTERRUPTED
    return exit_code(report.verdict)


def _conducted(request: Request) -> int:
    """Search the orders of real servers, one storm after the other."""
    from patchstorm.campaign.conducted import Asked, Searched, search
    from patchstorm.report.console import console_on, tell
    from patchstorm.scenario import library
    from patchstorm.target.registry import resolve

    if request.collect:
        raise UsageError("--collect: searches in the world fuse end with the first violation.")
    target = resolve(request.target)
    found: list[Searched] = []
    for name in dict.fromkeys(request.scenarios):
        asked = Asked(
            scenario=library.load(name), target=target, seed=request.seed, runs=request.schedules,
            seconds=request.seconds, strategy=request.strategy, storage=request.storage,
            replicas=request.replicas, claimed_only=not request.unclaimed,
            allow_unreached=request.allow_unreached, out_dir=request.out or DEFAULT_OUT,
        )  # fmt: skip
        found.append(search(asked))
        if found[-1].interrupted:
            break
    drop_if_empty(DEFAULT_OUT)
    runs = tuple(one.report for one in found)
    report = Report(verdict=overall(runs), runs=runs)
    if request.out is not None:
        store(report, request.out)
    if request.json:
        sys.stdout.write(encode(report).decode())
    else:
        took = sum(run.seconds for run in runs)
        tell(report, console_on(sys.stdout), took=f"{took:.1f} s", remarks=[])
    if found and found[-1].interrupted:
        sys.stderr.write(f"patchstorm: interrupted in search {len(found)}\n")
        return INTERRUPTED
    return exit_code(report.verdict)


def _explore(request: Request, scenario: Scenario) -> Explored:
    from patchstorm.campaign.explore import explore
    from patchstorm.report.searching import Searching

    with Searching(scenario.name) as shown:
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
            allow_unreached=request.allow_unreached,
            out_dir=request.out or DEFAULT_OUT,
            progress=shown.told,
        )


def _tell(request: Request, found: list[Explored], report: Report) -> None:
    if request.json:
        sys.stdout.write(encode(report).decode())
        return
    from patchstorm.report.console import console_on, tell

    took = sum(run.seconds for run in report.runs)
    covered = [_covered(one) for one in found if one.report.verdict is not None]
    tell(report, console_on(sys.stdout), took=f"{took:.1f} s", remarks=covered)


def _covered(found: Explored) -> str:
    """How fast a search was and how far it saw."""
    run, seen = found.report, found.coverage
    rate = run.schedules / run.seconds if run.seconds else 0.0
    said = f"{run.scenario}: {rate:.0f} schedules a second, {seen.distinct} distinct"
    if not seen.pairs:
        return said
    return f"{said}; {seen.both_orders} of {seen.pairs} conflicting pairs of steps in both orders"
