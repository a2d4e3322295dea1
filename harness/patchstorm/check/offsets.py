"""``offsets``: an announced offset is never ahead of what was sent, never behind what was promised.

Four rules, all in real time:

- an offset is at most the declared size;
- it is at most what had been handed to sockets contiguously before that answer ended (on an
  offset-addressed target a body counts only whole, unless the target keeps partial bodies);
- it never goes back: an answer to a request sent after another was answered is at least as large (the
  first gap of a status document counts as well);
- it is at least the end of what was acknowledged before, when no gap lies before that; for the answer
  to a PATCH, its own bytes count as acknowledged.

Only damage that the harness itself did may lower an offset, to where the damage begins.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from patchstorm.case.case import Case, UploadCase, ended
from patchstorm.check.durability import promises_before
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, survives_power
from patchstorm.check.story import finding, verb
from patchstorm.history.model import Operation
from patchstorm.history.ranges import Ranges

NAME = "offsets"


class Reading(msgspec.Struct, frozen=True):
    """One announced offset."""

    op: int
    kind: str
    invoked: int
    completed: int
    offset: int


def readings(upload: UploadCase) -> list[Reading]:
    """Every offset that a 2xx announced, in order of operation index."""
    found = []
    for operation in upload.operations:
        end = operation.end
        if end is not None and operation.outcome == "ok" and end.offset is not None:
            kind, invoked = operation.call.kind, operation.call.time_ns
            if kind in ("query", "append", "create"):
                found.append(Reading(operation.op, kind, invoked, end.time_ns, end.offset))
    return found


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.uploads.values():
        seen = readings(upload)
        yield from _ahead(case, upload, seen)
        yield from _back(case, upload, [*seen, *_committed(upload)])
        yield from _behind(case, upload)


def _committed(upload: UploadCase) -> list[Reading]:
    """The prefix as status documents show it, which may not go back either."""
    found = []
    for one in upload.operations:
        if one.end is not None and one.end.document is not None:
            missing = one.end.document.missing_ranges
            prefix = missing[0][0] if missing else upload.size
            found.append(Reading(one.op, "status", one.call.time_ns, one.end.time_ns, prefix))
    return found


def _ahead(case: Case, upload: UploadCase, seen: list[Reading]) -> Iterator[Finding]:
    calls = sorted(
        (write.invoked, write.start, write.handed, write.op)
        for write in upload.writes
        if write.whole or write.partial or case.sequential
    )
    handed = Ranges()
    at = 0
    for reading in sorted(seen, key=lambda one: (one.completed, one.op)):
        while at < len(calls) and calls[at][0] <= reading.completed:
            handed.add(calls[at][1], calls[at][2])
            at += 1
        limit = handed.prefix()
        if reading.offset > limit:
            past = reading.offset > upload.size
            what = f"the declared size {upload.size}" if past else f"byte {limit}"
            why = "" if past else ", where what had been handed over ended"
            yield finding(
                case,
                NAME,
                f"{verb(case, reading.kind)} (op {reading.op}) announced offset {reading.offset},"
                f" beyond {what}{why}",
                upload=upload,
                spans=[(min(limit, upload.size), reading.offset)],
                operations=[one[3] for one in calls[:at] if one[2] >= limit][:8],
                causes={reading.op: f"nothing had been sent for byte {limit}"},
            )
            return


def _back(case: Case, upload: UploadCase, seen: list[Reading]) -> Iterator[Finding]:
    ends = sorted(seen, key=lambda one: (one.completed, one.op))
    highest: Reading | None = None
    at = 0
    for reading in sorted(seen, key=lambda one: (one.invoked, one.op)):
        while at < len(ends) and ends[at].completed < reading.invoked:
            if highest is None or ends[at].offset > highest.offset:
                highest = ends[at]
            at += 1
        if highest is None or reading.offset >= highest.offset:
            continue
        if reading.offset >= _floor(upload, reading.completed):
            continue
        yield finding(
            case,
            NAME,
            f"the offset went back from {highest.offset} (op {highest.op}) to {reading.offset}"
            f" (op {reading.op})",
            upload=upload,
            spans=[(reading.offset, highest.offset)],
            causes={
                highest.op: f"announced {highest.offset}",
                reading.op: f"announced {reading.offset} afterwards",
            },
        )
        return


def _floor(upload: UploadCase, before: int) -> int:
    """How far damage done until then may have lowered the offset."""
    starts = [event.offset for event in upload.damages if event.time_ns <= before]
    return min(starts, default=upload.size + 1)


def _behind(case: Case, upload: UploadCase) -> Iterator[Finding]:
    for operation, promised in promises_before(upload):
        end = operation.end
        if end is None or operation.outcome != "ok" or end.offset is None:
            continue
        if end.time_ns >= upload.gone_from:
            continue
        least = _least(upload, operation, promised)
        if end.offset >= least or end.offset >= _floor(upload, ended(operation)):
            continue
        yield finding(
            case,
            NAME,
            f"{verb(case, operation.call.kind)} (op {operation.op}) announced offset {end.offset} although"
            f" everything before {least} had been acknowledged",
            upload=upload,
            spans=[(end.offset, least)],
            operations=[
                write.op
                for write in upload.ackers(end.offset, least)
                if write.completed < operation.call.time_ns
            ],
            causes={operation.op: f"gave {end.offset}, not at least {least}"},
        )
        return


def _least(upload: UploadCase, operation: Operation, promised: Ranges) -> int:
    prefix = promised.prefix()
    write = upload.by_op.get(operation.op)
    if operation.call.kind != "append" or write is None or not write.whole:
        return prefix if operation.call.kind in ("query", "append") else 0
    if upload.damaged.touches(write.start, write.end) or write.start > prefix:
        return prefix
    return max(prefix, promised.extends(write.end))


RULE = Rule(
    name=NAME,
    says="an announced offset is never ahead of what was sent, never goes back, never behind what was"
    " acknowledged",
    find=_find,
    applies=survives_power,
)
