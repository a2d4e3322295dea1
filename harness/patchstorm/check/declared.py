"""``declared``: the length that was declared and acknowledged is the upload's length, and stays it.

Of an upload that was created without a length, HEAD tells one only if somebody has declared it; once one was
acknowledged it tells that one, or one that somebody else declared at the same time, and never another
afterwards (tus 1.0.0, creation: a length that is set must not change). A PATCH that was accepted although it
names another length than the one that is settled tells nothing: a server may pass the header over. No length
is less than what had been acknowledged when it was declared, and no offset is beyond it. Where lengths were
in dispute, the file has the one that HEAD tells in the end, and the bytes that were sent for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import Case, UploadCase, effect_of, ended
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, Unsure, survives_power
from patchstorm.check.story import finding, show
from patchstorm.history.model import Operation, Run

NAME = "declared"


def _find(case: Case) -> Iterator[Finding | Unsure]:
    for upload in (*case.uploads.values(), *case.apart.values()):
        if not upload.info.deferred or upload.damages:
            continue
        heads = [
            one
            for one in upload.by_invocation
            if one.call.kind == "query" and one.outcome == "ok" and _before_the_end(upload, one)
        ]
        said = (
            *_changed(case, upload, heads),
            *_unasked(case, upload, heads),
            *_lost(case, upload, heads),
            *_outside(case, upload, heads),
        )
        yield from said[:1] or _of_disputed(case, upload, heads)


def _before_the_end(upload: UploadCase, one: Operation) -> bool:
    return ended(one) < upload.gone_from


def _length(one: Operation) -> int | None:
    return None if one.end is None else one.end.upload_length


def _offset(one: Operation) -> int:
    return 0 if one.end is None or one.end.offset is None else one.end.offset


def _declarations(upload: UploadCase) -> list[Operation]:
    return [
        one
        for one in upload.by_invocation
        if one.call.declares is not None and (effect_of(one) != "none" or _partly(one))
    ]


def _partly(one: Operation) -> bool:
    """Refused for its body, or for the moment, after the length may have been taken."""
    status = None if one.end is None else one.end.status
    return status in (400, 408, 409, 423)


def _there_before(upload: UploadCase, one: Operation) -> int:
    """How far the upload was known to be when ``one`` was sent."""
    told = [
        _offset(other)
        for other in upload.operations
        if other.outcome == "ok"
        and ended(other) < one.call.time_ns
        and other.call.kind in ("query", "append", "create")
    ]
    return max(told, default=0)


def _changed(case: Case, upload: UploadCase, heads: list[Operation]) -> Iterator[Finding]:
    """Two lengths, one after the other."""
    told = [one for one in heads if _length(one) is not None]
    if not told:
        return
    known = min(told, key=ended)
    for one in told:
        length = _length(one)
        if length != _length(known) and one.call.time_ns > ended(known):
            yield _said(
                case, upload,
                f"HEAD says that the upload is {length} bytes long, and had said {_length(known)} before",
                {known.op: f"was {_length(known)} bytes long", one.op: f"is {length} bytes long"},
            )  # fmt: skip
            return


def _unasked(case: Case, upload: UploadCase, heads: list[Operation]) -> Iterator[Finding]:
    """A length that nobody had declared, or another one than had been acknowledged before that was sent."""
    every = [one for one in upload.by_invocation if one.call.declares is not None]
    for one in heads:
        length = _length(one)
        if length is None:
            continue
        mine = [o for o in every if o.call.declares == length and o.call.time_ns < ended(one)]
        if not mine:
            yield _said(
                case, upload,
                f"HEAD says that the upload is {length} bytes long, which nobody has declared",
                {one.op: f"is {length} bytes long"},
            )  # fmt: skip
            return
        begun = min(o.call.time_ns for o in mine)
        other = next(
            (
                o
                for o in _settling(upload)
                if o.call.declares != length and ended(o) < begun
            ),
            None,
        )  # fmt: skip
        if other is not None:
            yield _said(
                case, upload,
                f"HEAD says that the upload is {length} bytes long, and {other.call.declares} had been "
                "acknowledged before that was declared",
                {other.op: f"declared {other.call.declares}", mine[0].op: f"declared {length}",
                 one.op: f"is {length} bytes long"},
            )  # fmt: skip
            return


def _settling(upload: UploadCase) -> list[Operation]:
    """Declarations that were acknowledged, and that a server could accept.

    One that names less than what is there, or that comes after another was acknowledged, may have been passed
    over.
    """
    found: list[Operation] = []
    for one in sorted(_declarations(upload), key=ended):
        if one.outcome != "ok" or (one.call.declares or 0) < _there_before(upload, one):
            continue
        if any(
            o.call.declares != one.call.declares and o.call.time_ns < ended(one)
            for o in _declarations(upload)
            if o is not one
        ):
            continue
        found.append(one)
    return found


def _lost(case: Case, upload: UploadCase, heads: list[Operation]) -> Iterator[Finding]:
    """Acknowledged, and HEAD knows of no length afterwards."""
    acknowledged = [
        one
        for one in _declarations(upload)
        if one.outcome == "ok" and (one.call.declares or 0) >= _there_before(upload, one)
    ]
    for one in heads:
        before = [o for o in acknowledged if ended(o) < one.call.time_ns]
        if _length(one) is None and before:
            yield _said(
                case, upload,
                f"a length of {before[0].call.declares} bytes was acknowledged, and HEAD tells none after it",
                {before[0].op: f"declared {before[0].call.declares}", one.op: "without a length"},
            )  # fmt: skip
            return


def _outside(case: Case, upload: UploadCase, heads: list[Operation]) -> Iterator[Finding]:
    """Bytes beyond the length: some that were there when it was declared, or that were accepted later."""
    for one in heads:
        length = _length(one)
        if length is None:
            continue
        there = max(_there_before(upload, one), _offset(one))
        if there > length:
            mine = [o for o in _declarations(upload) if o.call.declares == length][:1]
            yield _said(
                case, upload,
                f"HEAD says that the upload is {length} bytes long, and {there} bytes of it had been "
                "acknowledged",
                {**{o.op: f"declared {length}" for o in mine}, one.op: f"is {length} bytes long"},
            )  # fmt: skip
            return


def _of_disputed(case: Case, upload: UploadCase, heads: list[Operation]) -> Iterator[Finding]:
    """What other checkers say of an upload whose length is known: nothing is lost, and the file is right."""
    if upload.id not in case.apart:
        return
    for one in heads:
        there = _there_before(upload, one)
        if _offset(one) < there:
            yield _said(
                case, upload, f"HEAD says {_offset(one)}, and {there} had been acknowledged before",
                {one.op: f"is at {_offset(one)}"},
            )  # fmt: skip
            return
    final = upload.final
    if final is None or upload.gone_from <= case.last_ns:
        return
    told = [one for one in heads if _length(one) is not None]
    length = _length(told[-1]) if told else None
    if length is None:
        return
    full = any(_offset(one) == length for one in told)
    if full and (not final.present or final.size != length):
        stands = f"{final.size} bytes" if final.present else "none"
        yield _said(
            case, upload,
            f"HEAD calls the upload complete with {length} bytes, and its file has {stands}",
            {told[-1].op: "complete, as it said"},
        )  # fmt: skip
        return
    if not final.present:
        return
    for run in final.runs:
        if not _right(run, full=full or case.can("publishes-atomically")):
            where = show((run.offset, run.offset + run.length))
            yield _said(
                case, upload, f"{where} of the file does not hold what was sent there",
                {told[-1].op: "the length in the end"},
            )  # fmt: skip
            return


def _right(run: Run, *, full: bool) -> bool:
    if run.content is None:
        return run.zero and not full
    return run.content == 0 and run.upload is None and run.source_offset in (None, run.offset)


def _said(case: Case, upload: UploadCase, summary: str, causes: dict[int, str]) -> Finding:
    told = {one.op: f"declared {one.call.declares}" for one in _declarations(upload)[:6]}
    return finding(case, NAME, summary, upload=upload, causes={**told, **causes})


def _applies(case: Case) -> str | None:
    if not any(upload.deferred for upload in case.history.header.uploads):
        return "no upload was created without a length"
    return None


RULE = Rule(
    name=NAME,
    says="the length that was declared and acknowledged is the one that HEAD tells and the file has",
    find=_find,
    applies=lambda case: _applies(case) or survives_power(case),
)
