"""Edits of the books: records added, spilled into segments, dropped when their chunk is damaged.

``info.json`` stays bounded: recent records stand in it, older ones in immutable segment files that
it names. A segment is written and synced before it is named, and never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from . import ranges
from .model import Info, Options, Record, Segment
from .session import Session


class Chunk(Protocol):
    """What a record is made from."""

    offset: int
    length: int
    sha256: str


def add(session: Session, chunks: Sequence[Chunk], options: Options) -> None:
    """Commit these chunks: one replacement of ``info.json``, durable on return."""
    info = session.info
    number = info.generation + 1
    records = [Record(chunk.offset, chunk.length, chunk.sha256, number) for chunk in chunks]
    info.recent = info.recent + records
    for record in records:
        info.ranges = ranges.add(info.ranges, record.offset, record.end)
    info.count += len(records)
    if len(info.recent) >= options.segment_records + options.kept_recent:
        old = info.recent[: options.segment_records]
        info.segments = [*info.segments, session.write_segment(old)]
        info.recent = info.recent[options.segment_records :]
    session.save(info)


def drop(session: Session, record: Record) -> bool:
    """Return the record's range to missing; False when the books no longer hold it."""
    info = session.info
    if record in info.recent:
        info.recent = [other for other in info.recent if other != record]
    elif not _drop_from_segments(session, info, record):
        return False
    info.ranges = ranges.remove(info.ranges, record.offset, record.end)
    info.count -= 1
    session.save(info)
    return True


def _drop_from_segments(session: Session, info: Info, record: Record) -> bool:
    for index, segment in enumerate(info.segments):
        records = session.segment(segment)
        if record in records:
            rest = [other for other in records if other != record]
            rewritten: list[Segment] = [session.write_segment(rest)] if rest else []
            info.segments = info.segments[:index] + rewritten + info.segments[index + 1 :]
            return True
    return False
