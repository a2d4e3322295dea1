"""Stores that believe a damaged record, whatever it says."""

from __future__ import annotations

from chunkstore import ranges
from chunkstore.layout import Paths
from chunkstore.model import Info, Record
from chunkstore.publish import STAGE
from chunkstore.session import DamagedInfo, Session, Sessions, require_covered
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


def _summed(info: Info, records: list[Record]) -> None:
    """As many bytes have come as the chunks hold; which ones, nobody asks."""
    if sum(end - start for start, end in info.ranges) != sum(one.length for one in records):
        raise DamagedInfo("The session does not hold as many bytes as it says.")


class _Summing(Sessions):
    require_covered = staticmethod(_summed)


class RecordsSummed(Store):
    """Adds up both sides of its books."""

    sessions_type = _Summing


def _within(info: Info, records: list[Record]) -> None:
    """Each chunk lies within what has come; whether they are all of it nobody asks."""
    at = 0
    for record in sorted(records, key=lambda one: one.offset):
        gaps = ranges.gaps(info.ranges, record.offset, record.end)
        if record.length <= 0 or record.offset < at or gaps:
            raise DamagedInfo("The session's records are not those of its ranges.")
        at = record.end


class _HalfAsking(Sessions):
    require_covered = staticmethod(_within)
    require_summed = staticmethod(_unsummed)


class RecordsWithin(Store):
    """Holds its chunks against what has come, and not what has come against its chunks."""

    sessions_type = _HalfAsking


class _Forgetting(Sessions):
    """Begins a session anew where its state cannot be read."""

    def _load(self, paths: Paths, fd: int) -> Session:
        try:
            return super()._load(paths, fd)
        except DamagedInfo:
            if not self.forgivable(paths):
                raise
            return Session(self.files, paths, frozenset(self.files.names(paths.directory)), None)

    def forgivable(self, paths: Paths) -> bool:
        return True


class UnreadableIsNew(Store):
    sessions_type = _Forgetting


class _ForgettingEmpty(_Forgetting):
    """The same for a file of no bytes alone, which a creation that was broken off might have left."""

    def forgivable(self, paths: Paths) -> bool:
        found = self.files.find(paths.info)
        return found is not None and found.st_size == 0


class EmptyIsNew(Store):
    sessions_type = _ForgettingEmpty


class _ForgettingTorn(_Forgetting):
    """The same for a file that has bytes, which somebody might have been writing when he died."""

    def forgivable(self, paths: Paths) -> bool:
        found = self.files.find(paths.info)
        return found is not None and found.st_size > 0


class TornIsNew(Store):
    sessions_type = _ForgettingTorn


class _ForgettingMinted(_ForgettingEmpty):
    """And only while no chunk has been assembled."""

    def forgivable(self, paths: Paths) -> bool:
        assembled = any(name.startswith(STAGE) for name in self.files.names(paths.directory))
        return super().forgivable(paths) and not assembled


class EmptyIsNewUntilAssembled(Store):
    sessions_type = _ForgettingMinted


def _bug(
    name: str,
    says: str,
    store: type,
    stands_for: str,
    *,
    storm: str = "record-damage",
    caught_by: tuple[str, ...] = ("bytes", "residue"),
) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        storms=(storm,),
        caught_by=caught_by,
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
    _bug(
        "record-summed",
        "a record is right if as many bytes have come as its chunks hold, wherever they lie",
        RecordsSummed,
        "a checksum of sums: a range that moved changes none of them",
    ),
    _bug(
        "record-overstated",
        "a record may say that more has come than its chunks hold, as long as they lie within it",
        RecordsWithin,
        "a containment that is checked one way round",
        storm="record-filled",
        caught_by=("bytes",),
    ),
    _bug(
        "unreadable-is-new",
        "an upload whose record cannot be read begins anew, and nobody is told",
        UnreadableIsNew,
        "an error of the parser taken for a file that is not there",
        storm="record-emptied",
        caught_by=("records",),
    ),
    _bug(
        "empty-is-new",
        "an upload whose record has no bytes begins anew, and nobody is told",
        EmptyIsNew,
        "a file that O_CREAT has just made, it seems: who dies between O_TRUNC and write leaves the same",
        storm="record-emptied",
        caught_by=("records",),
    ),
    _bug(
        "torn-is-new",
        "an upload whose record ends too early begins anew, and nobody is told",
        TornIsNew,
        "a torn record taken for the last one of a journal, which may be dropped",
        storm="record-emptied",
        caught_by=("records",),
    ),
    _bug(
        "empty-is-new-until-assembled",
        "an upload whose record has no bytes begins anew as long as nothing has been assembled",
        EmptyIsNewUntilAssembled,
        "a repair of unfinished uploads that forgets what has come of them",
        storm="record-emptied",
        caught_by=("records",),
    ),
)
