"""How a planted bug is looked for: schedule after schedule, or storm after storm, until one is violated."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import count, islice

import msgspec

from patchstorm.campaign.budget import takes_seconds
from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.campaign.single import run_storm
from patchstorm.catalog.model import Bug
from patchstorm.catalog.table import BY_NAME
from patchstorm.report.model import RunReport
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.scenario.model import Scenario
from patchstorm.target.model import Target
from patchstorm.target.registry import resolve

SEED = 1
SOONER = {"hook-lost": 20, "lease-by-wall-clock": 12, "generation-believed": 15}
"""Bugs that are met late from that seed, after 150 to 300 schedules, and one that meets them in twenty."""
SCHEDULES_MAX = 400
SCHEDULES_OF_THE_INNOCENT = 12
SUITES = 2
STORMS_MAX = 60  # of real processes, which race as they please: a bound of the search, no time
MISSED_MAX = 300  # that did not come to their point, and so have tried nothing
PLANS = 24
PATIENCE_MS = 4_000


def seed_of(name: str) -> int:
    return SOONER.get(name, SEED)


def session(storm: str, target: str, seed: int = SEED) -> Session:
    return Session.of(Search(scenario=load(storm), target=target, seed=seed))


def innocent_schedules(storm: str) -> int:
    """How many schedules an innocent is tried in; each of some storms asks a whole suite and is long."""
    if takes_seconds(load(storm)):
        return 1
    suite = any(client.kind == "conformance" for client in load(storm).clients)
    return SUITES if suite else SCHEDULES_OF_THE_INNOCENT


@cache
def first_violation(name: str) -> Told | None:
    """What the first violated schedule of the bug's storm came to; None if there was none."""
    hunt = session(BY_NAME[name].storm, f"bug:{name}", seed_of(name))
    for index in range(SCHEDULES_MAX):
        told = hunt.tell(index)
        if told.verdict == "violated":
            return told
    return None


def fired(told: Told | RunReport) -> set[str]:
    """The checkers that found something."""
    return {finding.checker for finding in told.findings}


def with_a_client_in_the_end(scenario: Scenario, target: Target) -> Iterator[int]:
    """The plans that close with a client, who sees more than a sweeper; any if none does."""

    def closing(index: int) -> str:
        plan = draw_plan(scenario, seed=SEED, index=index, capabilities=target.capabilities)
        return plan.closing

    if any(closing(index) == "client" for index in range(PLANS)):
        return (index for index in count() if closing(index) == "client")
    return count()


def storms(bug: Bug, *, patience_ms: int | None = None) -> list[StormResult]:
    """Storms with real processes that came to their point, until one shows the bug, the violated ones last.

    One that only its other checkers see, a refusal, say, where bytes were to be lost, is not the end: which
    of them a race comes to is up to the machine. ``patience_ms`` shortens the wait for a publication that
    will not come.
    """
    scenario, target = load(bug.storm), resolve(f"bug:{bug.name}")
    if patience_ms is not None:
        scenario = msgspec.structs.replace(scenario, convergence_ms=patience_ms)
        settle = msgspec.structs.replace(target.settle, convergence_ms=patience_ms)
        target = msgspec.structs.replace(target, settle=settle)
    results: list[StormResult] = []
    for index in islice(with_a_client_in_the_end(scenario, target), MISSED_MAX + STORMS_MAX):
        result = run_storm(scenario, target, seed=SEED, index=index)
        if result.report.verdict == "unknown":
            continue  # it did not get where it had to: no death, say, came at its moment
        results.append(result)
        if fired(result.report) & set(bug.caught_by) or len(results) == STORMS_MAX:
            break
    return results


def allowed(bug: Bug) -> set[str]:
    return {*bug.caught_by, *bug.also}
