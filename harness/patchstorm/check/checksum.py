"""``checksum``: what does not match is refused and leaves no trace; what matches is not refused.

tus 1.0.0, checksum extension: a mismatch is answered 460, an unknown algorithm 400, and both discard
the body. A trace is an offset, a status document or a published byte that only a refused body can
explain.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import Case, UploadCase, Write
from patchstorm.check.model import Finding
from patchstorm.check.offsets import readings
from patchstorm.check.rule import Rule
from patchstorm.check.story import finding, show
from patchstorm.history.ranges import Ranges, Span

NAME = "checksum"


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.uploads.values():
        yield from _answers(case, upload)
        refused = [one for one in upload.writes if one.poisoned and one.effect == "none"]
        if refused:
            yield from _trace_in_answers(case, upload, refused)
            yield from _trace_in_file(case, upload, refused)


def _answers(case: Case, upload: UploadCase) -> Iterator[Finding]:
    for write in upload.writes:
        operation = case.operation(write.op)
        status = None if operation.end is None else operation.end.status
        checksum = operation.call.checksum
        if status is None or not write.whole:
            continue
        if write.poisoned and 200 <= status < 300:
            yield finding(
                case,
                NAME,
                f"op {write.op} carried a checksum that is {checksum} and was accepted with {status}",
                upload=upload,
                spans=[(write.start, write.end)],
                causes={write.op: f"a checksum that is {checksum}, accepted"},
            )
        elif checksum == "right" and status == 460:
            yield finding(
                case,
                NAME,
                f"op {write.op} carried the right checksum and was refused with 460",
                upload=upload,
                spans=[(write.start, write.end)],
                causes={write.op: "the right checksum, refused"},
            )


def _trace_in_answers(case: Case, upload: UploadCase, refused: list[Write]) -> Iterator[Finding]:
    names = {write.op for write in refused}
    calls = sorted((write.invoked, write.op, write) for write in upload.writes)
    honest, every = Ranges(), Ranges()
    at = 0
    for completed, op, shown in sorted(_shown(upload), key=lambda one: one[:2]):
        while at < len(calls) and calls[at][0] <= completed:
            write = calls[at][2]
            if write.op not in names:
                honest.add(write.start, write.handed)
            every.add(write.start, write.handed)
            at += 1
        extra = [gap for span in shown for gap in honest.gaps(*span)]
        if extra and all(every.covers(*span) for span in shown):
            yield _trace(case, upload, refused, extra, {op: f"shows {show(extra[0])} as stored"})
            return


def _shown(upload: UploadCase) -> Iterator[tuple[int, int, list[Span]]]:
    """What each answer says is stored: when it ended, its operation, the ranges."""
    for reading in readings(upload):
        yield reading.completed, reading.op, [(0, min(reading.offset, upload.size))]
    for operation in upload.operations:
        end = operation.end
        if end is not None and end.document is not None:
            missing = Ranges((at, at + length) for at, length in end.document.missing_ranges)
            yield end.time_ns, operation.op, missing.gaps(0, upload.size)


def _trace_in_file(case: Case, upload: UploadCase, refused: list[Write]) -> Iterator[Finding]:
    if upload.final is None or upload.owner != upload.id:
        return
    names = {write.op for write in refused}
    honest: dict[int, Ranges] = {}
    every: dict[int, Ranges] = {}
    for write in upload.writes:
        every.setdefault(write.content, Ranges()).add(write.start, write.handed)
        if write.op not in names:
            honest.setdefault(write.content, Ranges()).add(write.start, write.handed)
    for run in upload.final.runs:
        if run.content not in every or run.source_offset not in (None, run.offset):
            continue
        sent, tainted = honest.get(run.content, Ranges()), every[run.content]
        extra = [
            part
            for gap in sent.gaps(run.offset, min(run.offset + run.length, upload.size))
            for part in tainted.overlap(*gap)
        ]
        if extra:
            yield _trace(case, upload, refused, extra, {})
            return


def _trace(
    case: Case,
    upload: UploadCase,
    refused: list[Write],
    extra: list[Span],
    causes: dict[int, str],
) -> Finding:
    start, end = extra[0]
    blamed = {
        write.op: "its checksum did not match"
        for write in refused
        if write.start < end and start < write.handed
    }
    where = "an answer shows" if causes else "the published file shows"
    return finding(
        case,
        NAME,
        f"{where} {show(extra[0])}, which only bodies with a wrong checksum carried",
        upload=upload,
        spans=extra,
        causes={**blamed, **causes},
    )


def _applies(case: Case) -> str | None:
    if not case.checks_checksums:
        return "the target declares no checksum algorithm"
    used = any(one.call.checksum != "none" for one in case.history.operations)
    return None if used else "no request carried a checksum"


RULE = Rule(
    name=NAME,
    says="a checksum mismatch is refused and leaves no trace",
    find=_find,
    applies=_applies,
)
