"""A fault is a row with its deed: every world that is able to has it, and none has heard of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from patchstorm import api
from patchstorm.history.events import Fault as Struck
from patchstorm.scenario.faults import FAULTS, Fault
from patchstorm.scenario.faults.deed import LAST, Hit, Steps
from patchstorm.scenario.faults.network import Reach
from patchstorm.scenario.plan import FaultPlan
from patchstorm.worlds.registry import all_means

TIMES = 3
STORM = """
title = "A replica comes and goes"
why = "Tests."
[[upload]]
size = "64KiB"
chunk = "16KiB"
[[client]]
kind = "many"
[[fault]]
kind = "flapping"
whom = "replica-0"
when = { after_bytes = "16KiB" }
"""


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """There is one more fault; what its deed did."""
    done: list[str] = []

    def flap(on: Reach, _: FaultPlan, hit: Hit) -> Steps:
        for _time in range(TIMES):
            done.append("part")
            yield on.part(hit)
            yield LAST
            done.append("rejoin")
            yield on.rejoin(hit)
            yield LAST

    row = Fault(
        name="flapping", says="a replica is out of reach and back", aims=("replica-N",),
        lasting="how long each time", default_ms=5, of_traffic=True, deed=flap,
    )  # fmt: skip
    monkeypatch.setitem(FAULTS, row.name, row)
    yield done


@pytest.mark.usefixtures("done")
def test_all_worlds_with_a_network_have_it() -> None:
    assert [name for name, one in all_means().items() if "flapping" in one.faults] == [
        "sim", "processes", "fuse", "nfs", "containers",
    ]  # fmt: skip


@pytest.mark.parametrize("world", ["sim", "processes"])
def test_it_strikes_and_is_over(world: str, done: list[str], tmp_path: Path) -> None:
    storm = api.parse_scenario(STORM)

    ran = api.run(storm, "reference", world=world, out_dir=tmp_path)

    assert ran.report.verdict == "safe", ran.report
    assert done == ["part", "rejoin"] * TIMES
    assert ran.history is not None
    struck = [event for event in ran.history.events if isinstance(event, Struck)]
    assert [(event.fault, event.replica, event.ends) for event in struck] == [
        ("flapping", 0, False),
        ("flapping", 0, True),
    ]
