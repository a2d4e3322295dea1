"""``patchstorm explore``: a search through the schedules of simulated storms, within a budget."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from patchstorm.commands.conducting import conduct
from patchstorm.commands.ending import INTERRUPTED
from patchstorm.commands.leaving import leave
from patchstorm.commands.places import DEFAULT_OUT, check_out, drop_if_empty, writable_file
from patchstorm.commands.simulate import with_story
from patchstorm.errors import UsageError
from patchstorm.report.model import Report, exit_code, overall
from patchstorm.report.stored import encode
from patchstorm.scenario.bounds import SEED_MAX, between, check_bounds

COMPOSED_PERMILLE = 600
"""How much of a search without storms named composed storms get; the others share the rest."""
TOGETHER_DEFAULT = 5_000
"""Schedules of a search without storms named and without a budget."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from patchstorm.campaign.corpus import Corpus
    from patchstorm.campaign.explore import Explored
    from patchstorm.scenario.model import Scenario


SEARCHED: Final = ("sim", "fuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open.

    The budget is for each storm, or for all together where none is named.
    """

    scenarios: tuple[str, ...]
    target: str
    storage: str | None
    schedules: int | None
    seconds: float | None
    strategy: str
    jobs: int | None
    cluster: str | None
    seed: int
    replicas: int | None
    collect: bool
    unclaimed: bool
    allow_unreached: bool
    out: Path | None
    junit: Path | None
    corpus: Path | None
    no_corpus: bool
    json: bool
    world: str = "sim"


def execute(request: Request) -> int:
    """Explore each storm in turn; the exit code."""
    from patchstorm.choice.portfolio import check_name
    from patchstorm.commands.corpus import corpus_at, keep_found
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
    if request.junit is not None:
        writable_file(request.junit, "--junit")
    check_name(request.strategy)
    resolve(request.target)
    if request.world not in SEARCHED:
        raise UsageError(
            f"--world {request.world}: orders can be searched in {' and '.join(SEARCHED)}; elsewhere the "
            "operating system decides them. Use: patchstorm run --world "
            f"{request.world} --schedules N"
        )
    if request.world == "fuse":
        return conduct(request)
    corpus = corpus_at(request.corpus, none=request.no_corpus)
    named = [library.load(name) for name in dict.fromkeys(request.scenarios)]
    shares = [(scenario, request) for scenario in named] or shares_of(request, library.load_all())
    found: list[Explored] = []
    interrupted = False
    try:
        for scenario, share in shares:
            found.append(_explore(share, scenario, corpus))
            if found[-1].interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:  # also between two searches: what had ended is told
        interrupted = True
    drop_if_empty(DEFAULT_OUT)
    runs = tuple(with_story(one) for one in found)
    keep_found(corpus, runs)
    report = Report(verdict=overall(runs), runs=runs)
    leave(report, out=request.out, junit=request.junit)
    _tell(request, found, report)
    if interrupted:
        sys.stderr.write(
            f"patchstorm: interrupted in search {max(1, len(found))} of {len(shares)}\n"
        )
        return INTERRUPTED
    return exit_code(report.verdict)


def shares_of(request: Request, scenarios: Sequence[Scenario]) -> list[tuple[Scenario, Request]]:
    """All storms, the budget shared: those that compose themselves get the larger share, and come first."""
    composing = [one for one in scenarios if one.compose is not None]
    others = [one for one in scenarios if one.compose is None]
    schedules = request.schedules
    if schedules is None and request.seconds is None:
        schedules = TOGETHER_DEFAULT
    shares = []
    for group, permille in ((composing, COMPOSED_PERMILLE), (others, 1000 - COMPOSED_PERMILLE)):
        for scenario in group:
            part = permille / 1000 / len(group)
            count = None if schedules is None else max(1, round(schedules * part))
            seconds = None if request.seconds is None else request.seconds * part
            shares.append((scenario, replace(request, schedules=count, seconds=seconds)))
    return shares


def _explore(request: Request, scenario: Scenario, corpus: Corpus | None) -> Explored:
    from patchstorm.campaign.explore import explore
    from patchstorm.campaign.retrying import retry_simulated
    from patchstorm.report.searching import Searching

    before: tuple[Path, ...] = ()
    if corpus is not None and not request.collect:  # who collects wants what the search finds
        kept = corpus.before(request.target, storage=request.storage, replicas=request.replicas)
        before = kept.get(("sim", scenario.name), ())
    with Searching(scenario.name) as shown:
        again = retry_simulated(
            before,
            scenario,
            request.target,
            claimed_only=not request.unclaimed,
            out_dir=request.out or DEFAULT_OUT,
        )
        return again or explore(
            scenario,
            request.target,
            seed=request.seed,
            schedules=request.schedules,
            seconds=request.seconds,
            strategy=request.strategy,
            jobs=request.jobs,
            cluster=request.cluster,
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
    covered += [line for one in found if one.table is not None for line in one.table.lines()]
    tell(report, console_on(sys.stdout), took=f"{took:.1f} s", remarks=covered)


def _covered(found: Explored) -> str:
    """How fast a search was and how far it saw."""
    run, seen = found.report, found.coverage
    rate = run.schedules / run.seconds if run.seconds else 0.0
    said = f"{run.scenario}: {rate:.0f} schedules a second, {seen.distinct} distinct"
    if not seen.pairs:
        return said
    return f"{said}; {seen.both_orders} of {seen.pairs} conflicting pairs of steps in both orders"
