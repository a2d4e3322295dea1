"""``replay``: sending accepted bytes again succeeds and changes nothing.

Of an offset-addressed target only (the reference's rule "first committed wins": identical bytes again
are a success, whatever their boundaries). A request counts as a replay when every byte of it had been
acknowledged, with the same content, before it was sent. It may meet a busy lock (423, 503), a fault
(5xx), an upload that is gone (404, 410) or a lost rivalry (409); any other refusal is a violation. And
two status documents between which only replays ran must agree.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise

from patchstorm.case.case import FAR, Case, UploadCase, Write, ended
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule
from patchstorm.check.story import finding, show
from patchstorm.history.model import Operation
from patchstorm.history.ranges import Ranges

NAME = "replay"


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.uploads.values():
        yield from _refused(case, upload)
        yield from _changed(case, upload)


def _refused(case: Case, upload: UploadCase) -> Iterator[Finding]:
    others = upload.acked_by_content
    accepted = _Accepted(upload)
    for write in sorted(upload.writes, key=lambda one: (one.invoked, one.op)):
        accepted.advance(write.invoked)
        operation = case.operation(write.op)
        if not write.whole or write.start == write.end or write.poisoned:
            continue
        if not accepted.covers(write) or _excused(case, upload, operation, write):
            continue
        if any(
            content != write.content and ranges.touches(write.start, write.end)
            for content, ranges in others.items()
        ):
            continue  # contradicting acknowledgements: ``conflict`` tells that
        earlier = [
            one.op
            for one in upload.ackers(write.start, write.end)
            if one.content == write.content and one.completed < write.invoked
        ]
        status = None if operation.end is None else operation.end.status
        yield finding(
            case,
            NAME,
            f"op {write.op} repeated accepted bytes {show((write.start, write.end))} and was"
            f" refused with {status}",
            upload=upload,
            spans=[(write.start, write.end)],
            operations=earlier,
            causes={write.op: f"a replay, refused with {status}"},
        )
        return


def _excused(case: Case, upload: UploadCase, operation: Operation, write: Write) -> bool:
    end = operation.end
    if end is None or end.status is None or operation.outcome != "fail":
        return True
    if end.status == 423 or end.status >= 500:
        return True
    if end.status in (404, 410):
        return min(case.lost_from(upload), upload.full_from) <= end.time_ns
    if end.status == 409:
        return bool(upload.rivals) or upload.damaged.touches(write.start, write.end)
    return False


def _changed(case: Case, upload: UploadCase) -> Iterator[Finding]:
    documents = [
        one
        for one in upload.operations
        if one.call.kind == "status" and one.end is not None and one.end.document is not None
    ]
    if len(documents) < 2 or upload.damages:
        return
    documents.sort(key=lambda one: (one.call.time_ns, one.op))
    lingering = _Lingering(upload)
    accepted = _Accepted(upload)
    for before, after in pairwise(documents):
        accepted.advance(before.call.time_ns)
        if ended(before) >= after.call.time_ns or ended(after) >= upload.gone_from:
            continue
        between = lingering.between(before.call.time_ns, ended(after))
        if not between or not all(accepted.covers(write) for write in between):
            continue
        if _document(before) == _document(after):
            continue
        yield finding(
            case,
            NAME,
            f"only replays ran between two status documents (op {before.op} and op {after.op}), and"
            " they differ",
            upload=upload,
            operations=[write.op for write in between],
            causes={before.op: "the status before", after.op: "the status afterwards"},
        )
        return


class _Accepted:
    """What had been acknowledged, per content, before a moment that only moves forward."""

    def __init__(self, upload: UploadCase) -> None:
        self._acks = sorted(
            (write.completed, write.op, write)
            for write in upload.writes
            if write.acked > write.start
        )
        self._at = 0
        self._ranges: dict[int, Ranges] = {}

    def advance(self, before: int) -> None:
        while self._at < len(self._acks) and self._acks[self._at][0] < before:
            write = self._acks[self._at][2]
            self._ranges.setdefault(write.content, Ranges()).add(write.start, write.acked)
            self._at += 1

    def covers(self, write: Write) -> bool:
        known = self._ranges.get(write.content)
        return known is not None and known.covers(write.start, write.end)


class _Lingering:
    """Which writes can have taken effect within an interval; None when they are too many to tell."""

    MAX = 64

    def __init__(self, upload: UploadCase) -> None:
        writes = sorted(upload.writes, key=lambda one: (one.invoked, one.op))
        self._writes = [one for one in writes if one.effect != "none"]
        self._since = [one.invoked for one in self._writes]
        self._until = [FAR if one.effect == "maybe" else one.completed for one in self._writes]
        self._latest = list(accumulate(self._until, max))

    def between(self, since: int, until: int) -> list[Write] | None:
        found: list[Write] = []
        at = bisect_right(self._since, until)
        for _ in range(4 * self.MAX):
            at -= 1
            if at < 0 or self._latest[at] < since:
                return found
            if self._until[at] >= since:
                found.append(self._writes[at])
            if len(found) > self.MAX:
                return None
        return None


def _document(operation: Operation) -> tuple[object, ...]:
    document = operation.end.document if operation.end is not None else None
    assert document is not None
    whole = document.committed_offset >= document.total_size
    chunks = () if whole else tuple(sorted(document.chunks_received))
    return document.committed_offset, document.missing_ranges, chunks


def _applies(case: Case) -> str | None:
    if case.sequential:
        return "the target is sequential: bytes are accepted only at the current offset"
    return None


RULE = Rule(
    name=NAME,
    says="replays of accepted requests succeed and change nothing",
    find=_find,
    applies=_applies,
)
