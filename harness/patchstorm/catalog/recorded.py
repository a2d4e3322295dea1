"""Stores that believe a damaged record, whatever it says."""

from __future__ import annotations

from chunkstore.model import Info, Record
from chunkstore.session import DamagedInfo, Sessions
from chunkstore.store import Store
from patchstorm.catalog.edges import ClaimsUnmatched
from patchstorm.catalog.model import Bug


def _believed(info: Info, records: list[Record]) -> None:
    """What a record says of itself is right."""


def _unsummed(info: Info) -> None:
    """So are its sums."""


def _counted(info: Info, records: list[Record]) -> None:
    """There are as many chunks as it says; which bytes they hold, nobody asks."""
    if len(records) != info.count:
        raise DamagedInfo("The session does not have as many records as it says.")


class _Believing(Sessions):
    require_covered = staticmethod(_believed)
    require_summed = staticmethod(_unsummed)


class RecordsBelieved(Store):
    """Takes ranges and records for what is stored, though they disagree."""

    sessions_type = _Believing


class _Counting(Sessions):
    require_covered = staticmethod(_counted)
    require_summed = staticmethod(_unsummed)


class RecordsCounted(Store):
    """Looks whether chunks are missing, and not whether the ranges are theirs."""

    sessions_type = _Counting


def _bug(name: str, says: str, store: type, stands_for: str) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        storms=("record-damage",),
        caught_by=("bytes", "residue"),
        deed="fault record-damage",
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
        "record-counted",
        "a record is held against the number of its chunks, and not against what they hold",
        RecordsCounted,
        "a consistency check that knows of losses, and of nothing else",
    ),
    _bug(
        "record-unmatched",
        "size and name are taken from the record, though the signed URL says others",
        ClaimsUnmatched,
        "two sources of one truth, of which the one that can rot is asked",
    ),
)
