"""Shrinking has to end at the smallest case, not merely at a smaller one."""

from __future__ import annotations

import pytest

from patchstorm.campaign.ran import Ran, replayed
from patchstorm.campaign.schedules import Search, Session
from patchstorm.campaign.shrinking import Shrunk, shrink
from patchstorm.choice.schedule import Schedule
from patchstorm.scenario.library import load


def _failing(session: Session) -> Ran:
    index = next(i for i in range(400) if session.tell(i).verdict == "violated")
    return session.recorded(index)


def _shrunk(
    storm: str, target: str, storage: str | None = None, seed: int = 1
) -> tuple[Session, Shrunk]:
    session = Session.of(Search(scenario=load(storm), target=target, seed=seed, storage=storage))
    ran = _failing(session)
    small = shrink(ran.plan, ran.schedule, session.subject, session.workers, seconds_max=120)
    assert small.complete
    return session, small


def _assert_every_choice_is_needed(session: Session, small: Shrunk) -> None:
    cause = small.ran.findings[0].checker
    choices = small.schedule.choices
    for place in range(len(choices)):
        rest = Schedule(choices=choices[:place] + choices[place + 1 :], draws=small.schedule.draws)
        again = replayed(small.plan, session.subject, rest, session.workers)
        assert cause not in {finding.checker for finding in again.findings}


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 9))]
)
def test_the_racing_append_needs_one_chunk_one_client_and_one_switch(seed: int) -> None:
    session, small = _shrunk("replaying", "reference:append", "tmpfs", seed=seed)
    assert len(small.plan.clients) == 1
    assert len(small.plan.uploads) == 1
    assert small.plan.uploads[0].size <= 64
    assert small.plan.replicas == 1
    assert len(small.schedule.choices) == 1
    _assert_every_choice_is_needed(session, small)


@pytest.mark.slow
def test_the_lost_update_on_nfs_needs_a_stale_name_and_few_switches() -> None:
    session, small = _shrunk("replaying", "reference:rename-unrefreshed", "nfs4", seed=3)
    assert "nfs.name" in [choice.kind for choice in small.schedule.choices]
    assert len(small.schedule.choices) <= 12
    assert len(small.plan.clients) == 1
    _assert_every_choice_is_needed(session, small)


@pytest.mark.slow
def test_a_look_that_takes_as_long_as_all_the_rest_needs_no_rest() -> None:
    """One early HEAD that answers last: the long storm in which it was found has nothing to do with it."""
    session, small = _shrunk("crash-committing", "bug:hook-lost")
    assert len(small.plan.uploads) == 1
    assert len(small.schedule.choices) <= 12
    _assert_every_choice_is_needed(session, small)


@pytest.mark.slow
def test_on_a_mount_that_is_always_stale_the_dull_schedule_loses_the_update() -> None:
    _, small = _shrunk("stale-mount", "reference:rename-unrefreshed", "nfs4", seed=2)
    assert small.schedule.choices == ()
    assert small.plan.replicas == 2
    assert small.plan.uploads[0].size <= 64


def test_a_bug_of_the_dull_schedule_needs_no_choice_at_all() -> None:
    _, small = _shrunk("sequential", "bug:chunks-left")
    assert small.schedule.choices == ()
    assert small.schedule.draws == ()
    assert small.plan.uploads[0].size <= 32
    assert small.plan.replicas == 1
