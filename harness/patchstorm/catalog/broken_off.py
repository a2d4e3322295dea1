"""Stores that keep the wrong part of a body that broke off, or keep it wrongly."""

from __future__ import annotations

import hashlib

from chunkstore import chunks, ranges
from chunkstore.body import Body, Piece
from chunkstore.files import Files
from chunkstore.model import Claims, Info, Record
from chunkstore.port import Data
from chunkstore.protocol import Exchange
from chunkstore.session import Session, Sessions
from chunkstore.store import Incoming, Store
from patchstorm.catalog.model import Bug, Innocent

BLOCK_BYTES = 512


class _KeepingBody(Body):
    """Knows of itself that it broke off, and how long it was to be."""

    announced = 0
    broke_off = False

    def keep(self) -> None:
        self.broke_off = True
        super().keep()


class _Announced(Store):
    def begin(self, claims: Claims, offset: int, length: int | None = None) -> Incoming:
        body = super().begin(claims, offset, length)
        if isinstance(body, _KeepingBody):
            body.announced = length or 0
        return body


class _UnsyncedPrefix(_KeepingBody):
    """Syncs what it acknowledges; what it only keeps can wait."""

    def _sync(self) -> None:
        if not self.broke_off or self._whole is None or self._synced:
            super()._sync()
            return
        self._whole.length = self.received
        self._whole.sha256 = self.sha256.hexdigest()
        self._pieces = [self._whole]
        self._synced = True


class PrefixUnsynced(Store):
    body_type = _UnsyncedPrefix


class _UnsyncedNames(_KeepingBody):
    """Syncs what came of a broken body, and not the name that it gets."""

    def _move_in(self, session: Session) -> None:
        files, self._files = self._files, _SyncingFilesAlone(self._files.port, self._files.sha256)
        try:
            super()._move_in(session)
        finally:
            self._files = files


class _SyncingFilesAlone(Files):
    def sync_directory(self, path: str) -> None:
        return


class PrefixNameUnsynced(Store):
    body_type = _UnsyncedNames


class _PaddedBody(_KeepingBody):
    """Keeps whole blocks, the last one filled up with zeros."""

    def keep(self) -> None:
        missing = min(-self.received % 16, self._claims.size - self.end)
        if missing and not self._synced and self._whole is not None:
            self.write(bytes(missing))
        super().keep()


class KeptPadded(Store):
    body_type = _PaddedBody


class _OverwritingBody(_KeepingBody):
    """Of a broken body that begins where a chunk does, takes the new one for the better."""

    def _look(self, session: Session) -> tuple[list[Record], list[ranges.Span]]:
        unseen, missing = super()._look(session)
        if self.broke_off:
            same = [one for one in unseen if one.offset == self.offset]
            for one in same:
                session.info.recent = [other for other in session.info.recent if other != one]
                session.info.ranges = ranges.remove(session.info.ranges, one.offset, one.end)
                session.info.count -= 1
            if same:
                return super()._look(session)
        return unseen, missing


class KeptOverLonger(Store):
    body_type = _OverwritingBody


class _WholeBlocks(Body):
    """Keeps the whole blocks of what came, and of less than a block all: a server should keep what it can."""

    def keep(self) -> None:
        whole = self._whole
        kept = self.received - self.received % BLOCK_BYTES or self.received
        if whole is None or self._synced or kept == self.received:
            super().keep()
            return
        self._files.port.ftruncate(whole.fd, kept)
        self.sha256, self.received = self._digest(whole, kept), kept
        super().keep()

    def _digest(self, whole: Piece, length: int) -> hashlib._Hash:
        digest = hashlib.sha256()
        for _, block in chunks.blocks(self._files.port, whole.fd, 0, length):
            digest.update(block)
        return digest


class BlocksKept(Store):
    body_type = _WholeBlocks


class KeptDespiteChecksum(Exchange):
    """Checks a checksum at the end of the body, and this one has none."""

    def _keep(self) -> None:
        self._checksum = None
        super()._keep()


class _LaggingBody(_KeepingBody):
    """Hashes a block when the next one has come."""

    def __init__(self, store: Store, claims: Claims, offset: int) -> None:
        super().__init__(store, claims, offset)
        self.hashed = hashlib.sha256()
        self.last: Data = b""

    def write(self, block: Data) -> None:
        super().write(block)
        self.hashed.update(self.last)
        self.last = bytes(block)

    def _sync(self) -> None:
        super()._sync()
        if self.broke_off and self._whole is not None:
            self._whole.sha256 = self.hashed.hexdigest()


class KeptUnhashed(Store):
    body_type = _LaggingBody
    wants_bytes = True


class _CaughtUpBody(_LaggingBody):
    """Hashes the last block, too, before it says what it has."""

    def _sync(self) -> None:
        self.hashed.update(self.last)
        self.last = b""
        super()._sync()


class KeptHashed(Store):
    body_type = _CaughtUpBody
    wants_bytes = True


class _UncomparedPrefix(_KeepingBody):
    """Takes what was cut for what the client sent before, and keeps what nobody has yet."""

    def _compare(self, record: Record) -> None:
        if self.broke_off:
            self._agreed.add(record)
        else:
            super()._compare(record)


