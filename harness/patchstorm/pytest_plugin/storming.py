"""One storm for a test: what failed before, then the storm itself; what fails is kept."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from patchstorm.api import (
    Explored,
    RunReport,
    StormResult,
    UsageError,
    explore,
    run,
)
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.retrying import retry_simulated
from patchstorm.commands.simulate import schedules_default, with_story
from patchstorm.pytest_plugin.wanted import Settings, Wanted
from patchstorm.scenario.runnable import runnable
from patchstorm.target.claims import unclaimed
from patchstorm.worlds.registry import DEFAULT_STORAGE, all_means, not_offered, world_of


def stormed(wanted: Wanted, settings: Settings, *, retry: bool) -> Explored | StormResult:
    """Run it. ``retry``: try first what failed before. UsageError for what was asked wrongly."""
    searches = world_of(wanted.world).searches
    reason = _cannot(wanted)
    if reason is not None:
        return StormResult(report=_skipped(wanted, reason))
    try:
        return (
            _explored(wanted, settings, retry=retry)
            if searches
            else _lived(wanted, settings, retry=retry)
        )
    finally:
        with contextlib.suppress(OSError):  # not empty: there is something to look at
            settings.out.rmdir()


def _cannot(wanted: Wanted) -> str | None:
    """Why it is not run: what the world cannot do, what the storm needs, what the target does not claim."""
    if wanted.subject is not None:
        return None
    world = world_of(wanted.world)
    reason = world.cannot_run(wanted.target)
    if reason is not None or world.searches:
        return reason
    asked = wanted.scenario.fleet.storage
    storage = wanted.storage or world.storage_for(None, asked) or asked or DEFAULT_STORAGE
    target = wanted.target
    reason = runnable(
        wanted.scenario, wanted.world, target.capabilities, all_means(), storage=storage,
        phases=tuple(target.phases), request_ms=target.wire.request_ms,
        companion=target.companion is not None,
    )  # fmt: skip
    if reason is not None:
        return reason
    faults = {fault.kind for fault in wanted.scenario.faults}
    return not_offered(world, storage) or unclaimed(target, storage, faults)


def _skipped(wanted: Wanted, reason: str) -> RunReport:
    return RunReport(
        scenario=wanted.scenario.name,
        target=wanted.target.name,
        world=wanted.world,
        seed=wanted.seed,
        verdict=None,
        skipped=reason,
    )


def _lived(wanted: Wanted, settings: Settings, *, retry: bool) -> StormResult:
    return run(
        wanted.scenario,
        wanted.target,
        seed=wanted.seed,
        world=wanted.world,
        storage=wanted.storage,
        replicas=wanted.replicas,
        out_dir=settings.out,
        allow_unreached=settings.allow_unreached,
        corpus=None if settings.corpus is None else settings.corpus.folder,
        retry=retry,
    )


def _explored(wanted: Wanted, settings: Settings, *, retry: bool) -> Explored:
    """One process searches: pytest-xdist is what spreads storms over processors."""
    corpus = None if wanted.name is None else settings.corpus
    again = None
    if retry and corpus is not None and wanted.name is not None:
        kept = corpus.before(wanted.name, storage=wanted.storage, replicas=wanted.replicas)
        again = retry_simulated(
            kept.get((wanted.world, wanted.scenario.name), ()),
            wanted.scenario,
            wanted.name,
            out_dir=settings.out,
        )
    found = again or explore(
        wanted.scenario,
        wanted.subject or wanted.name or wanted.target.origin,
        seed=wanted.seed,
        schedules=wanted.schedules or settings.schedules or schedules_default(wanted.scenario),
        storage=wanted.storage,
        replicas=wanted.replicas,
        jobs=1,
        allow_unreached=settings.allow_unreached,
        out_dir=settings.out,
    )
    if corpus is not None:
        for path in found.failures:
            _keep(path, settings)
    return replace(found, report=with_story(found))


def _keep(path: Path, settings: Settings) -> None:
    """What cannot be kept changes nothing."""
    assert settings.corpus is not None
    with contextlib.suppress(OSError, UsageError):
        settings.corpus.keep(read_failure(path))
