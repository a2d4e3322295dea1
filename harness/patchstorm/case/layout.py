"""A history laid out for judging: what every request can have done, per upload.

This is the one place that decides what an answer means for the stored bytes:

- 2xx: it took effect between its invocation and its completion.
- 4xx: no effect. Except 409 and 423 on a PATCH that can have completed the byte set: the target may
  refuse to *announce* (a lost rivalry, a lock not had) while the bytes stay committed. And except
  where a target keeps partial bodies: a 400 or 408 may end a body that was cut or interrupted by
  another request, and where offsets are addressed so may any answer to a body of which not every byte was
  handed over; on a sequential one a 404 or 410 may end one that a DELETE overtook, after a part was stored.
- 5xx, a broken connection, no answer: it may take effect once, at any time after its invocation, or
  never. Wholly, and only if every byte was handed over; where a target keeps partial bodies, any prefix
  of what was handed over, since not all of that need have reached it.
- A body with a checksum is kept whole or not at all on an offset-addressed target.
- No answer because nothing was ever sent (not ``NoAnswer.may_have_effect``): no effect.
- A checksum that does not match is never allowed an effect where the target announces checksums.

Everything is computed once for all checkers; intervals and sorted lists only.
"""

from __future__ import annotations

from patchstorm.case.case import (
    EXPIRY_SLACK_NS,
    FAR,
    Case,
    Effect,
    UploadCase,
    Write,
    bodied,
    effect_of,
    ended,
)
from patchstorm.case.expiry import promised_ns
from patchstorm.case.faults import Faults
from patchstorm.history.events import Damage, Phase, Sighting, Standstill, Told
from patchstorm.history.model import Final, History, Operation
from patchstorm.history.ranges import Ranges

_ENDED_WITHIN = frozenset({400, 408})
"""What a target answers to a body that, for all it knows, ended too early."""
_OVERTAKEN = frozenset({404, 410})


def lay_out(history: History) -> Case:
    """The case of a history. Costs O(n log n) in its records."""
    header = history.header
    capabilities = frozenset(header.capabilities)
    uploads = {info.id: UploadCase(info=info) for info in header.uploads}
    for operation in history.operations:
        if operation.call.upload is not None:
            uploads[operation.call.upload].operations.append(operation)
    case = Case(
        history=history,
        uploads=uploads,
        faults=Faults(history),
        sequential=header.reading == "sequential",
        capabilities=capabilities,
        keeps_partial="keeps-partial-body" in capabilities,
        stood_still=frozenset(
            event.op for event in history.events if isinstance(event, Standstill)
        ),
        heal_ns=_heal_ns(history),
        last_ns=_last_ns(history),
    )
    _events(case)
    _rivals(case)
    _unpublished_parts(case)
    start = min((operation.call.time_ns for operation in history.operations), default=0)
    for upload in uploads.values():
        _requests(case, upload, start)
    if any(info.parts for info in header.uploads) and "keeps-parts" not in capabilities:
        _consume_parts(case)
    _set_spoilt_aside(case)
    _set_others_apart(case)
    return case


def _consume_parts(case: Case) -> None:
    """A part is gone from the first join on that may have worked: whose target does not say that it stays."""
    for final in case.uploads.values():
        for one in final.operations if final.info.parts else ():
            if one.call.kind != "create" or effect_of(one) == "none":
                continue
            for part in final.info.parts:
                upload = case.uploads[part]
                upload.consumed = min(upload.consumed, one.call.time_ns)


def _set_others_apart(case: Case) -> None:
    """What has no bytes of its own, or no length that the plan knows, is judged by rules of its own."""
    for ident, upload in list(case.uploads.items()):
        disputed = any(
            one.call.declares not in (None, upload.size) for one in upload.operations
        )  # fmt: skip
        if upload.info.parts or disputed:
            case.apart[ident] = case.uploads.pop(ident)
    for upload in case.uploads.values() if case.apart else ():
        upload.rivals = tuple(one for one in upload.rivals if one not in case.apart)


def _set_spoilt_aside(case: Case) -> None:
    """Of an upload whose record was damaged, and of its rivals, only the published file is judged."""
    hit = [one for one in case.uploads.values() if any(event.record for event in one.damages)]
    for ident in {name for one in hit for name in (one.id, *one.rivals)}:
        case.spoilt[ident] = case.uploads[ident]
    for ident in case.spoilt:
        del case.uploads[ident]


def _heal_ns(history: History) -> int | None:
    for event in history.events:
        if isinstance(event, Phase) and event.phase == "heal":
            return event.time_ns
    heals = (op.call.time_ns for op in history.operations if op.call.phase == "heal")
    return min(heals, default=None)


