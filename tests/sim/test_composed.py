"""Composed storms in the simulator: repeatable whoever runs them, steered in rounds; no innocent is
accused."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.campaign.explore import explore
from patchstorm.campaign.explored import Explored
from patchstorm.campaign.hunting import Patrol
from patchstorm.campaign.schedules import Search, Session
from patchstorm.campaign.steered import Steered
from patchstorm.campaign.suspects import Innocent
from patchstorm.scenario import library
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.schema import parse

SHORT = """
title = "Composed, with rounds so short that a few schedules make several"
why   = "What a round meets decides what the next one draws."
[compose]
round = 6
faults = "1..2"
"""


def short() -> Scenario:
    return parse(SHORT, name="short", file="short.toml")


def explored(jobs: int, schedules: int = 20) -> Explored:
    return explore(short(), seed=4, schedules=schedules, jobs=jobs)


def test_rounds_are_steered_alike_however_many_processes_run_them() -> None:
    alone, shared = explored(1), explored(2)

    assert alone.report.verdict == "safe"
    assert alone.report.digest == shared.report.digest
    assert alone.table is not None
    assert alone.table == shared.table
    assert alone.table.in_brief() in alone.report.notes


def test_a_prefix_of_a_search_is_the_shorter_search() -> None:
    """So what ends early, by its time, has run what anybody else has run with so many schedules."""
    session = Session.of(Search(scenario=short(), target="reference", seed=4))
    session.steered = Steered(6)
    plans = []
    for index in range(13):
        plans.append(session.plan(index))
        told = session.tell(index)
        session.steered.take(index, told.met)

    unsteered = Session.of(Search(scenario=short(), target="reference", seed=4))
    assert plans[:6] == [unsteered.plan(index) for index in range(6)]
    assert plans[6:] != [unsteered.plan(index) for index in range(6, 13)]


def test_what_was_drawn_and_never_struck_makes_nothing_unknown() -> None:
    told = explored(1, schedules=3)
    assert [point.name for point in told.report.points] == ["served"]


@pytest.mark.parametrize("target", ["reference", "innocent:sequential", "innocent:server-named"])
def test_who_is_innocent_is_not_accused(target: str, tmp_path: Path) -> None:
    innocent = Innocent(name=target, target=target, storms=("composed",))
    found = Patrol(
        innocent=innocent, storm="composed", seed=11, first=0, count=24, out_dir=tmp_path
    ).run()

    assert found.accused is None
    assert found.unknown is None


def test_a_composed_storm_is_listed_and_shipped() -> None:
    assert "composed" in library.names()
    assert library.load("composed").compose is not None


@pytest.mark.parametrize("storage", ["tmpfs", "ext4", "nfs4"])
def test_a_storage_that_was_asked_for_says_whether_power_may_be_lost(storage: str) -> None:
    asked = Search(scenario=library.load("composed"), target="reference", storage=storage)
    session = Session.of(asked)

    for index in range(16):
        hints = session.hints(index)
        assert (hints.power_host, hints.power_storage) == {
            "tmpfs": (False, False), "ext4": (False, True), "nfs4": (True, True),
        }[storage]  # fmt: skip
