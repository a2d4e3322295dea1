"""``joined``: a final upload is made of its parts, whole and in the order in which they were named.

The sum of its parts is its length (tus 1.0.0, concatenation). Once its creation was acknowledged its file
has to be there, unless a part was deleted meanwhile: then a server may refuse to join, or take the bytes away
with their part, as long as HEAD does not call the upload complete. A file that is there holds each part's
bytes in its place, whatever was answered. That the parts are as they were is judged as of any other upload.

Nor may it be refused once each of its parts was acknowledged to its end, where nobody does anything to them
meanwhile that a server may have to wait for.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase, effect_of, ended
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, Unsure, survives_power
from patchstorm.check.story import finding, show
from patchstorm.history.model import Final, Operation, Run
from patchstorm.history.ranges import Ranges, Span

NAME = "joined"
_GONE = frozenset({403, 404, 410})
_BUSY = frozenset({408, 409, 423, 425, 429})
"""Something else is in the way: a lock that a death left, or a name."""


def _find(case: Case) -> Iterator[Finding | Unsure]:
    for upload in case.apart.values():
        if not upload.info.parts:
            continue
        yield from _told(case, upload)
        yield from _lost(case, upload)
        yield from _refused(case, upload)
        final = upload.final
        if final is None:
            continue
        wrong = list(_wrong(case, upload, final)) if final.present else []
        yield from wrong
        if not wrong:
            yield from _whole(case, upload, final)


def _heads(upload: UploadCase) -> list[Operation]:
    return [one for one in upload.operations if one.call.kind == "query" and one.outcome == "ok"]


def _made(upload: UploadCase) -> list[Operation]:
    return [one for one in upload.operations if one.call.kind == "create" and one.outcome == "ok"]


def _told(case: Case, upload: UploadCase) -> Iterator[Finding]:
    """HEAD says the sum of the parts, and never more bytes than that."""
    for one in _heads(upload):
        assert one.end is not None
        length, offset = one.end.upload_length, one.end.offset
        said = None
        if length is not None and length != upload.size:
            said = f"is {length} bytes long"
        elif offset is not None and offset > upload.size:
            said = f"is at {offset}"
        if said is not None:
            yield finding(
                case, NAME,
                f"HEAD says that the final upload {said}, and its parts have {upload.size} bytes together",
                upload=upload, causes=_causes(upload, one.op, "another length than its parts'"),
            )  # fmt: skip
            return


def _lost(case: Case, upload: UploadCase) -> Iterator[Finding]:
    """Known by HEAD as complete, and in the end not at all."""
    asked = [one for one in upload.by_invocation if one.call.kind == "query" and one.end]
    full = [one for one in asked if one.outcome == "ok" and _offset(one) == upload.size]
    last = asked[-1] if asked else None
    if not full or last is None or last.call.phase != "heal" or _deleted(case, upload) < FAR:
        return
    status = None if last.end is None else last.end.status
    if status in _GONE and last.call.time_ns < upload.gone_from:
        yield finding(
            case, NAME, f"the final upload was complete, and HEAD is answered {status} in the end",
            upload=upload, causes={full[0].op: "complete", last.op: "gone"},
        )  # fmt: skip


def _refused(case: Case, upload: UploadCase) -> Iterator[Finding]:
    """Told that it cannot be made of parts that are there, whole."""
    parts = _parts(case, upload)
    if case.crowded or upload.rivals or any(part.id in case.spoilt for part in parts):
        return
    for one in upload.by_invocation:
        if one.call.kind != "create":
            continue
        if effect_of(one) != "none":
            return  # what this one made may be in the way of others
        status = None if one.end is None else one.end.status
        if status is None or status in _BUSY or _disturbed(case, upload, one, parts):
            continue
        whole = max(parts, key=_complete)
        if _complete(whole) < one.call.time_ns:
            yield finding(
                case, NAME,
                f"the final upload is refused with {status}, and all of its parts had been acknowledged",
                upload=upload, causes={**_acknowledged(whole), one.op: "refused"},
            )  # fmt: skip
            return


def _complete(part: UploadCase) -> int:
    """Since when every byte of it has been acknowledged; FAR if some byte never was."""
    if not part.size:
        return min(map(ended, _made(part)), default=FAR)
    acked = Ranges()
    for write in sorted(part.writes, key=lambda one: one.completed):
        if write.acked > write.start:
            acked.add(write.start, write.acked)
            if acked.minus(part.damaged).covers(0, part.size):
                return write.completed
    return FAR


def _acknowledged(part: UploadCase) -> dict[int, str]:
    ackers = part.ackers(part.size - 1, part.size)
    return {ackers[0].op: "the last byte of a part is acknowledged"} if ackers else {}


def _disturbed(case: Case, upload: UploadCase, asked: Operation, parts: list[UploadCase]) -> bool:
    """Whether a part is worked at meanwhile, may be gone, or another final upload may be made of it."""
    begins, ends = asked.call.time_ns, ended(asked)
    at_work = [one for part in parts for one in part.operations if one.call.kind != "query"]
    mine = set(upload.info.parts)
    for other in case.apart.values():
        if other is not upload and mine & set(other.info.parts):
            made = [one for one in other.operations if one.call.kind == "create"]
            at_work += [one for one in made if effect_of(one) != "none"]
    return any(part.gone_from <= ends for part in parts) or any(
        one.call.time_ns <= ends and begins <= ended(one) for one in at_work
    )


def _offset(operation: Operation) -> int | None:
    return None if operation.end is None else operation.end.offset


def _parts(case: Case, upload: UploadCase) -> list[UploadCase]:
    return [case.every_upload[part] for part in upload.info.parts]


def _deleted(case: Case, upload: UploadCase) -> int:
    """The earliest moment at which one of its parts may have been deleted."""
    return min(min(part.delete_invoked, part.expires) for part in _parts(case, upload))


def _whole(case: Case, upload: UploadCase, final: Final) -> Iterator[Finding]:
    """A file is owed for what was acknowledged, and for what HEAD calls complete."""
    if final.present and final.size == upload.size:
        return
    deleted = _deleted(case, upload)
    made = _made(upload)
    full = [one for one in _heads(upload) if _offset(one) == upload.size]
    if deleted < FAR:
        last = _deletes(case, upload)
        made, full = [], [one for one in full if one.call.time_ns > last]
    if not (made or full) or upload.gone_from <= case.last_ns or case.crowded:
        return
    stands = f"{final.size} of {upload.size} bytes" if final.present else "no file"
    said = "HEAD calls the final upload complete" if full else "the final upload was acknowledged"
    one = (full or made)[-1]
    yield finding(
        case, NAME, f"{said}, and it has {stands}",
        upload=upload, spans=[((final.size or 0) if final.present else 0, upload.size)],
        causes=_causes(upload, one.op, "complete, as it said" if full else "was acknowledged"),
        in_the_end=True,
    )  # fmt: skip


def _deletes(case: Case, upload: UploadCase) -> int:
    """When the last deletion of a part had ended."""
    ends = [
        ended(one)
        for part in _parts(case, upload)
        for one in part.operations
        if one.call.kind == "terminate"
    ]
    return max(ends, default=FAR)  # what has expired, nobody knows since when


def _wrong(case: Case, upload: UploadCase, final: Final) -> Iterator[Finding]:
    size = final.size or 0
    if size > upload.size:
        yield _finding(
            case, upload,
            f"the file of the final upload has {size} bytes, {size - upload.size} more than its parts have "
            "together",
            (upload.size, size), [run for run in final.runs if run.offset >= upload.size],
        )  # fmt: skip
        return
    for part, span in _places(case, upload):
        for run in final.runs:
            start, end = max(run.offset, span[0]), min(run.offset + run.length, span[1])
            if start < end and not _stands_right(run, part, span):
                if run.content is None and run.zero and _unfinished(case, upload):
                    continue
                yield _finding(
                    case, upload,
                    f"{show((start, end))} of the final upload's file holds {_what(run)}, where part {part} "
                    "belongs",
                    (start, end), [run],
                )  # fmt: skip
                return


def _unfinished(case: Case, upload: UploadCase) -> bool:
    """A file that may still be growing: nobody was told that it is there."""
    full = any(_offset(one) == upload.size for one in _heads(upload))
    return not (case.can("publishes-atomically") or full or _made(upload))


def _places(case: Case, upload: UploadCase) -> list[tuple[str, Span]]:
    places, at = [], 0
    for part in _parts(case, upload):
        end = at + part.size
        places.append((part.id, (at, end)))
        at = end
    return places


def _stands_right(run: Run, part: str, span: Span) -> bool:
    return run.content == 0 and run.upload == part and run.source_offset == run.offset - span[0]


def _what(run: Run) -> str:
    if run.content is None:
        return "zero bytes" if run.zero else "bytes of no payload"
    source = run.offset if run.source_offset is None else run.source_offset
    whose = run.upload or "itself"
    other = "" if run.content == 0 else f"content {run.content} of "
    return f"{other}{show((source, source + run.length))} of {whose}"


def _finding(case: Case, upload: UploadCase, summary: str, span: Span, runs: list[Run]) -> Finding:
    made = _made(upload) or [one for one in upload.operations if one.call.kind == "create"]
    return finding(
        case, NAME, summary, upload=upload, spans=[span],
        causes=dict.fromkeys([one.op for one in made[:4]], "asked for it"),
        notes=[f"at {run.offset} stand {_what(run)}" for run in runs[:3]],
    )  # fmt: skip


def _causes(upload: UploadCase, op: int, says: str) -> dict[int, str]:
    made = {one.op: "asked for it" for one in _made(upload)[:4]}
    return {**made, op: says}


def _applies(case: Case) -> str | None:
    if not any(upload.parts for upload in case.history.header.uploads):
        return "nothing is joined"
    return None


RULE = Rule(
    name=NAME,
    says="a final upload has the bytes of its parts, in the order in which they were named",
    find=_find,
    applies=lambda case: _applies(case) or survives_power(case),
)
