"""``conflict``: contradicting bytes are never both right.

Two contents of one upload differ at every byte, so any overlap of two requests with different
contents is a contradiction. Two violations: both were acknowledged; or one was acknowledged and the
published file shows the other there. Bytes that the harness destroyed may be written anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.case.case import Case, UploadCase, Write
from patchstorm.check.model import Finding
from patchstorm.check.rule import Rule
from patchstorm.check.story import finding, show, shows
from patchstorm.history.model import Run
from patchstorm.history.ranges import Ranges, Span

NAME = "conflict"


def _find(case: Case) -> Iterator[Finding]:
    for upload in case.uploads.values():
        acked = upload.acked_by_content
        yield from _both_acknowledged(case, upload, acked)
        yield from _overwritten(case, upload, acked)


def _both_acknowledged(
    case: Case, upload: UploadCase, acked: dict[int, Ranges]
) -> Iterator[Finding]:
    contents = list(acked)
    for at, first in enumerate(contents):
        for second in contents[at + 1 :]:
            spans = [both for span in acked[first] for both in acked[second].overlap(*span)]
            if not spans:
                continue
            causes = {
                write.op: f"content {write.content} was acknowledged for {show(spans[0])}"
                for write in _ackers(upload, (first, second), spans[0])
            }
            yield finding(
                case,
                NAME,
                f"contents {first} and {second} were both acknowledged for {shows(spans)}",
                upload=upload,
                spans=spans,
                causes=causes,
            )


def _ackers(upload: UploadCase, contents: tuple[int, ...], span: Span) -> list[Write]:
    return [write for write in upload.ackers(*span) if write.content in contents]


def _overwritten(case: Case, upload: UploadCase, acked: dict[int, Ranges]) -> Iterator[Finding]:
    final = upload.final
    if final is None or upload.owner != upload.id:
        return
    for run in final.runs:
        if not _in_place(run, upload):
            continue
        for content, ranges in acked.items():
            spans = ranges.overlap(run.offset, run.offset + run.length)
            if content == run.content or not spans:
                continue
            if acked.get(run.content or 0, Ranges()).covers(*spans[0]):
                continue  # both were acknowledged, which is told already
            causes = {
                write.op: f"content {content} was acknowledged"
                for write in _ackers(upload, (content,), spans[0])
            }
            senders = {
                write.op: f"sent the content {run.content} that stands there"
                for write in upload.writes
                if write.content == run.content
                and write.start < spans[0][1]
                and spans[0][0] < write.handed
            }
            yield finding(
                case,
                NAME,
                f"content {content} was acknowledged for {shows(spans)} and the published file"
                f" shows content {run.content} there",
                upload=upload,
                spans=spans,
                causes={**causes, **senders},
            )
            return


def _in_place(run: Run, upload: UploadCase) -> bool:
    """Bytes of this upload at their own place; all else is for ``bytes`` to say."""
    return (
        run.content is not None
        and run.source_offset in (None, run.offset)
        and run.upload in (None, upload.id)
    )


RULE = Rule(
    name=NAME,
    says="no range acknowledged to one writer shows another's bytes, and no byte is acknowledged"
    " with two values",
    find=_find,
)
