"""A file server's grace period is part of its absence, for which nobody who waits is accused."""

from __future__ import annotations

import pytest

from patchstorm.check import judge
from patchstorm.choice.strategy import Dull
from patchstorm.history.events import Fault
from patchstorm.run.strikes import lasts_ns
from patchstorm.scenario.plan import FaultPlan, Trigger
from patchstorm.worlds.fuse.choosing import Deciding

from .storms import mini, run, storm

RESTART = """
[[fault]]
kind = "storage-restart"
whom = "storage"
times = 1
when = { after_requests = 2 }
"""
SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("kind", "for_ms", "lasts"),
    [("storage-restart", 300, 90), ("storage-restart", 95_000, 95), ("disk-full", 300, 0.3)],
)
def test_only_a_server_that_was_away_has_one(kind: str, for_ms: int, lasts: float) -> None:
    fault = FaultPlan(
        id="f", kind=kind, whom="storage", trigger=Trigger(kind="step"), for_ms=for_ms
    )
    assert lasts_ns(fault, now_ns=SECOND_NS, grace_until_ns=91 * SECOND_NS) == lasts * SECOND_NS


def test_a_server_that_waits_for_it_is_not_accused() -> None:
    """The fault was over when the file server was back, and each request in the ninety seconds after it was
    one that no fault explained."""
    scenario = storm("replaying", fleet='storage = "nfs4"', faults=RESTART)
    ran = run(scenario, mini(), Deciding(Dull()))
    assert not ran.idle
    began, ended = (one.time_ns for one in ran.history.events if isinstance(one, Fault))
    assert ended - began >= 89 * SECOND_NS
    assert not [found for one in judge(ran.history) for found in one.findings]
