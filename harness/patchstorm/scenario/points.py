"""What a storm is for, point by point, and whether one history shows it.

Four kinds: that the target did anything at all (:data:`SERVED`), what ``[expect] reaches`` names, that
every table of faults struck at least once, with whichever of its ``times``, and that of a chapter of
conformance cases that was asked for one case at least was answered. A table that a schedule leaves
out is no point of that schedule, and what a composed storm was drawn with is none of its.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from patchstorm.dialect.cases.suite import ALL
from patchstorm.dialect.registry import suite_of
from patchstorm.history.events import Fault
from patchstorm.history.model import History, Operation
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.plan import FaultPlan, Plan, Trigger
from patchstorm.scenario.reach import reached

SERVED: Final = "served"
_TAKING: Final = ("create", "append", "query", "status")


class Sight(NamedTuple):
    """One point in one history; ``reached`` None: this history cannot tell."""

    name: str
    reached: bool | None
    why: str = ""
    vital: bool = False


def sights(plan: Plan, history: History, idle: Collection[str] = ()) -> Iterator[Sight]:
    """Every point of ``plan``. ``idle`` are ids of faults that were in force and hit nothing."""
    served = _served(history)
    why = (
        "not a byte of any upload was ever acknowledged"
        if served
        else "no upload was ever created or acknowledged"
    )
    yield Sight(SERVED, served and _took(history), why, vital=True)
    for name in plan.reaches:
        result = reached(name, history)
        yield Sight(name, result.met, result.reason)
    if plan.composed:
        return  # whatever it was drawn for: the table of the pairs that met tells of it
    yield from _struck(plan, history, idle)
    yield from _chapters(history)


def _chapters(history: History) -> Iterator[Sight]:
    """Of chapters that a storm names, whether any of their cases applied to the target and got an answer."""
    suite = suite_of(history.header.dialect)
    put = [one for one in history.operations if one.call.probe is not None]
    asked = {one.call.probe.chapter for one in put if one.call.probe is not None} - {ALL}
    if suite is None:
        return
    for chapter in sorted(asked):
        names = {case.name for case in suite.chapter(chapter)}
        answered = any(
            one.end is not None
            and one.end.status is not None
            and one.call.probe is not None
            and one.call.probe.case in names
            for one in put
        )
        why = "" if answered else "none of its cases applies to the target, or none was answered"
        yield Sight(f"chapter {chapter}", answered, why)


def _served(history: History) -> bool:
    """Whether any request that needs an upload succeeded. Where others mint the URLs, a HEAD may be it."""
    return any(one.outcome == "ok" and one.call.kind in _TAKING for one in history.operations)


def _took(history: History) -> bool:
    """Whether any byte was acknowledged, or seen by a HEAD, where some were sent and no fault was there."""
    if not any(_sends(one) for one in history.operations):
        return True
    if any(isinstance(event, Fault) for event in history.events):
        return True
    told = (one for one in history.operations if one.outcome == "ok" and one.call.kind in _TAKING)
    return any(_sends(one) or (one.end is not None and one.end.offset) for one in told)


def _sends(operation: Operation) -> bool:
    return operation.call.kind == "append" and bool(operation.call.length)


def strikes(plan: Plan, history: History, idle: Collection[str] = ()) -> Iterator[FaultPlan]:
    """The faults of ``plan`` that struck something."""
    ids, of_requests = _begun(history)
    for fault in plan.faults:
        begun = fault.id in ids or (fault.in_workload and fault.kind in of_requests)
        if begun and fault.id not in idle and _hit(fault, plan, history):
            yield fault


def _begun(history: History) -> tuple[set[str | None], set[str]]:
    """Ids of the faults that began, and kinds of those that the network did to single deliveries."""
    events = [event for event in history.events if isinstance(event, Fault) and not event.ends]
    return {event.id for event in events}, {event.fault for event in events if event.id is None}


def _struck(plan: Plan, history: History, idle: Collection[str]) -> Iterator[Sight]:
    ids, of_requests = _begun(history)
    tables: dict[str, list[FaultPlan]] = {}
    for fault in plan.faults:
        tables.setdefault(fault.id.rpartition(".")[0] or fault.id, []).append(fault)
    for name, faults in tables.items():
        begun = [
            fault
            for fault in faults
            if fault.id in ids or (fault.in_workload and fault.kind in of_requests)
        ]
        struck = any(fault.id not in idle and _hit(fault, plan, history) for fault in begun)
        unseen = f"never triggered: {due(faults[0].trigger)}"
        why = "it was in force, and hit nothing" if begun else unseen
        yield Sight(name, struck, "" if struck else why)


def _hit(fault: FaultPlan, plan: Plan, history: History) -> bool:
    """Whether anybody asked a replica for anything while ``fault`` lay between them.

    Whom a balancer asked nobody knows: there only what lay before every replica is sure to have hit.
    """
    if not FAULTS[fault.kind].of_traffic:
        return True
    events = [one for one in history.events if isinstance(one, Fault) and one.id == fault.id]
    everywhere = len({one.replica for one in events}) == plan.replicas
    for begin in events:
        if begin.ends:
            continue
        ends = [one.time_ns for one in events if one.ends and one.replica == begin.replica]
        over = min((at for at in ends if at >= begin.time_ns), default=None)
        if any(_met(one, begin, over, everywhere) for one in history.operations):
            return True
    return False


def _met(operation: Operation, begin: Fault, over: int | None, everywhere: bool) -> bool:
    call, end = operation.call, operation.end
    unknown_whom = call.replica is None and everywhere
    if begin.replica is not None and call.replica != begin.replica and not unknown_whom:
        return False
    before_its_end = over is None or call.time_ns <= over
    return before_its_end and (end is None or end.time_ns >= begin.time_ns)


def due(trigger: Trigger) -> str:
    """What a fault waited for, as a person reads it."""
    nth = f", number {trigger.nth}" if trigger.nth > 1 else ""
    if trigger.kind == "phase":
        return f"phase {trigger.phase}{nth}"
    if trigger.kind == "path":
        call = f"{trigger.op} of " if trigger.op else ""
        return f"{call}{trigger.path}{nth}"
    numbers = (trigger.step, trigger.after_bytes, trigger.after_requests, trigger.after_ms)
    number = next((one for one in numbers if one is not None), 0)
    return f"{trigger.kind} {number}"
