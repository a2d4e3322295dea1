"""``durability``: no acknowledged range is ever missing again.

A 2xx to a PATCH is a promise. From its completion on, every HEAD, every status document and the
published file must show the range, and the upload must stay known, unless it was terminated, may
have expired, or the harness itself destroyed those bytes. Order is real time: an answer is held to
the promises that were complete before its request was sent. An upload without any that was shown all the
same is not gone for no reason, either (:mod:`patchstorm.check.vanished`).
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase, ended
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, survives_power
from patchstorm.check.story import finding, show, shows, verb
from patchstorm.check.vanished import vanished
from patchstorm.history.model import Operation
from patchstorm.history.ranges import Ranges, Span

NAME = "durability"


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.uploads.values():
        missing = list(_answers(case, upload))
        yield from missing or vanished(case, NAME, upload, _forgotten)
        yield from _published(case, upload)


def promises_before(upload: UploadCase) -> Iterator[tuple[Operation, Ranges]]:
    """Every answered request in order of invocation, each with what was promised before it.

    The second value is one growing set, valid until the next step; damage is left out of it.
    """
    acks = sorted(
        ((write.completed, write.start, write.acked) for write in upload.writes if write.acked),
    )
    promised = Ranges()
    at, count, damaged = 0, len(acks), upload.damaged
    for operation in upload.by_invocation:
        while at < count and acks[at][0] < operation.call.time_ns:
            _, start, end = acks[at]
            for gap in damaged.gaps(start, end) if damaged else ((start, end),):
                promised.add(*gap)
            at += 1
        if operation.end is not None and operation.end.status is not None:
            yield operation, promised


def _answers(case: Case, upload: UploadCase) -> Iterator[Finding]:
    """The first answer of each kind that misses something promised."""
    told: set[str] = set()
    for operation, promised in promises_before(upload):
        if not promised or ended(operation) >= upload.gone_from:
            continue
        kind = operation.call.kind
        lost = _lost(case, upload, operation, promised)
        if lost and kind not in told:
            told.add(kind)
            yield _missing(case, upload, operation, lost)


def _lost(case: Case, upload: UploadCase, operation: Operation, promised: Ranges) -> list[Span]:
    end = operation.end
    assert end is not None
    if operation.outcome == "fail":
        return list(promised) if _forgotten(case, upload, operation) else []
    if operation.call.kind == "query" and operation.outcome == "ok" and end.offset is not None:
        prefix = promised.prefix()
        return [(end.offset, prefix)] if end.offset < prefix else []
    if end.document is not None:
        missing = [(at, at + length) for at, length in end.document.missing_ranges]
        return [part for gap in missing for part in promised.overlap(*gap)]
    return []


def _forgotten(case: Case, upload: UploadCase, operation: Operation) -> bool:
    """An upload with acknowledged bytes that the target says it does not know.

    Once every byte can have been committed the target may have finished and cleared the upload, and
    whether it is still known then is open, except to HEAD where ``head-after-finish`` is declared. Who lost
    the name to another upload may be told so with 410, and the target has no use for his bytes any more.
    """
    end, kind = operation.end, operation.call.kind
    if end is None or end.status not in (404, 410) or kind not in ("query", "append", "status"):
        return False
    if case.lost_from(upload) <= end.time_ns:
        return False
    if upload.full_from <= end.time_ns:
        return kind == "query" and case.can("head-after-finish") and not upload.rivals
    return True


def _missing(case: Case, upload: UploadCase, operation: Operation, lost: list[Span]) -> Finding:
    gone = operation.outcome == "fail"
    says = f"answered {operation.end.status}" if gone and operation.end else f"misses {shows(lost)}"
    return finding(
        case,
        NAME,
        f"{verb(case, operation.call.kind)} (op {operation.op}) {says} although {shows(lost)} had been"
        " acknowledged",
        upload=upload,
        spans=lost,
        operations=_ackers(upload, lost, operation.call.time_ns),
        causes={operation.op: f"no longer has {shows(lost, 2)}"},
    )


def _ackers(upload: UploadCase, lost: list[Span], before: int) -> list[int]:
    return sorted(
        {
            write.op
            for span in lost[:8]
            for write in upload.ackers(*span)
            if write.completed < before
        }
    )


def _published(case: Case, upload: UploadCase) -> Iterator[Finding]:
    final = upload.final
    if final is None:
        return
    if not final.present:
        yield from _absent(case, upload)
        return
    if upload.owner != upload.id or upload.removed != FAR:
        return
    held = Ranges((run.offset, run.offset + run.length) for run in final.runs if not run.zero)
    if not final.runs:
        held.add(0, final.size or 0)
    limit = min(upload.size, final.size or 0)
    lost = [gap for start, end in upload.acked for gap in held.gaps(start, end)]
    known = Ranges((run.offset, run.offset + run.length) for run in final.runs)
    lost = [span for span in lost if span[0] >= limit or known.touches(*span)]
    if lost:
        yield finding(
            case,
            NAME,
            f"{shows(lost)} had been acknowledged and is missing from the published file",
            upload=upload,
            spans=lost,
            causes=dict.fromkeys(_ackers(upload, lost, FAR), "was acknowledged"),
            notes=[f"the published file has {final.size} bytes and nothing at {show(lost[0])}"],
        )


def _absent(case: Case, upload: UploadCase) -> Iterator[Finding]:
    """A file whose publication was announced must be there, whoever deletes the upload later."""
    if upload.announced == FAR or upload.announcer is None:
        return
    if upload.removed < (FAR if case.sequential else upload.announced):
        return
    yield finding(
        case,
        NAME,
        "the upload was announced as complete and no file stands under its name",
        upload=upload,
        spans=[(0, upload.size)],
        causes={upload.announcer: "gave the full length as offset"},
        in_the_end=True,
    )


RULE = Rule(
    name=NAME,
    says="no acknowledged range is ever missing again: from HEAD, status or the published file",
    find=_find,
    applies=survives_power,
)
