"""Stores that believe a damaged record, whatever it says."""

from __future__ import annotations

from chunkstore.model import Info, Record
from chunkstore.session import DamagedInfo, Sessions, require_covered
from chunkstore.store import Store
from patchstorm.catalog.model import Bug


def _believed(info: Info, records: list[Record]) -> None:
    """What a record says of itself is right."""


def _unsummed(info: Info) -> None:
    """So are its sums."""


def _counted(info: Info, records: list[Record]) -> None:
    """There are as many chunks as it says; which bytes they hold, nobody asks."""
    if len(records) != info.count:
        raise DamagedInfo("The session does not have as many records as it says.")


def _mended(info: Info, records: list[Record]) -> None:
    """Where ranges and records disagree, the upload has come as far as either says."""
    try:
        require_covered(info, records)
    except DamagedInfo:
        ends = [end for _, end in info.ranges] + [record.end for record in records]
        info.ranges = [(0, min(info.size, max(ends, default=0)))]


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


class _Mending(Sessions):
    require_covered = staticmethod(_mended)
    require_summed = staticmethod(_unsummed)


class RecordsMended(Store):
    """Goes on after damage with what is best for the client."""

    sessions_type = _Mending


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
        "record-mended",
        "a record that contradicts itself is mended to the most that it says has come",
        RecordsMended,
        "a recovery that makes the books agree, and not the books with what is stored",
    ),
)
