"""Stores that believe a damaged record, whatever it says."""

from __future__ import annotations

from chunkstore.model import Info, Record, Segment
from chunkstore.session import Session, Sessions
from chunkstore.store import Store
from patchstorm.catalog.edges import ClaimsUnmatched
from patchstorm.catalog.model import Bug


def _believed(info: Info, records: list[Record]) -> None:
    """What a record says of itself is right."""


def _unsummed(info: Info) -> None:
    """So are its sums."""


class _Believing(Sessions):
    require_covered = staticmethod(_believed)
    require_summed = staticmethod(_unsummed)


class RecordsBelieved(Store):
    """Takes ranges and records for what is stored, though they disagree."""

    sessions_type = _Believing


class _SegmentsBelieved(Session):
    def segment(self, segment: Segment) -> list[Record]:
        return self._read_segment(segment)


class _Reading(Sessions):
    require_covered = staticmethod(_believed)
    session_type = _SegmentsBelieved


class SegmentsBelieved(Store):
    """Looks whether sums are right, and not whether the records in other files are those that were summed."""

    sessions_type = _Reading


def _bug(name: str, says: str, store: type, stands_for: str) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        storms=("record-damage",),
        caught_by=("bytes", "publication", "residue"),
        deed="fault record-damage",
        also=("completion", "durability", "conflict", "linearizable", "availability", "refusal"),
        store=store,
        sim_only="only the simulator damages records",
    )


BUGS = (
    _bug(
        "record-believed",
        "a damaged record is believed though it contradicts itself: ranges that nothing holds are published",
        RecordsBelieved,
        "a record that parses, taken for a record that is right",
    ),
    _bug(
        "segments-believed",
        "records that lie in files of their own are believed though they are not what was summed",
        SegmentsBelieved,
        "a checksum over the index, and none over what it lists",
    ),
    _bug(
        "record-unmatched",
        "size and name are taken from the record, though the signed URL says others",
        ClaimsUnmatched,
        "two sources of one truth, of which the one that can rot is asked",
    ),
)
