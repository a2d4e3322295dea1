"""What was known of a server's sweeps when a failure was recorded goes with it, and is not learnt anew."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from patchstorm.choice.schedule import Schedule
from patchstorm.choice.strategy import Dull
from patchstorm.worlds.fuse.choosing import Deciding
from patchstorm.worlds.fuse.outcome import FuseOutcome
from patchstorm.worlds.fuse.searching import schedule_of
from patchstorm.worlds.fuse.world import FUSE

from .mounts import mounts
from .storms import mini, run, storm

SWEEP = ("stat ",)


def made_again(schedule: Schedule, out_dir: Path) -> FuseOutcome:
    """By a harness that has seen nothing of this server."""
    with mounts():
        pass  # or the reason why there can be none
    with FUSE.shared(1) as wanted:
        asyncio.run(FUSE.repeat(storm(), mini("sweeps"), schedule, out_dir=out_dir, shared=wanted))
        assert wanted.last is not None
        return wanted.last


def written(schedule: Schedule) -> Schedule:
    return msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule)


def test_a_run_is_made_again_with_what_was_known_of_sweeps_when_it_began(tmp_path: Path) -> None:
    recorded = written(Schedule(openers=SWEEP))
    again = made_again(recorded, tmp_path)
    assert again.openers == SWEEP
    assert written(schedule_of(again)).openers == SWEEP


@pytest.mark.parametrize("learnt", [(), ("list .", "stat ")])
def test_a_run_that_is_made_again_does_not_take_what_others_have_learnt_since(
    tmp_path: Path, learnt: tuple[str, ...]
) -> None:
    with mounts():
        pass
    with FUSE.shared(1) as wanted:
        wanted.keeping.openers |= {"lookup <>", *learnt}
        plan, target = storm(), mini("sweeps")
        for schedule, known in ((Schedule(openers=SWEEP), SWEEP), (Schedule(), None)):
            before = tuple(sorted(wanted.keeping.openers))
            asyncio.run(FUSE.repeat(plan, target, schedule, out_dir=tmp_path, shared=wanted))
            assert wanted.last is not None
            assert wanted.last.openers == (before if known is None else known)


def test_a_schedule_of_a_server_that_does_not_sweep_says_nothing_of_it() -> None:
    ran = run(storm(), mini("locked"), Deciding(Dull()))
    assert b"openers" not in msgspec.json.encode(schedule_of(ran))
    assert written(schedule_of(ran)).openers is msgspec.UNSET
