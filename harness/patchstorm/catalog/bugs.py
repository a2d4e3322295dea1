"""Stores with one thing wrong. Each is a few lines over the reference.

A bug overrides as little as it can, so that what a storm finds is that mistake and nothing else. The
table that names them, and says who must notice, is in :mod:`patchstorm.catalog.table`.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

import msgspec

from chunkstore import chunks
from chunkstore.body import Body
from chunkstore.cleanup import Cleaner
from chunkstore.errors import Conflict, StoreError
from chunkstore.late import LateBody
from chunkstore.layout import Paths
from chunkstore.model import Claims, Info, Record, StatusDocument, View
from chunkstore.port import Data
from chunkstore.protocol import Exchange
from chunkstore.publish import Publisher, Stage
from chunkstore.responses import Response
from chunkstore.session import Sessions
from chunkstore.store import Incoming, Store
from chunkstore.sweep import Sweeper


class _UnlockedSessions(Sessions):
    """Opens the lock file, and lets go of the lock at once."""

    def _lock(self, paths: Paths, create: bool) -> int:
        fd = super()._lock(paths, create)
        self.files.port.flock(fd, fcntl.LOCK_UN)
        return fd


class LockPerProcess(Store):
    sessions_type = _UnlockedSessions


class _TrustingBody(Body):
    def _compare(self, record: Record) -> None:
        self._agreed.add(record)


class ConflictAccepted(Store):
    body_type = _TrustingBody


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


class _UnverifiedPublisher(Publisher):
    """Copies the chunks without looking at what it copies."""

    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        super()._assemble(paths, stage, records)
        return None


class WriteBeforeCompare(Store):
    body_type = _OverwritingBody
    publisher_type = _UnverifiedPublisher


class _CutBody(Body):
    """Commits a body that broke off, at the length that was announced for it."""

    announced = 0

    def abort(self) -> None:
        if self._whole is not None and not self._synced and self.announced > self.received:
            with suppress(StoreError, OSError):
                self.write(bytes(self.announced - self.received))
                self.commit()
                return
        super().abort()


class CutBodyCounted(Store):
    body_type = _CutBody

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> Incoming:
        body = super().begin(claims, offset, length)
        if isinstance(body, _CutBody):
            body.announced = length or 0
        return body


class OffsetAhead(Store):
    """Announces the end of the last chunk instead of the end of the prefix."""

    def view_of(self, info: Info) -> View:
        end = max((end for _, end in info.ranges), default=0)
        return msgspec.structs.replace(super().view_of(info), offset=end)


class _SuspiciousBody(Body):
    """Takes every replay for a conflict."""

    def _compare(self, record: Record) -> None:
        raise Conflict("This range is already committed.")


class ReplayRefused(Store):
    body_type = _SuspiciousBody


class AnnouncedTooEarly(Store):
    """HEAD gives the full length as soon as every byte is there, published or not."""

    def view(self, claims: Claims) -> View:
        with self.session(claims) as session:
            self.require_open(session.info)
            return self.view_of(session.info)

    def finished(self, claims: Claims) -> View:
        return self.view(claims)


class _OpenPublisher(Publisher):
    """Assembles under the published name, for all to see."""

    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        store = self._store
        with store.sessions.locked(paths) as session:
            target = store.places.prepare(session.info.target)
        with store.files.opened(target, os.O_RDWR | os.O_CREAT) as fd:
            for record in records:
                chunks.copy(store.files, paths.chunk(record.offset), record, fd, record.offset)
                store.files.port.sleep(0.02)
        store.files.discard(target)
        return super()._assemble(paths, stage, records)


class PublishedInTheOpen(Store):
    publisher_type = _OpenPublisher


class _IdleSweeper(Sweeper):
    def sweep(self) -> list[str]:
        return []


class _FinishedByNobody(Publisher):
    """Leaves the publication to a background task that does not exist."""

    def finish(self, claims: Claims) -> Info:
        with self._store.session(claims) as session:
            return session.info


class CompletionLost(Store):
    publisher_type = _FinishedByNobody
    sweeper_type = _IdleSweeper

    def finished(self, claims: Claims) -> View:
        view = super().finished(claims)
        return msgspec.structs.replace(view, offset=min(view.offset, view.size - 1))


class _Hoarder(Cleaner):
    def clean(self, paths: Paths) -> bool:
        return True


class _HoardingPublisher(Publisher):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.cleaner = _Hoarder(store.files)


class ChunksLeft(Store):
    publisher_type = _HoardingPublisher


class StatusForgetsLastGap(Store):
    def status(self, claims: Claims) -> StatusDocument:
        found = super().status(claims)
        return msgspec.structs.replace(found, missing_ranges=found.missing_ranges[:-1])


class _HoldingBody(Body):
    """Holds the session's lock from the first byte of a body to its last."""

    _lock_fd: int | None = None

    def write(self, block: Data) -> None:
        if self._lock_fd is None:
            self._lock_fd = self._store.sessions._lock(self._paths, False)
        super().write(block)

    def _release(self) -> None:
        if self._lock_fd is not None:
            self._files.port.close(self._lock_fd)
            self._lock_fd = None

    def commit(self) -> View:
        self._release()
        return super().commit()

    def abort(self) -> None:
        self._release()
        super().abort()


class LockWhileStreaming(Store):
    body_type = _HoldingBody


class AnyChecksum(Exchange):
    def _check_digest(self, body: object) -> None:
        return


class NoOffset(Exchange):
    def end(self) -> Response:
        response = super().end()
        kept = tuple(pair for pair in response.headers if pair[0] != "Upload-Offset")
        return Response(response.status, kept, response.body)


class _LateWriter(LateBody):
    """Takes a late PATCH for a new one and writes it into the published file."""

    def write(self, block: Data) -> None:
        path = self._store.target_path(self._claims.target)
        with self._store.files.opened(path, os.O_WRONLY) as fd:
            self._store.files.write_all(fd, block, self.offset + self.received)
        super().write(block)


class LateWrites(Store):
    late_type = _LateWriter
