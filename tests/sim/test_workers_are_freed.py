"""Workers of the simulator outlive runs and searches: what they hold would stay as long as the process."""

from __future__ import annotations

import gc

import pytest
from greenlet import greenlet

from patchstorm.campaign.schedules import Search, Session
from patchstorm.scenario.library import load
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.tracing import Trace


def alive(kind: type) -> int:
    """By type(): isinstance() asks the object as well, and one that is lazy may answer with an error."""
    gc.collect()
    return sum(issubclass(type(one), kind) for one in gc.get_objects())


def searched(seed: int) -> None:
    session = Session.of(Search(scenario=load("parallel"), target="reference", seed=seed))
    assert session.tell(0).verdict == "safe"
    assert session.recorded(0).history.operations


@pytest.mark.slow
def test_no_run_that_is_over_is_kept() -> None:
    searched(1)
    kernels, traces = alive(Kernel), alive(Trace)
    for seed in range(2, 6):
        searched(seed)
    assert alive(Kernel) <= kernels
    assert alive(Trace) <= traces


def test_searches_one_after_the_other_share_their_workers() -> None:
    searched(1)
    before = alive(greenlet)
    for _ in range(4):
        searched(1)
    assert alive(greenlet) == before
