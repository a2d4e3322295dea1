"""Why a storm is not run against a target in a world. What is skipped has no verdict, and says this instead.

What a target claims is asked of its description alone, before anything is started; a world that has drawn a
plan may still say that this one cannot be run there (:class:`~patchstorm.run.outcome.Outcome`, ``skipped``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from patchstorm.scenario.model import Scenario
from patchstorm.scenario.runnable import runnable
from patchstorm.target.claims import unclaimed
from patchstorm.target.model import Target
from patchstorm.worlds.base import World
from patchstorm.worlds.registry import DEFAULT_STORAGE, all_means, not_offered, world_of
from patchstorm.worlds.sim.app import Subject, subject_of
from patchstorm.worlds.sim.run import WORLD

if TYPE_CHECKING:
    from patchstorm.campaign.schedules import Session


def reason_to_skip(
    scenario: Scenario,
    target: Target | Subject,
    world: str,
    *,
    seed: int,
    storage: str | None = None,
    replicas: int | None = None,
) -> str | None:
    """Why this storm is not run; None where it is. What is not claimed is not run, either.

    Where schedules are searched, the plan of the first one is asked as well: ``seed`` and ``replicas``
    matter there only. UsageError for a world that there is not.
    """
    place = world_of(world)
    aim = target.target if isinstance(target, Subject) else target
    # A store that a program hands in is code already, whatever its description says of a command.
    reason = None if isinstance(target, Subject) else place.cannot_run(aim)
    if reason is not None:
        return reason
    if place.searches:
        return _searched(scenario, target, seed=seed, storage=storage, replicas=replicas)
    on = storage_of(scenario, place, storage)
    return unrunnable(scenario, place, aim, storage=on) or unfit(scenario, place, aim, storage=on)


def _searched(
    scenario: Scenario,
    target: Target | Subject,
    *,
    seed: int,
    storage: str | None,
    replicas: int | None,
) -> str | None:
    from patchstorm.campaign.schedules import Search, Session

    subject = target if isinstance(target, Subject) else subject_of(target)
    search = Search(
        scenario=scenario, target=subject.target.name, seed=seed, storage=storage, replicas=replicas
    )
    return session_skip_reason(Session(search, subject))


def session_skip_reason(session: Session, *, claimed_only: bool = True) -> str | None:
    """Why the storm of ``session`` is not run against its target in the simulator; None if it is."""
    from patchstorm.campaign.schedules import MIXED

    target, search = session.subject.target, session.search
    reason = unrunnable(search.scenario, world_of(WORLD), target, storage=search.storage)
    if reason is not None:
        return reason
    reason = session.skip_reason()
    if reason is None and claimed_only:
        plan = session.first_plan
        kinds = {fault.kind for fault in plan.world_faults}
        reason = unclaimed(target, plan.storage or MIXED[0], kinds)
    return reason


def storage_of(scenario: Scenario, world: World, asked: str | None) -> str:
    """The storage of a storm in a world of real replicas; ``asked`` is what a user insists on."""
    wanted = scenario.fleet.storage
    return asked or world.storage_for(None, wanted) or wanted or DEFAULT_STORAGE


def unrunnable(
    scenario: Scenario, world: World, target: Target, *, storage: str | None
) -> str | None:
    """What the storm needs and ``world`` or ``target`` has not; None where it can be run."""
    return runnable(
        scenario, world.name, target.capabilities, all_means(), storage=storage,
        phases=tuple(target.phases), request_ms=target.wire.request_ms,
        companion=world.shares(target),
    )  # fmt: skip


def unfit(
    scenario: Scenario, world: World, target: Target, *, storage: str, claimed_only: bool = True
) -> str | None:
    """Why not on this storage: it is not to be had there, or ``target`` claims nothing on it."""
    reason = not_offered(world, storage)
    if reason is not None or not claimed_only:
        return reason
    return unclaimed(target, storage, {fault.kind for fault in scenario.faults})
