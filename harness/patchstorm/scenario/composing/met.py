"""Which features a history shows to have been there: drawn is not met.

A client counts once one of its requests was answered, a modifier once a request that it sent was, a fault and
its trigger once it struck something. What an upload is like counts once a byte of it, or its creation, was
taken.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import combinations

from patchstorm.history.model import History
from patchstorm.scenario.composing.features import (
    CLIENT,
    FAULT,
    ON,
    UPLOAD,
    WHEN,
    WITH,
    Pair,
    apart,
)
from patchstorm.scenario.composing.shapes import shapes_of
from patchstorm.scenario.plan import Plan, Trigger
from patchstorm.scenario.points import strikes


def met(plan: Plan, history: History, idle: Collection[str] = ()) -> tuple[Pair, ...]:
    """The pairs of features that met in this storm."""
    found = dict.fromkeys(_features(plan, history, idle))
    every = ((min(pair), max(pair)) for pair in combinations(found, 2) if apart(*pair) is None)
    return tuple(sorted(every))


def _features(plan: Plan, history: History, idle: Collection[str]) -> Iterator[str]:
    kinds = {client.name: client.kind for client in plan.clients}
    taken = set()
    for operation in history.operations:
        if operation.end is None or operation.end.status is None:
            continue
        who, *names = operation.call.client.split("+")
        if operation.outcome == "ok":
            taken.add(operation.call.upload)
        kind = kinds.get(who.partition(".")[0])
        if kind is not None and operation.call.phase == "storm":
            yield CLIENT + kind
            yield from (WITH + name for name in names)
    for upload in plan.uploads:
        if upload.id in taken:
            yield from (UPLOAD + shape for shape in shapes_of(plan, upload))
    for fault in strikes(plan, history, idle):
        yield FAULT + fault.kind
        yield WHEN + when(fault.trigger)
    yield ON + (plan.storage or "tmpfs")


def when(trigger: Trigger) -> str:
    """The name of a trigger among features."""
    if trigger.kind == "phase":
        return str(trigger.phase)
    return f"call of {trigger.op}" if trigger.kind == "path" and trigger.op else trigger.kind
