"""``status``: a status document agrees with itself, with what was sent, and with later answers.

Its fields must describe one set of bytes. That set must have been handed over (an offset-addressed
target counts bodies only whole, unless it keeps partial ones), and it must still be there in every later
answer: otherwise resending ``missing_ranges`` alone would not complete the upload. A document that misses
*acknowledged* bytes is told by ``durability``. Findings call the fields what the target does.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from patchstorm.case.case import Case, UploadCase
from patchstorm.check.durability import promises_before
from patchstorm.check.model import Finding
from patchstorm.check.progress import miscounted, wrong_progress
from patchstorm.check.rule import Rule, either, needs, survives_power
from patchstorm.check.story import finding, show, shows, verb
from patchstorm.history.model import DocumentFields, Operation, Progress, StatusDocument
from patchstorm.history.ranges import Ranges, Span

NAME = "status"
PERCENT_TOLERANCE = 1.0  # rounding is the target's business


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.uploads.values():
        documents = [one for one in upload.operations if _document(one) is not None]
        told_in = case.history.header.progress
        if told_in is not None and not case.sequential:  # one growing file has no chunks to count
            yield from _progress(case, upload, told_in)
            yield from _miscounted(case, upload, told_in)
        yield from _unreadable(case, upload)
        if documents:
            yield from _disagreeing(case, upload, documents)
            yield from _unfounded(case, upload, documents)
            yield from _invented(case, upload, documents)
            yield from _taken_back(case, upload, documents)


def _progress(case: Case, upload: UploadCase, told_in: Progress) -> Iterator[Finding]:
    for operation, said in wrong_progress(upload, told_in):
        yield finding(
            case,
            NAME,
            f"{verb(case, operation.call.kind)} (op {operation.op}): {said}",
            upload=upload,
            causes={operation.op: said},
        )
        return


def _miscounted(case: Case, upload: UploadCase, told_in: Progress) -> Iterator[Finding]:
    for operation, asked, said in miscounted(upload, told_in, case.history.header.document):
        yield finding(
            case,
            NAME,
            f"the status document (op {asked.op}) disagrees with"
            f" {verb(case, operation.call.kind)} (op {operation.op}): {said}",
            upload=upload,
            causes={operation.op: "counted the chunks", asked.op: said},
        )
        return


def _document(operation: Operation) -> StatusDocument | None:
    return None if operation.end is None else operation.end.document


def _missing(document: StatusDocument) -> list[Span]:
    return [(at, at + length) for at, length in document.missing_ranges]


def _received(upload: UploadCase, document: StatusDocument) -> list[Span]:
    return Ranges(_missing(document)).gaps(0, upload.size)


def _unreadable(case: Case, upload: UploadCase) -> Iterator[Finding]:
    for one in upload.operations:
        if one.call.kind != "status" or one.end is None or one.outcome != "ok":
            continue
        if one.end.malformed is not None:
            yield finding(
                case,
                NAME,
                f"the status document (op {one.op}) cannot be read: {one.end.malformed}",
                upload=upload,
                causes={one.op: one.end.malformed},
            )
            return


def _disagreeing(case: Case, upload: UploadCase, documents: list[Operation]) -> Iterator[Finding]:
    for one in documents:
        document = _document(one)
        assert document is not None
        wrong = disagreement(upload, document, case.history.header.document)
        if wrong is not None:
            yield finding(
                case,
                NAME,
                f"the status document (op {one.op}) disagrees with itself: {wrong}",
                upload=upload,
                causes={one.op: wrong},
            )
            return


def disagreement(upload: UploadCase, document: StatusDocument, named: DocumentFields) -> str | None:
    """The first contradiction between the fields of one document, ``named`` as the server does, or None."""
    size, missing = upload.size, _missing(document)
    if document.total_size != size:
        return f"{named.total} is {document.total_size}, declared {size}"
    at = 0
    for start, end in missing:
        if start < at or end <= start or end > size:
            return f"{named.missing} are not in order within the upload at {show((start, end))}"
        at = end
    first = missing[0][0] if missing else size
    if document.committed_offset != first:
        return f"{named.committed} is {document.committed_offset}, the first gap begins at {first}"
    received = Ranges(missing).gaps(0, size)
    wrong = _percent(size, document, received, named)
    if wrong is None:
        wrong = _ascending(document, named)
    return wrong if wrong is not None or upload.damages else _chunks(document, received, named)


def _percent(
    size: int, document: StatusDocument, received: list[Span], named: DocumentFields
) -> str | None:
    if size == 0:
        return None
    if not 0 <= document.progress_percent <= 100:
        return f"{named.percent} is {document.progress_percent}"
    stored = sum(end - start for start, end in received)
    legal = {"all": 100.0 * stored / size, "prefix": 100.0 * document.committed_offset / size}
    counted = legal.values() if named.reading == "either" else (legal[named.reading],)
    if any(abs(document.progress_percent - one) <= PERCENT_TOLERANCE for one in counted):
        return None
    return f"{named.percent} is {document.progress_percent}, received are {stored} of {size} bytes"


def _ascending(document: StatusDocument, named: DocumentFields) -> str | None:
    """Each chunk is listed once, in the order in which they lie."""
    listed = document.chunks_received
    for before, after in pairwise(listed):
        if before == after:
            return f"{named.chunks} lists {after} twice"
        if before > after:
            return f"{named.chunks} lists {after} behind {before}"
    return None


def _unfounded(case: Case, upload: UploadCase, documents: list[Operation]) -> Iterator[Finding]:
    """A chunk begins where some body began or ended, or inside of one that may not have come whole.

    So a list has no more entries than there are such places: what was accepted may have been cut where
    it overlapped, and nowhere else. Where parts of bodies are kept, a body that was not acknowledged as a
    whole may have ended anywhere, and what came after it begin there.
    """
    if case.sequential or upload.damages:
        return
    whole, broken = set(), Ranges()
    calls = sorted(upload.writes, key=lambda write: (write.invoked, write.op))
    at = 0
    for one in sorted(documents, key=lambda op: (op.end.time_ns if op.end else 0, op.op)):
        document = _document(one)
        assert document is not None and one.end is not None
        while at < len(calls) and calls[at].invoked <= one.end.time_ns:
            write = calls[at]
            whole |= {write.start, write.end}
            if write.partial or not write.whole or write.effect == "maybe":
                broken.add(write.start, write.end)
            at += 1
        for offset in document.chunks_received:
            if offset in whole or broken.covers(offset, offset + 1):
                continue
            field = case.history.header.document.chunks
            yield finding(
                case,
                NAME,
                f"the status document (op {one.op}) lists a chunk at {offset} in {field}, where no body"
                " began or ended",
                upload=upload,
                causes={one.op: f"lists a chunk at {offset}"},
            )
            return


def _chunks(document: StatusDocument, received: list[Span], named: DocumentFields) -> str | None:
    """Chunks lie in received ranges, and every received range begins with a chunk.

    Once all is there the target may have thrown the chunks away; whether it says so everywhere is another
    rule (:func:`patchstorm.check.progress.miscounted`).
    """
    if not document.missing_ranges:
        return None
    stored, offsets = Ranges(received), set(document.chunks_received)
    for offset in sorted(offsets):
        if not stored.covers(offset, offset + 1):
            return f"{named.chunks} names {offset}, which {named.missing} calls missing"
    for start, end in received:
        if start not in offsets:
            return f"{show((start, end))} is not missing and no chunk begins at {start}"
    return None


def _invented(case: Case, upload: UploadCase, documents: list[Operation]) -> Iterator[Finding]:
    calls = sorted(
        (write.invoked, write.start, write.handed)
        for write in upload.writes
        if write.whole or write.partial or case.sequential
    )
    handed = Ranges()
    at = 0
    for one in sorted(documents, key=lambda op: (op.end.time_ns if op.end else 0, op.op)):
        document = _document(one)
        assert document is not None and one.end is not None
        while at < len(calls) and calls[at][0] <= one.end.time_ns:
            handed.add(calls[at][1], calls[at][2])
            at += 1
        extra = [gap for span in _received(upload, document) for gap in handed.gaps(*span)]
        if extra:
            yield finding(
                case,
                NAME,
                f"the status document (op {one.op}) calls {shows(extra)} received, which nobody had"
                " sent",
                upload=upload,
                spans=extra,
                causes={one.op: f"does not list {show(extra[0])} as missing"},
            )
            return


def _taken_back(case: Case, upload: UploadCase, documents: list[Operation]) -> Iterator[Finding]:
    """A document is held against every answer to a request sent after it had ended."""
    ends = sorted((one.end.time_ns, one.op) for one in documents if one.end is not None)
    claimed = Ranges()
    at = 0
    for operation, promised in promises_before(upload):
        while at < len(ends) and ends[at][0] < operation.call.time_ns:
            document = _document(case.operation(ends[at][1]))
            assert document is not None
            for start, end in _received(upload, document):
                for gap in upload.damaged.gaps(start, end):
                    claimed.add(*gap)
            at += 1
        end_record = operation.end
        if end_record is None or operation.outcome != "ok":
            continue
        if end_record.time_ns >= upload.gone_from:
            continue
        lost = [
            part
            for span in _denied(operation, claimed)
            for known in claimed.overlap(*span)
            for part in promised.gaps(*known)
        ]
        if lost:
            claims = [op for _, op in ends[:at]][-4:]
            yield finding(
                case,
                NAME,
                f"{verb(case, operation.call.kind)} (op {operation.op}) misses {shows(lost)}, which a status"
                " document had called received",
                upload=upload,
                spans=lost,
                operations=claims,
                causes={operation.op: f"no longer has {show(lost[0])}"},
            )
            return


def _denied(operation: Operation, claimed: Ranges) -> list[Span]:
    """The bytes that an answer says are not stored, as far as it says so."""
    document = _document(operation)
    if document is not None:
        return _missing(document)
    end = operation.end
    if operation.call.kind == "query" and end is not None and end.offset is not None:
        prefix = claimed.prefix()
        return [(end.offset, prefix)] if end.offset < prefix else []
    return []


RULE = Rule(
    name=NAME,
    says="status fields agree with each other and with the requests; resending what is missing"
    " completes",
    find=_find,
    applies=either(needs("status"), survives_power),
)
