"""A storm that says how few workers a replica has: others queue, and leave the queue with their client."""

from __future__ import annotations

import msgspec
import pytest

from patchstorm.campaign.ran import Ran, run_and_judge
from patchstorm.choice.strategy import Dull
from patchstorm.history.model import Operation
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.scenario.plan import Plan
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import subject_of
from patchstorm.worlds.sim.workers import Workers

MS = 1_000_000


def plan(workers: int, stall_ms: int = 800) -> Plan:
    """A body stands still, and everybody goes to the same replica."""
    target = resolve("reference")
    found = draw_plan(load("few-workers"), seed=1, index=0, capabilities=target.capabilities)
    client = msgspec.structs.replace(found.clients[0], options={"stall_ms": stall_ms})
    return msgspec.structs.replace(found, workers=workers, replicas=1, clients=(client,))


def ran(workers: int, stall_ms: int = 800) -> Ran:
    subject = subject_of(resolve("reference"))
    return run_and_judge(plan(workers, stall_ms), subject, Dull(), Workers())


def longest_head(run: Ran) -> int:
    """In nanoseconds, among those that were answered."""
    heads = [one for one in run.history.operations if one.call.kind == "query"]
    return max(_lasted(one) for one in heads if one.outcome == "ok")


def _lasted(operation: Operation) -> int:
    assert operation.end is not None
    return operation.end.time_ns - operation.call.time_ns


@pytest.mark.parametrize(("workers", "waits"), [(1, True), (8, False), (0, False)])
def test_a_request_waits_only_where_all_workers_are_taken(workers: int, waits: bool) -> None:
    run = ran(workers)

    assert run.verdict == "safe", run.findings
    assert (longest_head(run) > 300 * MS) == waits


def test_who_leaves_the_queue_is_not_served_and_nobody_is_accused() -> None:
    run = ran(1, stall_ms=20_000)

    assert run.verdict == "safe", run.findings
    assert [one.outcome for one in run.history.operations if one.call.phase == "heal"]
