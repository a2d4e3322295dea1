"""Network faults composed beside a workload: each strikes when due, and any workload gets through."""

from __future__ import annotations

import pytest

from patchstorm.history.model import Operation
from patchstorm.scenario.plan import FaultPlan
from patchstorm.scenario.reach import reached
from patchstorm.scenario.workloads import WORKLOADS

from .fake import OFFSET_ADDRESSED, SEQUENTIAL, Driver
from .plans import network_fault, plan

KINDS = ("request-lost", "response-lost", "body-cut", "duplicate", "delay", "reordering")


def run(*faults: FaultPlan, kind: str = "sequential", **options: int) -> Driver:
    driver = Driver(plan(kind, faults=faults, **options))
    driver.whole_run()
    return driver


def patches(driver: Driver) -> list[Operation]:
    return [operation for operation in driver.operations if operation.call.kind == "append"]


def test_without_faults_nothing_is_changed() -> None:
    assert run().sends == run().sends
    assert not run().events


def test_a_lost_request_strikes_the_request_that_is_due() -> None:
    driver = run(network_fault("request-lost", after=3))

    assert [one.end.status is None for one in patches(driver)] == [False] * 3 + [True] + [False] * 7
    assert patches(driver)[3].end.sent == 0
    assert driver.server.uploads["u0"].published


def test_a_lost_response_was_served_all_the_same() -> None:
    driver = run(network_fault("response-lost", after=3))

    lost = patches(driver)[3]
    assert lost.end.status is None and lost.end.sent == 100
    assert patches(driver)[4].call.offset == lost.call.offset + 100


def test_a_cut_body_ends_where_the_fault_says() -> None:
    driver = run(network_fault("body-cut", options={"at_permille": 300}))

    assert patches(driver)[0].end.sent == 30


def test_a_duplicate_goes_to_another_replica_as_a_replay() -> None:
    driver = run(network_fault("duplicate", after=2, for_ms=0))

    first, second = patches(driver)[2:4]
    assert second.call.replay_of == first.op
    assert second.call.replica != first.call.replica
    assert (second.call.offset, second.call.time_ns) == (first.call.offset, first.call.time_ns)


def test_a_delay_lets_time_pass_before_the_request() -> None:
    driver = run(network_fault("delay", after=1, for_ms=200))

    first, second = patches(driver)[:2]
    assert second.call.time_ns - first.end.time_ns == 200_000_000


def test_reordering_lets_later_requests_overtake() -> None:
    def offsets(*faults: FaultPlan) -> list[int | None]:
        driver = run(*faults, kind="parallel", connections=5)
        return [one.call.offset for one in patches(driver)]

    fault = network_fault("reordering", for_ms=100, options={"window": 5})
    assert offsets() != offsets(fault)
    assert sorted(offsets()) == sorted(offsets(fault))  # type: ignore[type-var]


def test_a_fault_waits_for_a_delivery_without_mischief_of_its_own() -> None:
    driver = Driver(
        plan("retrying", answers_permille=1000, faults=(network_fault("request-lost"),))
    )
    driver.whole_run()

    struck = [send for send in driver.sends if send.faults]
    assert len(struck) == 1
    assert struck[0].mischief.lose_request and not struck[0].mischief.drop_response


def test_every_fault_leaves_an_event() -> None:
    driver = run(*(network_fault(kind, for_ms=10) for kind in KINDS), kind="parallel")

    assert {event.fault for event in driver.events} == set(KINDS)
    assert reached("fault-struck", driver.history()).met


@pytest.mark.parametrize("capabilities", [OFFSET_ADDRESSED, SEQUENTIAL], ids=lambda c: c[0])
@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.parametrize(
    "kind", sorted(set(WORKLOADS) - {"rivals", "terminating", "relieving", "expiring", "late"})
)
def test_any_workload_gets_through_under_any_fault(
    kind: str, fault: str, capabilities: tuple[str, ...]
) -> None:
    faults = tuple(network_fault(fault, after=i, for_ms=20) for i in (0, 2, 7))
    driver = Driver(plan(kind, faults=faults, capabilities=capabilities))
    driver.whole_run()

    assert driver.server.uploads["u0"].published
