"""What a server tells of progress beside its protocol: how many chunks are stored, how much of the upload.

The history's header names the headers and how they are to be read: as all stored bytes, or as the contiguous
prefix. Both are held to what had been acknowledged before the request was sent and to what had been handed
over by its answer. Answers without them are not judged; where two headers are named, an answer that has one
has both.

A status document lists the same chunks. A target that has thrown them away and does not count them is free
to list none; one that counts them lists as many, where nothing can have happened in between; or more, where
only the prefix is counted and there is a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patchstorm.case.case import UploadCase
from patchstorm.dialect.cases.claims import NUMBER
from patchstorm.history.model import DocumentFields, Operation, Progress, StatusDocument
from patchstorm.history.ranges import Ranges, Span

_ROUNDING = 0.01
_JUDGED_MAX = 16  # of one upload, the last ones: each is held to all that came before it


def wrong_progress(upload: UploadCase, told_in: Progress) -> Iterator[tuple[Operation, str]]:
    """Each PATCH whose headers cannot be true, and why."""
    told = [one for one in upload.operations if one.call.kind == "append" and one.outcome == "ok"]
    for operation in told[-_JUDGED_MAX:]:
        assert operation.end is not None
        if upload.delete_invoked <= operation.end.time_ns:
            continue  # what was terminated meanwhile has nothing left to count
        headers = operation.end.headers
        count, percent = _told(headers, told_in.chunks), _told(headers, told_in.percent)
        if count is None and percent is None:
            continue
        if told_in.chunks and told_in.percent and (count is None or percent is None):
            there, missing = told_in.chunks, told_in.percent
            if count is None:
                there, missing = missing, there
            yield operation, f"there is {there}, and no {missing}"
            continue
        acked = _acked_before(upload, operation)
        said = None if count is None else _chunks(upload, acked, count, told_in)
        if said is None and percent is not None:
            said = _percent(upload, acked, percent, told_in, until=operation.end.time_ns)
        if said is not None:
            yield operation, said


def _told(headers: Mapping[str, str], name: str | None) -> str | None:
    return None if name is None else headers.get(name.lower())


def _acked_before(upload: UploadCase, operation: Operation) -> set[Span]:
    """What was acknowledged before this request was sent, and what it was told itself."""
    invoked, op = operation.call.time_ns, operation.op
    return {
        (one.start, one.acked)
        for one in upload.writes
        if one.acked > one.start and (one.completed < invoked or one.op == op)
    }


def _chunks(upload: UploadCase, acked: set[Span], text: str, told_in: Progress) -> str | None:
    name = told_in.chunks
    count = _number(text)
    if count is None:
        return f"{name} is {text[:100]!r}, not a plain decimal number"
    if upload.damages or count >= len(acked):  # one for each that was told: no need to ask
        return None
    least = _cover(upload, acked, told_in)
    return None if count >= least else f"{name} is {text}, of at least {least} chunks"


def _cover(upload: UploadCase, acked: set[Span], told_in: Progress) -> int:
    """The fewest requests that can have stored what was acknowledged: no chunk is longer than one."""
    spans = sorted((one.start, one.reach) for one in upload.writes if one.effect != "none")
    stored = _counted(Ranges(acked), told_in)
    count = at = 0
    for start, end in stored:
        at = max(at, start)
        while at < end:
            best = max((stop for begin, stop in spans if begin <= at < stop), default=end)
            count, at = count + 1, best
    return count


def _counted(stored: Ranges, told_in: Progress) -> Ranges:
    """What of the stored bytes a server counts, as its headers are to be read."""
    return stored if told_in.reading == "all" else Ranges([(0, stored.prefix())])


def _percent(
    upload: UploadCase, acked: set[Span], text: str, told_in: Progress, *, until: int
) -> str | None:
    name = told_in.percent
    try:
        percent = float(text)
    except ValueError:
        return f"{name} is {text!r}, not a number"
    if not upload.size:
        return None if percent == 100 else f"{name} is {text} of an upload of no bytes"
    stored = _counted(Ranges(acked), told_in).total()
    surely = 100 * stored / upload.size
    low = 0.0 if upload.damages else surely
    if low - _ROUNDING <= percent <= surely:
        return None  # what had been acknowledged had also been sent
    sent = Ranges((one.start, one.end) for one in upload.writes if one.invoked < until)
    high = 100 * _counted(sent, told_in).total() / upload.size
    if low - _ROUNDING <= percent <= high + _ROUNDING:
        return None
    return f"{name} is {text}, between {low:.2f} and {high:.2f} can be stored"


def miscounted(
    upload: UploadCase, told_in: Progress, named: DocumentFields
) -> Iterator[tuple[Operation, Operation, str]]:
    """A PATCH, a later status document whose list is not as long as the PATCH had counted, and why."""
    counts = [
        (one, count) for one in upload.operations if (count := _count(one, told_in)) is not None
    ]
    for asked in upload.operations:
        document = None if asked.end is None else asked.end.document
        if document is None:
            continue
        before = [one for one in counts if _ended_before(one[0], asked)]
        for operation, count in before[-1:]:
            listed = len(document.chunks_received)
            # a document lists chunks behind a gap, too, which a count of the prefix leaves out
            more = told_in.reading == "prefix" and bool(document.missing_ranges)
            agrees = listed >= count if more else listed == count
            if not agrees and _nothing_between(upload, operation, asked, document):
                yield (
                    operation,
                    asked,
                    f"{named.chunks} lists {listed}, {told_in.chunks} was {count}",
                )


def _count(operation: Operation, told_in: Progress) -> int | None:
    if operation.call.kind != "append" or operation.outcome != "ok" or operation.end is None:
        return None
    text = _told(operation.end.headers, told_in.chunks) or ""
    return _number(text)


def _number(text: str) -> int | None:
    return int(text) if NUMBER.fullmatch(text) else None


def _ended_before(operation: Operation, later: Operation) -> bool:
    return operation.end is not None and operation.end.time_ns < later.call.time_ns


def _nothing_between(
    upload: UploadCase, operation: Operation, asked: Operation, document: StatusDocument
) -> bool:
    """Whether both answers speak of one set of chunks: it was finished for both, or nobody else wrote."""
    assert operation.end is not None and asked.end is not None
    since, until = operation.call.time_ns, asked.end.time_ns
    if upload.delete_invoked <= until:
        return False
    if operation.end.offset == upload.size and not document.missing_ranges:
        return True
    return not upload.damages and not any(
        one.invoked < until and (one.effect == "maybe" or one.completed > since)
        for one in upload.writes
        if one.effect != "none" and one.op != operation.op
    )
