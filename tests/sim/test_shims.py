"""A store of somebody else's, written for os, open, fcntl, pathlib, shutil and tempfile."""

from __future__ import annotations

from patchstorm.campaign.ran import run_and_judge
from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.choice.strategy import Dull
from patchstorm.worlds.sim.workers import Workers

from .conftest import naive_subject, small_plan


def _checkers(locked: bool, schedules: int) -> set[str]:
    subject = naive_subject(locked=locked)
    found: set[str] = set()
    for index in range(schedules):
        plan = small_plan(subject, kind="replaying", index=index)
        ran = run_and_judge(plan, subject, RandomWalk(Prng(index)), Workers())
        found |= {finding.checker for finding in ran.findings}
    return found


def test_the_dull_run_of_the_naive_store_publishes_the_right_bytes() -> None:
    subject = naive_subject(locked=True)
    ran = run_and_judge(small_plan(subject, kind="sequential"), subject, Dull(), Workers())
    assert ran.history.finals["u0"].present
    assert [run.content for run in ran.history.finals["u0"].runs] == [0]
    assert ran.findings == ()


def test_without_a_lock_two_replicas_append_the_same_bytes_and_it_is_found() -> None:
    assert "bytes" in _checkers(locked=False, schedules=40)


def test_with_a_blocking_flock_the_bytes_are_right_in_every_schedule() -> None:
    assert "bytes" not in _checkers(locked=True, schedules=40)
