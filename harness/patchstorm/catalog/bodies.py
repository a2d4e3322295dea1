"""Stores that take a body for what it is not."""

from __future__ import annotations

import os

from chunkstore import chunks, ranges
from chunkstore.body import Body
from chunkstore.errors import Busy, Conflict, StoreError
from chunkstore.late import LateBody
from chunkstore.model import Claims, Record, View
from chunkstore.port import Data
from chunkstore.session import Session
from chunkstore.store import Incoming, Store
from patchstorm.catalog.model import Bug
from patchstorm.catalog.publishing import UnverifiedPublisher


class _TrustingBody(Body):
    def _compare(self, record: Record) -> None:
        self._agreed.add(record)


class ConflictAccepted(Store):
    body_type = _TrustingBody


class _OffsetOnlyBody(Body):
    """Compares only with a chunk that begins where the body begins."""

    def _compare(self, record: Record) -> None:
        if record.offset == self.offset:
            super()._compare(record)
        self._agreed.add(record)


class ComparedByOffsetOnly(Store):
    body_type = _OffsetOnlyBody


class _OverwritingBody(Body):
    """Writes first and compares then: the loser's correct 409 comes too late."""

    def _compare(self, record: Record) -> None:
        whole = self._whole
        assert whole is not None
        if (record.offset, record.length) == (whole.offset, whole.length):
            with self._files.opened(self._paths.chunk(record.offset), os.O_WRONLY) as chunk:
                for at, block in chunks.blocks(self._files.port, whole.fd, 0, whole.length):
                    self._files.write_all(chunk, block, at)
        super()._compare(record)


class WriteBeforeCompare(Store):
    body_type = _OverwritingBody
    publisher_type = UnverifiedPublisher


class _HalfRefusedBody(Body):
    """Refuses a contradicting body, and keeps what of it contradicted nobody."""

    def _compare(self, record: Record) -> None:
        try:
            super()._compare(record)
        except Conflict:
            with self._store.session(self._claims) as session:
                missing = ranges.gaps(session.info.ranges, self.offset, self.end)
            self._cut(missing)
            with self._store.session(self._claims) as session:
                if missing and not session.info.finished:
                    self._move_in(session)
            raise


class RefusedAndKept(Store):
    body_type = _HalfRefusedBody


class _CutBody(Body):
    """Commits a body that broke off, at the length that was announced for it."""

    announced = 0

    def keep(self) -> None:
        if self._whole is not None and not self._synced and self.announced > self.received:
            self.write(bytes(self.announced - self.received))
        super().keep()


class CutBodyCounted(Store):
    body_type = _CutBody

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> Incoming:
        body = super().begin(claims, offset, length)
        if isinstance(body, _CutBody):
            body.announced = length or 0
        return body


class _SuspiciousBody(Body):
    """Takes every replay for a conflict."""

    def _compare(self, record: Record) -> None:
        raise Conflict("This range is already committed.")


class ReplayRefused(Store):
    body_type = _SuspiciousBody


class _AppendingBody(Body):
    """Appends to the chunk's own file as it comes; its length is recorded elsewhere, at the end."""

    _fd: int | None = None

    def write(self, block: Data) -> None:
        if self._fd is None:
            path = self._paths.chunk(self.offset)
            self._fd = self._files.port.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._files.port.write(self._fd, block)
        super().write(block)

    def _move_in(self, session: Session) -> None:
        chunk = self._paths.chunk(self.offset)
        kept = b""
        if self._fd is not None:
            with self._files.opened(chunk, os.O_RDONLY) as fd:
                kept = self._files.read_at(fd, self._files.port.fstat(fd).st_size, 0)
        super()._move_in(session)
        if kept:
            with self._files.opened(chunk, os.O_WRONLY | os.O_TRUNC) as fd:
                self._files.write_all(fd, kept, 0)


class AppendRecordedElsewhere(Store):
    body_type = _AppendingBody
    publisher_type = UnverifiedPublisher


class _EmptyKeptBody(Body):
    """Records a body of no bytes as a chunk of no bytes."""

    def commit(self) -> View:
        if not self.received and self._whole is None and not self._committed:
            self._whole = self._claim(self.offset)
        return super().commit()

    def _look(self, session: Session) -> tuple[list[Record], list[ranges.Span]]:
        if not self.received and self.offset < session.info.size:
            return [], [(self.offset, self.offset)]
        return super()._look(session)


class EmptyBodyRecorded(Store):
    body_type = _EmptyKeptBody


_LOOKS = 10


class LockedAfterAll(StoreError):
    """423 that ends the request, unlike ``Busy``, after which the same call is made again."""

    status, title = 423, "Locked"