def _last_ns(history: History) -> int:
    ends = [op.end.time_ns for op in history.operations if op.end is not None]
    calls = [op.call.time_ns for op in history.operations]
    return max((*ends, *calls, *(event.time_ns for event in history.events)), default=0)


def _events(case: Case) -> None:
    for event in case.history.events:
        if not isinstance(event, (Sighting, Damage, Told)):
            continue
        upload = case.uploads.get(event.upload)
        if upload is None:
            continue
        if isinstance(event, Sighting):
            upload.sightings.append(event)
        elif isinstance(event, Told):
            upload.told.append(event)
        else:
            upload.damages.append(event)
            length = upload.size if event.record else event.length
            upload.damaged.add(event.offset, event.offset + length)


def _rivals(case: Case) -> None:
    """Uploads that name one target share its file; the runs tell whose it is."""
    by_target: dict[str, list[str]] = {}
    for upload in case.uploads.values():
        by_target.setdefault(upload.info.target, []).append(upload.id)
    for ids in by_target.values():
        finals = [final for one in ids if (final := case.history.finals.get(one)) is not None]
        sizes = {one: case.uploads[one].size for one in ids}
        for one in ids:
            upload = case.uploads[one]
            upload.rivals = tuple(other for other in ids if other != one)
            upload.final = case.history.finals.get(one)
            upload.owner = _owner(finals, upload, sizes)


def _unpublished_parts(case: Case) -> None:
    """A part that never had a file of its own owes none: tus joins uploads, and says nothing of their files.

    What it holds is judged by its answers, and by the file that is joined from it.
    """
    for upload in case.uploads.values():
        there = upload.final is not None and upload.final.present
        if upload.info.partial and not there and upload.shown_from == FAR:
            upload.final = None
            upload.sightings = []


def _owner(finals: list[Final], upload: UploadCase, sizes: dict[str, int]) -> str | None:
    """The upload whose bytes stand most in the published file.

    An empty file belongs to whoever declared it empty; where nothing tells, it is the upload's own.
    """
    present = [final for final in finals if final.present]
    if not present:
        return None
    held: dict[str, int] = {}
    for final in present:
        for run in final.runs:
            if run.content is not None:
                name = run.upload or final.upload
                held[name] = held.get(name, 0) + run.length
    family = [name for name in held if name in sizes]
    if not family and present[0].size != upload.size:
        family = [name for name in sizes if sizes[name] == present[0].size]
    return max(family, key=lambda name: (held.get(name, 0), name), default=upload.id)


def _requests(case: Case, upload: UploadCase, start_ns: int) -> None:
    _deletes(upload)
    bodies = [operation for operation in upload.operations if bodied(operation)]
    upload.full_from = _full_from(case, upload, bodies)
    upload.writes = [_write(case, upload, operation) for operation in bodies]
    created = [op.call.time_ns for op in upload.operations if op.call.kind == "create"]
    if upload.info.expires_ms is not None:
        born = min(created, default=start_ns)
        upload.promised = promised_ns(upload.operations, case.history.header.epoch_ns)
        upload.expires = born + upload.info.expires_ms * 1_000_000 - EXPIRY_SLACK_NS
        if upload.promised is not None:
            upload.expires = max(upload.expires, upload.promised - EXPIRY_SLACK_NS)
        if case.faults.clock:
            upload.expires = min(upload.expires, start_ns)
    for operation in upload.operations:
        call, end = operation.call, operation.end
        if (
            end is not None
            and operation.outcome == "ok"
            and end.offset == upload.size
            and call.kind in ("query", "append", "create")
            and not (upload.info.deferred and call.kind == "query" and end.upload_length is None)
            and end.time_ns < upload.announced
        ):
            upload.announced, upload.announcer = end.time_ns, operation.op


def _deletes(upload: UploadCase) -> None:
    for operation in upload.operations:
        call, end = operation.call, operation.end
        if call.kind == "terminate" and effect_of(operation) != "none":
            upload.delete_invoked = min(upload.delete_invoked, call.time_ns)
            if operation.outcome == "ok" and end is not None:
                upload.delete_done = min(upload.delete_done, end.time_ns)


def _span(upload: UploadCase, operation: Operation) -> tuple[int, int, int]:
    """Start, announced end and handed end of a body, within the declared size."""
    call, end = operation.call, operation.end
    offset, length = call.offset or 0, call.length or 0
    sent = length if end is None else min(end.sent, length)
    size = upload.size
    return min(offset, size), min(offset + length, size), min(offset + sent, size)


