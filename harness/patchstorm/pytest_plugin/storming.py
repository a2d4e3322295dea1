"""One storm for a test: what failed before, then the storm itself; what fails is kept."""

from __future__ import annotations

import contextlib

from patchstorm.api import (
    Explored,
    RunReport,
    StormResult,
    explore,
    reason_to_skip,
    run,
    usual_schedules,
    world,
)
from patchstorm.pytest_plugin.wanted import Settings, Wanted


def stormed(wanted: Wanted, settings: Settings, *, retry: bool) -> Explored | StormResult:
    """Run it. ``retry``: try first what failed before. UsageError for what was asked wrongly."""
    searches = world(wanted.world).searches
    reason = reason_to_skip(
        wanted.scenario, wanted.subject or wanted.target, world=wanted.world, seed=wanted.seed,
        storage=wanted.storage, replicas=wanted.replicas,
    )  # fmt: skip
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
        corpus=settings.corpus,
        retry=retry,
    )


def _explored(wanted: Wanted, settings: Settings, *, retry: bool) -> Explored:
    """One process searches: pytest-xdist is what spreads storms over processors."""
    return explore(
        wanted.scenario,
        wanted.subject or wanted.name or wanted.target.origin,
        seed=wanted.seed,
        schedules=wanted.schedules or settings.schedules or usual_schedules(wanted.scenario),
        storage=wanted.storage,
        replicas=wanted.replicas,
        jobs=1,
        allow_unreached=settings.allow_unreached,
        out_dir=settings.out,
        # A target that a test describes itself is not what its name stands for elsewhere.
        corpus=None if wanted.name is None else settings.corpus,
        retry=retry,
    )
