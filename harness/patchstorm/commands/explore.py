"""``patchstorm explore``: a search through the schedules of simulated storms, within a budget."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from patchstorm.commands.conducting import conduct
from patchstorm.commands.places import DEFAULT_OUT, check_out, writable_file
from patchstorm.commands.searches import Request, end
from patchstorm.errors import UsageError
from patchstorm.scenario.bounds import SEED_MAX, between, check_bounds

COMPOSED_PERMILLE = 600
"""How much of a search without storms named composed storms get; the others share the rest."""
TOGETHER_DEFAULT = 5_000
"""Schedules of a search without storms named and without a budget."""

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from patchstorm.campaign.corpus import Corpus
    from patchstorm.campaign.explored import Explored
    from patchstorm.report.model import RunReport
    from patchstorm.scenario.model import Scenario


def execute(request: Request) -> int:
    """Explore each storm in turn; the exit code."""
    from patchstorm.choice.portfolio import check_name
    from patchstorm.commands.corpus import corpus_at
    from patchstorm.target.registry import resolve
    from patchstorm.worlds.registry import check_storage, world_of, worlds

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
    world = world_of(request.world)
    if not (world.searches or world.repeats):
        others = " and ".join(one.name for one in worlds() if one.searches or one.repeats)
        raise UsageError(
            f"--world {request.world}: orders can be searched in {others}; elsewhere the operating system "
            f"decides them. Use: patchstorm run --world {request.world} --schedules N"
        )
    if request.cluster is not None and not world.searches:
        raise UsageError(f"--cluster: the world {request.world} is searched on this machine alone.")
    corpus = corpus_at(request.corpus, none=request.no_corpus)
    return search(request, corpus) if world.searches else conduct(request, corpus)


def search(request: Request, corpus: Corpus | None) -> int:
    """Search the schedules of the simulator, one storm after the other."""
    from patchstorm.scenario import library

    named = [library.load(name) for name in dict.fromkeys(request.scenarios)]
    shares = [(scenario, request) for scenario in named] or shares_of(request, library.load_all())
    found: list[Explored] = []
    interrupted = False
    try:
        for number, (scenario, share) in enumerate(shares):
            try:
                found.append(_explore(share, scenario, corpus))
            except UsageError as error:  # nobody asked wrongly: the first search went well
                if request.cluster is None or not found:
                    raise
                left = [storm for storm, _ in shares[number:]]
                found += _not_searched(left, found[-1].report, str(error))
                break
            if found[-1].interrupted:
                raise KeyboardInterrupt
    except KeyboardInterrupt:  # also between two searches: what had ended is told
        interrupted = True
    runs = tuple(one.report for one in found)
    covered = [_covered(one) for one in found if one.report.schedules]
    covered += [line for one in found if one.table is not None for line in one.table.lines()]
    place = f"search {max(1, len(found))} of {len(shares)}" if interrupted else None
    return end(request, corpus, runs, remarks=covered, interrupted=place)


def _not_searched(left: Sequence[Scenario], before: RunReport, reason: str) -> Iterator[Explored]:
    """What is told of storms whose cluster was gone, or refused, once others had been searched there."""
    from patchstorm.campaign.explored import Explored
    from patchstorm.choice.coverage import Seen
    from patchstorm.report.model import RunReport

    for number, scenario in enumerate(left):
        report = RunReport(
            scenario=scenario.name, target=before.target, world=before.world, seed=before.seed,
            verdict=None if number else "unknown",
            unknown=None if number else reason,
            skipped=f"not begun, as {left[0].name} could not be" if number else None,
        )  # fmt: skip
        yield Explored(report=report, coverage=Seen().coverage(), virtual_seconds=0.0)


def shares_of(request: Request, scenarios: Sequence[Scenario]) -> list[tuple[Scenario, Request]]:
    """All storms, the budget shared: those that compose themselves get the larger share, and come first."""
    from patchstorm.campaign.budget import bounded

    composing = [one for one in scenarios if one.compose is not None]
    others = [one for one in scenarios if one.compose is None]
    schedules = request.schedules
    if schedules is None and request.seconds is None:
        schedules = TOGETHER_DEFAULT
    shares = []
    for group, permille in ((composing, COMPOSED_PERMILLE), (others, 1000 - COMPOSED_PERMILLE)):
        for scenario in group:
            part = permille / 1000 / len(group)
            count = (
                None if schedules is None else bounded(scenario, max(1, round(schedules * part)))
            )
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
        before = kept.get((request.world, scenario.name), ())
    with Searching(scenario.name, request.loudness) as shown:
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
            corpus=None if request.corpus is None else corpus,
        )


def _covered(found: Explored) -> str:
    """How fast a search was and how far it saw."""
    run, seen = found.report, found.coverage
    rate = run.schedules / run.seconds if run.seconds else 0.0
    said = f"{run.scenario}: {rate:.0f} schedules a second, {seen.distinct} distinct"
    if not seen.pairs:
        return said
    return f"{said}; {seen.both_orders} of {seen.pairs} conflicting pairs of steps in both orders"
