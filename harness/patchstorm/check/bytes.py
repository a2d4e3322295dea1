"""``bytes``: the published file is exactly what was sent for it.

Every run of the published file must hold, at its own place, a content that an accepted or unanswered
request sent for that place. The payload tells the rest: bytes that belong elsewhere are shifted or
duplicated, zero bytes are a hole, bytes of no payload are torn. A file longer or shorter than
declared is wrong whatever stands in it.

A target that does not publish atomically shows its file while it grows, so there a short file, or a
hole nobody was promised, is an unfinished upload and left to ``completion``.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import FAR, Case, UploadCase, Write
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule, Unsure, survives_power
from patchstorm.check.story import finding, show, shows
from patchstorm.history.model import Final, Run
from patchstorm.history.ranges import Ranges, Span

NAME = "bytes"
PARTS_TOLD = 3  # the rest are counted


def _find(case: Case) -> Iterator[Finding | Unsure]:
    for upload in (*case.uploads.values(), *case.spoilt.values()):
        final = upload.final
        if final is None or not final.present or upload.owner != upload.id:
            continue
        yield from _size(case, upload, final)
        yield from _runs(case, upload, final)


def unfinished(case: Case, upload: UploadCase) -> bool:
    """A visible file that may still be growing."""
    return not case.can("publishes-atomically") and upload.announced == FAR


def _size(case: Case, upload: UploadCase, final: Final) -> Iterator[Finding | Unsure]:
    size = final.size or 0
    if size > upload.size:
        runs = [run for run in final.runs if run.offset + run.length > upload.size]
        sent = [op for run in runs for op in _senders(case, upload, run)]
        yield finding(
            case,
            NAME,
            f"the published file has {size} bytes, {size - upload.size} more than the declared"
            f" {upload.size}",
            upload=upload,
            spans=[(upload.size, size)],
            causes=dict.fromkeys(sent, "sent the bytes that stand past the end"),
            notes=[_stands(run) for run in runs[:3]],
        )
    elif size < upload.size and not unfinished(case, upload):
        lost = (size, upload.size)
        sent = [write.op for write in upload.writes if write.effect != "none" and write.end > size]
        yield finding(
            case,
            NAME,
            f"the published file has {size} bytes, {upload.size - size} fewer than the declared"
            f" {upload.size}",
            upload=upload,
            spans=[lost],
            causes=dict.fromkeys(sent, "its bytes are not in the file"),
            in_the_end=True,
        )


def _runs(case: Case, upload: UploadCase, final: Final) -> Iterator[Finding | Unsure]:
    told = Ranges((run.offset, run.offset + run.length) for run in final.runs)
    untold = told.gaps(0, min(final.size or 0, upload.size))
    if untold:
        yield Unsure(f"the final of {upload.id} does not say what stands in {shows(untold)}")
    allowed = _allowed(upload)
    wrong: dict[str, list[tuple[Run, Span]]] = {}
    for run in final.runs:
        for kind, span in _faulty(case, upload, run, allowed):
            wrong.setdefault(kind, []).append((run, span))
    for kind in sorted(wrong):
        yield _finding(case, upload, kind, wrong[kind])


def _allowed(upload: UploadCase) -> dict[int, Ranges]:
    """Per content, every byte that some request can have stored."""
    allowed: dict[int, Ranges] = {}
    for write in upload.writes:
        if write.effect != "none":
            allowed.setdefault(write.content, Ranges()).add(write.start, _reach(upload, write))
    return allowed


def _reach(upload: UploadCase, write: Write) -> int:
    """How far it can have stored: a prefix ends before what was acknowledged with another content.

    Where something was destroyed, what had been acknowledged there may have given way.
    """
    if not write.partial or write.effect == "done" or upload.damages:
        return write.reach
    others = [
        span[0]
        for content, ranges in upload.acked_by_content.items()
        if content != write.content
        for span in ranges.overlap(write.start, write.reach)
    ]
    return min((write.reach, *others))


def _faulty(
    case: Case, upload: UploadCase, run: Run, allowed: dict[int, Ranges]
) -> list[tuple[str, Span]]:
    span = (run.offset, min(run.offset + run.length, upload.size))
    if span[0] >= span[1]:
        return []  # past the end: the size says it
    if run.content is None:
        if not run.zero:
            return [("torn", span)]
        if unfinished(case, upload):
            return [("zero-filled", part) for part in upload.acked.overlap(*span)]
        return [("zero-filled", span)]
    if run.upload is not None and run.upload != upload.id:
        return [("foreign", span)]
    if run.source_offset is not None and run.source_offset != run.offset:
        return [("misplaced", span)]
    return [("refused", gap) for gap in allowed.get(run.content, Ranges()).gaps(*span)]


def _finding(case: Case, upload: UploadCase, kind: str, parts: list[tuple[Run, Span]]) -> Finding:
    spans = [span for _, span in parts]
    run, span = parts[0]
    causes: dict[int, str] = {}
    for one, (start, end) in parts[:PARTS_TOLD]:
        for write in _writers(upload, start, end):
            causes[write.op] = f"was to fill {show((start, end))}"
        for op in _senders(case, upload, one):
            causes[op] = f"sent the bytes that stand at {one.offset}"
    more = "" if len(parts) == 1 else f", and {len(parts) - 1} more ranges are as wrong"
    return finding(
        case,
        NAME,
        _summary(upload, kind, run, span) + more,
        upload=upload,
        spans=spans,
        causes=causes,
        notes=[_stands(one) for one, _ in parts[:PARTS_TOLD]],
    )


def _summary(upload: UploadCase, kind: str, run: Run, span: Span) -> str:
    where = f"{show(span)} of the published file"
    if kind == "torn":
        return f"{where} holds bytes that no client sent"
    if kind == "zero-filled":
        return f"{where} is zero-filled"
    if kind == "foreign":
        return f"{where} holds bytes of upload {run.upload}"
    if kind == "refused":
        return (
            f"{where} holds content {run.content}, which only refused requests sent there, if any"
        )
    source = run.source_offset or 0
    twice = upload.final is not None and any(
        other.source_offset == other.offset
        and other.content == run.content
        and other.offset < source + run.length
        and source < other.offset + other.length
        for other in upload.final.runs
    )
    how = "duplicated from" if twice else "shifted from"
    return f"{where} holds content {run.content} {how} {show((source, source + run.length))}"


def _stands(run: Run) -> str:
    where = show((run.offset, run.offset + run.length))
    if run.content is None:
        return f"{where} holds {'zero bytes' if run.zero else 'bytes of no payload'}"
    source = run.offset if run.source_offset is None else run.source_offset
    whose = "" if run.upload is None else f" of upload {run.upload}"
    return f"{where} holds content {run.content}{whose} of {show((source, source + run.length))}"


def _writers(upload: UploadCase, start: int, end: int) -> list[Write]:
    """Who sent bytes for a range: the acknowledged requests, or else whoever tried."""
    tried = [write for write in upload.writes if write.start < end and start < write.end]
    return (upload.ackers(start, end) or tried)[:8]


def _senders(case: Case, upload: UploadCase, run: Run) -> list[int]:
    """Every request that sent the content that stands in a run, for the place it belongs to.

    Refused ones are named only where no other sent it.
    """
    if run.content is None:
        return []
    owner = case.uploads.get(run.upload or upload.id, upload)
    start = run.offset if run.source_offset is None else run.source_offset
    sent = [
        write
        for write in owner.writes
        if write.content == run.content
        and write.start < start + run.length
        and start < max(write.handed, write.reach)
    ]
    heard = [write for write in sent if write.effect != "none"]
    return [write.op for write in heard or sent][:16]


RULE = Rule(
    name=NAME,
    says="the published file has the declared size and holds only bytes that were sent for their"
    " place",
    find=_find,
    applies=survives_power,
)
