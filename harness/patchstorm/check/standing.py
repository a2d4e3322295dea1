"""Bodies that stand still: between which moments, and whom they may have kept waiting."""

from __future__ import annotations

from dataclasses import dataclass

from patchstorm.case.case import Case, ended
from patchstorm.history.events import Standstill
from patchstorm.history.model import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """The body of ``op`` stood still at ``replica``."""

    op: int
    replica: int
    since: int
    until: int
    let_pass: bool  # as of the event that ends it

    def waited(self, operation: Operation) -> int:
        """For how much of it an operation that outlasted it had to wait; 0 for one that did not."""
        if ended(operation) < self.until or operation.call.time_ns >= self.until:
            return 0
        return self.until - max(self.since, operation.call.time_ns)


def stills(case: Case) -> list[Still]:
    """The standstills whose begin, end and place are known, in the order of their begins."""
    begun: dict[int, Standstill] = {}
    found = []
    for event in case.history.events:
        if not isinstance(event, Standstill):
            continue
        if not event.ends:
            begun[event.op] = event
            continue
        since = begun.pop(event.op, None)
        if since is not None and event.replica is not None:
            found.append(
                Still(
                    op=event.op,
                    replica=event.replica,
                    since=since.time_ns,
                    until=event.time_ns,
                    let_pass=event.let_pass,
                )
            )
    return sorted(found, key=lambda one: (one.since, one.op))


def kept_waiting(case: Case, operation: Operation) -> bool:
    """Whether others' bodies stood still at this request's replica for half of its time, taken together.

    A server may give a body its worker, and has only so many.
    """
    call = operation.call
    since, until = call.time_ns, min(ended(operation), case.last_ns)
    still = sum(
        overlap(one, since, until)
        for one in stills(case)
        if one.replica == call.replica and one.op != operation.op
    )
    return still > 0 and 2 * still >= until - since


def overlap(still: Still, since: int, until: int) -> int:
    return max(0, min(still.until, until) - max(still.since, since))
