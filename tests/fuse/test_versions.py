"""A world whose names have changed refuses what it recorded before, and no other world's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from patchstorm.campaign.failure import Failure, read_failure, write_failure
from patchstorm.choice.schedule import VERSION, Schedule
from patchstorm.errors import UsageError
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.target.registry import resolve
from patchstorm.worlds.fuse import SCHEDULES


def kept(path: Path, world: str, version: int) -> Path:
    target = resolve("tus-node")
    plan = draw_plan(load("conflicting"), seed=1, index=0, capabilities=target.capabilities)
    write_failure(
        path,
        Failure(
            world=world, scenario="conflicting", target="tus-node", seed=1, index=0, replicas=3,
            plan=plan, findings=(), schedule=Schedule(version=version),
        ),
    )  # fmt: skip
    return path


def test_names_of_another_version_are_refused_where_they_were_given(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"version 1, and this release runs version {SCHEDULES}"):
        read_failure(kept(tmp_path / "old.json", "fuse", 1))
    with pytest.raises(UsageError, match=f"version 2, and this release runs version {VERSION}"):
        read_failure(kept(tmp_path / "new.json", "sim", 2))


def test_the_simulator_s_failures_are_not_touched_by_another_world_s_names(tmp_path: Path) -> None:
    for world, version in (("sim", VERSION), ("fuse", SCHEDULES)):
        failure = read_failure(kept(tmp_path / f"{world}.json", world, version))
        assert failure.schedule is not None
        assert failure.schedule.version == version


def test_a_world_that_is_not_known_here_is_told_of_by_its_schedule(tmp_path: Path) -> None:
    path = kept(tmp_path / "far.json", "sim", VERSION)
    path.write_text(json.dumps({**json.loads(path.read_text()), "world": "elsewhere"}))
    assert read_failure(path).world == "elsewhere"