class _UnsureBody(Body):
    """Looks at the state again after the commit, and calls a taken lock a refusal."""

    def commit(self) -> View:
        view = super().commit()
        for _ in range(_LOOKS if view.offset < view.size else 0):
            self._files.port.sleep(0.001)
            try:
                with self._store.session(self._claims):
                    pass
            except Busy:
                raise LockedAfterAll("The upload is busy.") from None
        return view


class RefusedThoughStored(Store):
    body_type = _UnsureBody


class _LateWriter(LateBody):
    """Takes a late PATCH for a new one and writes it into the published file."""

    def write(self, block: Data) -> None:
        path = self._store.target_path(self._claims.target)
        with self._store.files.opened(path, os.O_WRONLY) as fd:
            self._store.files.write_all(fd, block, self.offset + self.received)
        super().write(block)


class LateWrites(Store):
    late_type = _LateWriter


BUGS = (
    Bug(
        name="conflict-accepted",
        says="bytes that contradict committed ones are acknowledged and dropped",
        stands_for="a retry taken for a replay without comparing it",
        storms=("conflicting",),
        caught_by=("conflict",),
        deed="client PATCH content 1",
        also=("durability", "linearizable"),
        store=ConflictAccepted,
    ),
    Bug(
        name="write-before-compare",
        says="a refused request has already overwritten what it contradicts",
        stands_for="write first, compare and set the offset then: a correct 409 and wrong bytes",
        storms=("conflicting",),
        caught_by=("bytes", "conflict"),
        deed="request pwrite **/chunks/*",
        also=("durability", "linearizable"),
        store=WriteBeforeCompare,
    ),
    Bug(
        name="cut-body-counted",
        says="a body that broke off is committed at its announced length",
        stands_for="Content-Length trusted over what came",
        storms=("truncated",),
        caught_by=("bytes", "offsets", "status"),
        deed="answer cut",
        also=("durability", "replay", "conflict", "publication", "linearizable", "refusal"),
        store=CutBodyCounted,
    ),
    Bug(
        name="replay-refused",
        says="a replay of an accepted request is refused",
        stands_for="a retry after a lost answer that can never succeed",
        storms=("replaying",),
        caught_by=("replay", "refusal"),
        deed="answer 409",
        also=("availability", "completion", "linearizable"),
        store=ReplayRefused,
    ),
    Bug(
        name="late-writes",
        says="a late PATCH writes into the published file",
        stands_for="a refused request that still changes what is stored",
        storms=("late-replays",),
        caught_by=("publication", "bytes"),
        deed="request pwrite u0.bin",
        also=("conflict", "durability", "linearizable", "refusal", "replay"),
        store=LateWrites,
    ),
    Bug(
        name="compared-by-offset-only",
        says="a body is compared only with a chunk of the same offset",
        stands_for="a conflict check by key, not by range",
        storms=("conflicting-inside",),
        caught_by=("conflict",),
        deed="request replace **/chunks/*",
        also=("linearizable",),
        store=ComparedByOffsetOnly,
    ),
    Bug(
        name="refused-and-kept",
        says="a contradicting body is refused, and kept where it contradicted nobody",
        stands_for="a refused request that still changes state",
        storms=("conflicting-across",),
        caught_by=("bytes", "linearizable"),
        deed="request replace **/chunks/*",
        also=("conflict", "offsets", "status", "refusal"),
        store=RefusedAndKept,
    ),
    Bug(
        name="refused-though-stored",
        says="a body is stored, and 423 is the answer because the lock is taken again by then",
        stands_for="a refused request that still changes state",
        storms=("parallel",),
        caught_by=("linearizable",),
        deed="request replace **/chunks/*",
        also=("bytes",),
        store=RefusedThoughStored,
    ),
    Bug(
        name="append-recorded-elsewhere",
        says="a body is appended to its chunk file, and the length recorded elsewhere afterwards",
        stands_for="append with the offset in another file: the resume appends again",
        storms=("truncated",),
        caught_by=("bytes",),
        deed="request write **/chunks/*",
        also=("durability", "publication", "linearizable", "leaks"),
        store=AppendRecordedElsewhere,
    ),
    Bug(
        name="empty-body-recorded",
        says="a PATCH without a body is recorded as a chunk of no bytes",
        stands_for="an empty chunk that shadows the real one at its offset",
        storms=("empty-patches",),
        caught_by=("durability", "completion", "offsets", "status"),
        deed="request unlink **/chunks/*",
        also=("linearizable", "availability", "replay", "publication"),
        store=EmptyBodyRecorded,
    ),
)
