"""Who wrote which bytes: of published files by what was sent, of all others by the steps that wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from patchstorm.check.model import Finding
from patchstorm.dialect.phrases import shortened
from patchstorm.history.model import Final as Published
from patchstorm.history.model import History, Operation, Run, UploadInfo
from patchstorm.report.show.model import Extent, Row, Strip, Timeline

STAGES_MAX: Final = 12
PIECES_MAX: Final = 2_000  # of one strip; more cannot be told apart on any screen
Pieces = list[tuple[int, int, int]]  # ascending (begin, end, op)


def strips(history: History, timeline: Timeline, findings: Sequence[Finding]) -> tuple[Strip, ...]:
    """The published file of every upload, then the files in which it was made, those that mattered first."""
    return (*_published(history, findings), *_stages(timeline))


def _published(history: History, findings: Sequence[Finding]) -> Iterator[Strip]:
    for upload in history.header.uploads:
        final = history.finals.get(upload.id)
        if final is None:
            continue
        wrong = sorted({
            (span.offset, span.length)
            for one in findings
            if one.upload == upload.id
            for span in one.ranges
        })  # fmt: skip
        yield Strip(
            name=f"{upload.id}, published as {upload.target}"
            if final.present
            else f"{upload.id}, not there",
            size=final.size or 0,
            wanted=upload.size,
            extents=tuple(_extents(history, upload, final)),
            wrong=tuple(wrong),
        )


def _extents(history: History, upload: UploadInfo, final: Published) -> Iterator[Extent]:
    senders = [one for one in history.operations if one.call.kind in ("append", "create")]
    count = 0
    for run in final.runs:
        for begin, end, writers in _cut(run, upload.id, senders):
            count += 1
            if count > PIECES_MAX:
                return
            yield Extent(
                offset=begin, length=end - begin, writers=writers, says=_says(run, upload.id, begin)
            )


def _cut(
    run: Run, upload: str, senders: Sequence[Operation]
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """``run`` in pieces that the same requests can have brought."""
    if run.content is None:
        yield run.offset, run.offset + run.length, ()
        return
    source = run.offset if run.source_offset is None else run.source_offset
    shift, last = run.offset - source, source + run.length
    spans = [
        (one.call.offset or 0, (one.call.offset or 0) + one.end.sent, one.op)
        for one in senders
        if one.call.upload == (run.upload or upload)
        and one.call.content == run.content
        and one.end is not None
        and one.end.sent
    ]
    spans = [span for span in spans if span[0] < last and span[1] > source]
    edges = sorted(
        {source, last, *(edge for span in spans for edge in span[:2] if source < edge < last)}
    )
    for begin, end in pairwise(edges):
        writers = tuple(op for first, until, op in spans if first <= begin and end <= until)
        yield begin + shift, end + shift, writers


def _says(run: Run, upload: str, begin: int) -> str:
    if run.zero:
        return "zero bytes"
    if run.content is None:
        return "bytes of no payload"
    source = begin if run.source_offset is None else begin - run.offset + run.source_offset
    whose = "" if run.upload in (None, upload) else f" of {run.upload}"
    moved = "" if source == begin else f" from {source}"
    return f"content {run.content}{whose}{moved}"


# ---- files, by the steps


@dataclass(slots=True)
class _File:
    """An inode with all the names that it had. ``pieces`` are kept as they were when it last had any."""

    names: list[str]
    pieces: Pieces
    matters: bool = False


class _Files:
    """What the steps made of the storage.

    A step names a descriptor by the path it was opened with, and that path may stand for another file by
    now: so each task's descriptors are followed from their open(2).
    """

    def __init__(self) -> None:
        self._at: dict[str, _File] = {}
        self._opened: dict[tuple[str, str], _File] = {}
        self.ever: list[_File] = []

    def follow(self, row: Row) -> None:
        """The effect of one step that did not fail."""
        if row.call in ("open", "create"):
            self._opened[row.task, row.path] = self._named(row.path)
        elif row.call in ("write", "pwrite") and row.length > 0:
            file = self._meant(row)
            begin = max(row.offset, row.size if row.call == "write" else 0, 0)
            file.pieces = painted(file.pieces, begin, begin + row.length, row.op)
            file.matters |= row.matters
        elif row.call in ("truncate", "ftruncate") and row.length >= 0:
            file = self._meant(row)
            file.pieces = [
                (a, min(b, row.length), op) for a, b, op in file.pieces if a < row.length
            ]
        elif row.call in ("unlink", "replace", "rename", "link"):
            moved = self._at.get(row.path) if row.call == "link" else self._at.pop(row.path, None)
            if row.into and moved is not None:
                self._at[row.into] = moved
                moved.names.append(row.into)

    def _meant(self, row: Row) -> _File:
        return self._opened.get((row.task, row.path)) or self._named(row.path)

    def _named(self, path: str) -> _File:
        if path not in self._at:
            self._at[path] = _File([path], [])
            self.ever.append(self._at[path])
        return self._at[path]


def _stages(timeline: Timeline) -> list[Strip]:
    files = _Files()
    for row in timeline.rows:
        if row.kind == "step" and not row.failed:
            files.follow(row)
    written = [file for file in files.ever if file.pieces]
    written.sort(key=lambda file: (not file.matters, -file.pieces[-1][1], file.names))
    names = shortened(", then ".join(file.names) for file in written[:STAGES_MAX])
    return [_stage(file, name) for file, name in zip(written, names, strict=False)]


def painted(pieces: Pieces, begin: int, end: int, op: int) -> Pieces:
    """``pieces`` after ``op`` has written [begin, end)."""
    left = [(a, min(b, begin), who) for a, b, who in pieces if a < begin]
    right = [(max(a, end), b, who) for a, b, who in pieces if b > end]
    if left and left[-1][1:] == (begin, op):
        begin = left.pop()[0]
    return [*left, (begin, end, op), *right]


def _stage(file: _File, name: str) -> Strip:
    return Strip(
        name=name,
        size=file.pieces[-1][1],
        wanted=-1,
        extents=tuple(
            Extent(offset=a, length=b - a, writers=() if op < 0 else (op,), says="written")
            for a, b, op in file.pieces[:PIECES_MAX]
        ),
    )