class KeptUncompared(Store):
    body_type = _UncomparedPrefix


class _CredulousSessions(Sessions):
    """Takes the ranges in the books for what the chunks hold."""

    @staticmethod
    def require_covered(info: Info, records: list[Record]) -> None:
        return

    @staticmethod
    def require_summed(info: Info) -> None:
        return


class _ClaimingBody(_KeepingBody):
    """Enters the announced range, and a chunk of what came."""

    def _move_in(self, session: Session) -> None:
        if self.broke_off and self.announced:
            end = min(self.offset + self.announced, session.info.size)
            session.info.ranges = ranges.add(session.info.ranges, self.offset, end)
        super()._move_in(session)


class ClaimsUncovered(_Announced):
    body_type = _ClaimingBody
    sessions_type = _CredulousSessions


class _RunnableFiles(Files):
    """Leaves the mode of new files to os.open, which makes them executable."""

    new_file_mode = 0o777


class PublishedExecutable(Store):
    files_type = _RunnableFiles


_OF_LOST_BYTES = (
    "availability",
    "bytes",
    "completion",
    "linearizable",
    "publication",
    "refusal",
    "replay",
)

BUGS = (
    Bug(
        name="prefix-unsynced",
        says="what came of a broken body is named before it is on the disk",
        stands_for="no fsync where nothing is acknowledged; but HEAD tells it, and the client goes on there",
        storms=("power-loss-truncated",),
        caught_by=("offsets", "status", "durability"),
        deed="fault power-loss",
        also=_OF_LOST_BYTES,
        store=PrefixUnsynced,
        twin=Innocent(
            says="of what came whole blocks are kept where there are any, and synced first",
            store=BlocksKept,
        ),
        sim_only="power cannot be taken from processes alone",
    ),
    Bug(
        name="kept-despite-checksum",
        says="of a body with a checksum that broke off a part is kept, which nothing vouches for",
        stands_for="a checksum that is looked at in the end only: tus 1.0.0, checksum",
        storms=("truncated-checksums",),
        caught_by=("offsets", "status"),
        deed="request replace **/chunks/*",
        also=("bytes", "linearizable"),
        exchange=KeptDespiteChecksum,
    ),
    Bug(
        name="kept-unhashed",
        says="more is kept of a broken body than its digest is of",
        stands_for="a length and a digest taken at different moments",
        storms=("truncated",),
        caught_by=("durability", "offsets", "status"),
        deed="request replace **/chunks/*",
        also=_OF_LOST_BYTES,
        store=KeptUnhashed,
        twin=Innocent(says="the last block is hashed before the digest is told", store=KeptHashed),
    ),
    Bug(
        name="kept-uncompared",
        says="of a broken body that contradicts committed bytes the rest is kept",
        stands_for="a refused request that still changes state",
        storms=("conflicting-truncated",),
        caught_by=("bytes", "linearizable"),
        deed="request replace **/chunks/*",
        also=("conflict", "offsets", "status"),
        store=KeptUncompared,
    ),
    Bug(
        name="claims-uncovered",
        says="the books hold the range that was announced, and the file is made of what there is",
        stands_for="Content-Length trusted over what came, and a sum that nobody checks",
        storms=("truncated",),
        caught_by=("bytes", "offsets", "status"),
        deed="answer cut",
        also=(
            "durability",
            "replay",
            "conflict",
            "publication",
            "linearizable",
            "refusal",
            "availability",
            "completion",
        ),
        store=ClaimsUncovered,
    ),
    Bug(
        name="prefix-name-unsynced",
        says="what came of a broken body is on the disk before it is named, and its own name is not",
        stands_for="fsync(2): the file's own fsync does not sync its name, and nothing was acknowledged yet",
        storms=("power-loss-truncated",),
        caught_by=("offsets", "status", "durability"),
        deed="fault power-loss",
        also=_OF_LOST_BYTES,
        store=PrefixNameUnsynced,
        sim_only="power cannot be taken from processes alone",
    ),
    Bug(
        name="kept-padded",
        says="what came of a broken body is filled up with zeros to a whole block",
        stands_for="a cipher's or a disk's block written out whole: a length rounded up",
        storms=("truncated",),
        caught_by=("bytes", "offsets", "status"),
        deed="request replace **/chunks/*",
        also=(*(one for one in _OF_LOST_BYTES if one != "bytes"), "conflict", "durability"),
        store=KeptPadded,
    ),
    Bug(
        name="kept-over-longer",
        says="what came of a broken body takes the place of a longer chunk that begins where it does",
        stands_for="one file for each offset, written by whoever came last: the offset goes back",
        storms=("truncated",),
        caught_by=("durability", "offsets", "status"),
        deed="request replace **/chunks/*",
        also=(*_OF_LOST_BYTES, "conflict"),
        store=KeptOverLonger,
    ),
    Bug(
        name="published-executable",
        says="published files have the mode that os.open gives them, which anybody may execute",
        stands_for="os.open(2): its default mode is 0777, and open() alone has 0666",
        storms=("sequential",),
        caught_by=("publication",),
        deed="request link u0.bin",
        store=PublishedExecutable,
    ),
)
