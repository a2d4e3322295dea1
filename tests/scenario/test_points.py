"""What a storm is for, point by point: each table of faults, each name of ``reaches``, and being served."""

from __future__ import annotations

from msgspec.structs import replace

from patchstorm.history.model import History
from patchstorm.scenario.plan import FaultPlan, Plan, Trigger
from patchstorm.scenario.points import sights
from patchstorm.scenario.strikes import struck

from .fake import Driver
from .plans import network_fault, plan


def crash(number: int = 0, strike: int = 0, trigger: Trigger | None = None) -> FaultPlan:
    return FaultPlan(
        id=f"crash-{number}.{strike}", kind="crash", whom="replica", replica=0,
        trigger=trigger or Trigger(kind="phase", phase="receiving", nth=3),
    )  # fmt: skip


def ran(*faults: FaultPlan, reaches: tuple[str, ...] = ()) -> tuple[Plan, History]:
    drawn = replace(plan("sequential", faults=faults), reaches=reaches)
    return drawn, Driver(drawn).whole_run()


def missing(drawn: Plan, history: History, *idle: str) -> dict[str, str]:
    return {one.name: one.why for one in sights(drawn, history, idle) if one.reached is False}


def with_strike(history: History, fault: FaultPlan) -> History:
    event = struck(fault.kind, time_ns=1, replica=0, id=fault.id)
    return replace(history, events=(event, *history.events))


def test_a_storm_that_went_as_meant_misses_nothing() -> None:
    assert missing(*ran(reaches=("published",))) == {}


def test_a_fault_that_never_triggered_is_told_with_what_it_waited_for() -> None:
    assert missing(*ran(crash())) == {"crash-0": "never triggered: phase receiving, number 3"}
    by_call = Trigger(kind="path", path="**", op="fsync")
    assert missing(*ran(crash(trigger=by_call))) == {"crash-0": "never triggered: fsync of **"}


def test_one_strike_of_a_table_is_enough_and_each_table_counts() -> None:
    drawn, history = ran(crash(strike=0), crash(strike=1), crash(number=1))
    assert missing(drawn, with_strike(history, crash(strike=1))).keys() == {"crash-1"}


def test_a_fault_that_was_in_force_and_hit_nothing_did_not_strike() -> None:
    drawn, history = ran(crash())
    shown = with_strike(history, crash())
    assert missing(drawn, shown) == {}
    assert missing(drawn, shown, "crash-0.0") == {"crash-0": "it was in force, and hit nothing"}


def test_what_the_network_did_to_one_request_is_a_strike() -> None:
    assert missing(*ran(network_fault("request-lost", after=2))) == {}
    assert missing(*ran(network_fault("request-lost", after=10_000))) != {}


def test_a_server_that_takes_nothing_was_not_stormed() -> None:
    drawn, history = ran(reaches=())
    refused = tuple(
        replace(one, end=one.end and replace(one.end, outcome="info", status=None))
        for one in history.operations
    )
    assert missing(drawn, replace(history, operations=refused)) == {
        "served": "no upload was ever created or acknowledged"
    }


def test_a_partition_from_a_replica_that_nobody_asked_hit_nothing() -> None:
    fault = replace(crash(), kind="partition", id="partition-0.0")
    drawn, history = ran(fault)
    asked = {one.call.replica for one in history.operations}
    last = max(one.end.time_ns for one in history.operations if one.end is not None)
    somebody = min(one for one in asked if one is not None)

    def cut_off(replica: int, at: int) -> History:
        begin = struck("partition", time_ns=at, replica=replica, id=fault.id)
        end = struck("partition", time_ns=at + 1, replica=replica, id=fault.id, ends=True)
        return replace(history, events=(*history.events, begin, end))

    first = next(one for one in history.operations if one.call.replica == somebody)
    assert missing(drawn, cut_off(somebody, first.call.time_ns)) == {}
    idle = {"partition-0": "it was in force, and hit nothing"}
    assert missing(drawn, cut_off(77, first.call.time_ns)) == idle
    assert missing(drawn, cut_off(somebody, last + 1)) == idle


def test_behind_a_balancer_what_lay_before_every_replica_hit_somebody() -> None:
    fault = replace(crash(), kind="packet-loss", whom="all", id="packet-loss-0.0")
    drawn, history = ran(fault)
    unknown_whom = tuple(
        replace(one, call=replace(one.call, replica=None)) for one in history.operations
    )
    at = history.operations[0].call.time_ns

    def lossy(replicas: int) -> History:
        events = tuple(
            struck("packet-loss", time_ns=at, replica=one, id=fault.id) for one in range(replicas)
        )
        return replace(history, operations=unknown_whom, events=(*history.events, *events))

    assert missing(drawn, lossy(drawn.replicas)) == {}
    idle = {"packet-loss-0": "it was in force, and hit nothing"}
    assert missing(drawn, lossy(drawn.replicas - 1)) == idle
