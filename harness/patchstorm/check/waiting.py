"""``waiting``: while the body of one request stands still, nobody elsewhere has to wait for it.

A client can stand still for as long as it likes. A request that goes to another replica meanwhile is to be
answered: served, or refused at once (423, 409). One that began while the body stood still, got no answer for
at least three fifths of that time, and was answered only when the body went on, has waited for it; that the
client was patient enough to see an answer in the end makes it no better for those who are not.

Only requests to other replicas are judged: a server may give a slow body its process. One to which a second
body stood still at the same replica is left out for that reason, and so is whatever a fault explains. So are
bodies during which a schedule of the simulator let time pass although somebody could have run.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import Case, ended
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, Unsure, either, liveness
from patchstorm.check.standing import Still, stills
from patchstorm.check.story import finding, verb
from patchstorm.history.events import Standstill
from patchstorm.history.model import Operation

NAME = "waiting"
LEAST_NS = 250_000_000
"""Shorter waits tell nothing: that long a server may take by itself."""


def _find(case: Case) -> Iterator[Finding | Unsure]:
    every = stills(case)
    told: set[tuple[str, bool]] = set()
    for still in every:
        if still.let_pass:
            continue
        for operation in case.operations:
            if not _judged(case, operation, still, every):
                continue
            if case.faults.stalled(operation.call.time_ns, min(ended(operation), case.last_ns)):
                yield Unsure(f"op {operation.op} waited while the harness itself was not scheduled")
                continue
            same = operation.call.upload == case.operation(still.op).call.upload
            kind = operation.call.kind
            if (kind, same) in told:
                continue
            told.add((kind, same))
            yield _finding(case, operation, still, same=same)


def _judged(case: Case, operation: Operation, still: Still, every: list[Still]) -> bool:
    """Whether an operation was made to wait by a body that stood still elsewhere."""
    replica, waited = operation.call.replica, still.waited(operation)
    if operation.op == still.op or operation.call.probe is not None:
        return False
    if replica is None or replica == still.replica:
        return False
    if waited < max(LEAST_NS, 3 * (still.until - still.since) // 5):
        return False
    if any(
        other.op == operation.op or other.replica == replica
        for other in every
        if other.since <= still.until and operation.call.time_ns <= other.until
    ):
        return False
    until = min(ended(operation), case.last_ns)
    return not (case.faults.explains(operation, until) or case.faults.shortly_before(still.until))


def _finding(case: Case, operation: Operation, still: Still, *, same: bool) -> Finding:
    waited_ms = still.waited(operation) // 1_000_000
    what = "the same upload" if same else "another upload"
    return finding(
        case,
        NAME,
        f"{verb(case, operation.call.kind)} (op {operation.op}) at replica {operation.call.replica} waited"
        f" {waited_ms} ms for a body of {what} that stood still at replica {still.replica}"
        f" (op {still.op})",
        upload=case.uploads.get(operation.call.upload or ""),
        operations=[still.op],
        causes={
            still.op: f"its body stands still for {(still.until - still.since) // 1_000_000} ms",
            operation.op: "began meanwhile, and ended only when the body had gone on",
        },
    )


def _applies(case: Case) -> str | None:
    if not any(isinstance(event, Standstill) for event in case.history.events):
        return "no body stood still"
    return None


RULE = Rule(
    name=NAME,
    says="while a body stands still at one replica, requests to others are answered",
    find=_find,
    applies=either(liveness, _applies),
)