def _whole(operation: Operation) -> bool:
    call, end = operation.call, operation.end
    return not call.cut and (end is None or end.sent >= (call.length or 0))


def _full_from(case: Case, upload: UploadCase, bodies: list[Operation]) -> int:
    """When the bytes of all requests that are not plainly refused first cover the upload.

    A 409 or 423 counts as not plainly refused here: whether it is depends on this very moment. So does
    whatever may have ended a body after a part of it was stored.
    """
    unclear = {409, 423} | (_ENDED_WITHIN if case.keeps_partial else set())
    if case.sequential and case.keeps_partial:
        unclear |= _OVERTAKEN
    if upload.size == 0:
        return min((op.call.time_ns for op in upload.operations), default=FAR)
    covered = Ranges()
    for operation in sorted(bodies, key=lambda op: op.call.time_ns):
        status = None if operation.end is None else operation.end.status
        broken = not _whole(operation)
        if broken and not _partial(case, operation):
            continue
        known = not broken or case.sequential
        if known and effect_of(operation) == "none" and status not in unclear:
            continue
        start, _, handed = _span(upload, operation)
        covered.add(start, handed)
        if covered.covers(0, upload.size):
            return operation.call.time_ns
    return FAR


def _partial(case: Case, operation: Operation) -> bool:
    """Whether a part of this body may stay stored although it broke off."""
    if case.sequential:
        return case.keeps_partial
    return case.keeps_partial and operation.call.checksum == "none"


def _came_whole(operation: Operation) -> bool:
    """Whether an answer tells that the target had all that was handed over."""
    status = None if operation.end is None else operation.end.status
    return status is not None and status < 500 and status not in _ENDED_WITHIN


def _write(case: Case, upload: UploadCase, operation: Operation) -> Write:
    call, end = operation.call, operation.end
    start, announced, handed = _span(upload, operation)
    whole = _whole(operation)
    poisoned = case.checks_checksums and call.checksum not in ("none", "right")
    effect = _effect(case, upload, operation, announced)
    partial = _partial(case, operation)
    acked = start
    if effect == "done":
        acked = _acked(case, operation, start, announced)
    elif poisoned and (whole or not partial):
        effect = "none"
    if effect == "none":
        reach = start
    elif whole or effect == "done":
        reach = announced
    else:
        reach = handed if partial else start
    if effect == "maybe" and reach == start:
        effect = "none"
    return Write(
        op=operation.op,
        start=start,
        end=announced,
        handed=handed,
        reach=reach,
        acked=acked,
        content=call.content,
        invoked=call.time_ns,
        completed=FAR if end is None else end.time_ns,
        effect=effect,
        whole=whole,
        partial=partial and (_overtaken(case, operation) or not (whole and _came_whole(operation))),
        poisoned=poisoned,
    )


def _effect(case: Case, upload: UploadCase, operation: Operation, announced: int) -> Effect:
    effect = effect_of(operation)
    status = None if operation.end is None else operation.end.status
    if effect != "none" or status is None:
        return effect
    within = not _whole(operation) or status in _ENDED_WITHIN
    if within and not case.sequential and _partial(case, operation):
        return "maybe"
    if _overtaken(case, operation):
        return "maybe"
    if status in (409, 423) and ended(operation) >= upload.full_from:
        closes = announced >= upload.size if case.sequential else True
        return "maybe" if closes else "none"
    if case.sequential and case.keeps_partial:
        stopped = upload.delete_invoked <= ended(operation) and status in (404, 409, 410, 423)
        return "maybe" if stopped or status in _ENDED_WITHIN else "none"
    return "none"


def _overtaken(case: Case, operation: Operation) -> bool:
    """Whether others may have gone on with what had come of this body, which stood still: the rest of it is
    refused then, and rightly, for the offset has moved."""
    status = None if operation.end is None else operation.end.status
    kept = case.sequential and case.keeps_partial
    return kept and operation.op in case.stood_still and status in (409, 423)


def _acked(case: Case, operation: Operation, start: int, announced: int) -> int:
    """The end of what a 2xx acknowledges.

    On a sequential target the offset in the answer says how much of the body was stored (tus 1.0.0,
    PATCH); a POST acknowledges bytes only by that header (creation-with-upload).
    """
    end = operation.end
    offset = None if end is None else end.offset
    if operation.call.kind == "create":
        return start if offset is None else max(start, min(announced, offset))
    if case.sequential and offset is not None:
        return max(start, min(announced, offset))
    return announced
