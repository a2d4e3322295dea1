"""One PATCH body: streamed into a temporary file without a lock, then committed under a brief one.

Committing is a loop with one rule: under the lock only look and move names, outside it compare and
cut. Each turn looks at the records that overlap the body; those not yet compared are compared
outside the lock, against chunk files that never change; then what nobody has yet is cut out, and the
lock is taken again. Committed bytes never change, so every turn leaves less to compare, and the loop
ends when a look finds nothing new.

A body commits all that it adds, in one replacement of ``info.json``, or nothing. One that broke off is
the body that came until then: its bytes are as true as those of any PATCH of that length, since a client
that comes back asks HEAD where to go on. What becomes of it is no different from there on.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from . import chunks, ledger, ranges
from .errors import Conflict, Locked, TooLarge
from .files import GONE, no_space, vanishing
from .late import LateBody
from .model import Claims, Info, Record, View
from .session import Session

if TYPE_CHECKING:
    from .port import Data
    from .store import Store


_OWN = vanishing(Locked)
"""The bytes are lost with the file: the client has to send them again."""


class Piece(msgspec.Struct):
    """A temporary file, its flock held, with exactly the bytes of the record it will become."""

    path: str
    fd: int
    inode: int
    offset: int
    length: int = 0
    sha256: str = ""
    named: bool = False
    """Whether it has become a chunk: then nothing is left under its temporary name."""

    @property
    def span(self) -> tuple[int, int]:
        return (self.offset, self.offset + self.length)


class Body:
    """A body on its way in: ``write`` each block; then ``commit``, ``keep`` if it broke off, or ``abort``."""

    unsized = False
    """Only its end tells how long it is, and so whether it closes the upload."""

    def __init__(self, store: Store, claims: Claims, offset: int) -> None:
        self._store = store
        self._claims = claims
        self._paths = store.paths(claims.session)
        self._files = store.files
        self._pieces: list[Piece] = []
        self._whole: Piece | None = None
        self._agreed: set[Record] = set()
        self._synced = False
        self._committed = False
        self._contributed = False
        self._kept = False
        self._returned = False
        self.offset = offset
        self.received = 0
        self.sha256 = self._files.sha256()

    @property
    def end(self) -> int:
        return self.offset + self.received

    def write(self, block: Data) -> None:
        """Append a block. ``TooLarge`` past the declared end, ``OutOfSpace`` when it does not fit."""
        check_room(self._claims, self.offset, self.received + len(block))
        with no_space(), _OWN:
            if self._whole is None:
                self._whole = self._claim(self.offset)
            self._files.write_all(self._whole.fd, block, self.received)
        self.sha256.update(block)
        self.received += len(block)

    def commit(self) -> View:
        """Make the body part of the upload, and publish if that closes it.

        After ``Busy`` call it again: what is done is not done twice. ``Conflict`` when the bytes
        contradict committed ones, ``Gone`` when the upload was terminated or has expired, ``Locked``
        when the temporary file vanished; then nothing was changed. When only publishing fails
        (``OutOfSpace``, ``TargetTaken``), the bytes stay committed.
        """
        if not self._committed:
            with no_space():
                self._sync()
                info = self._merge()
            self._committed = True
            self.abort()
            self._contributed = not info.finished
            if not info.finished and not info.complete:
                return self._store.view_of(info)
        return self._store.finished(self._claims, contributed=self._contributed)

    def keep(self) -> None:
        """The body broke off: commit what has come of it. Raises what :meth:`commit` raises.

        Durable before anything names it, and as long as what was hashed of it; nothing where a byte of it
        contradicts a committed one, since then nobody knows which upload it belongs to.
        """
        if self.received:
            self._kept = True
            self.commit()

    def abort(self) -> None:
        """Remove what is left of the temporary files. Never raises; may be called at any time."""
        for piece in self._held():
            if not piece.named:
                with suppress(OSError):
                    self._files.discard(piece.path)
            with suppress(OSError):
                self._files.port.close(piece.fd)
        self._whole, self._pieces = None, []

    def _held(self) -> list[Piece]:
        others = [piece for piece in self._pieces if piece is not self._whole]
        return others if self._whole is None else [self._whole, *others]

    def _claim(self, offset: int) -> Piece:
        path = self._paths.of(self._files.unique("body"))
        try:
            fd, inode = self._files.claim_new(path)
        except OSError as error:
            if error.errno in GONE:
                raise Locked("The session is being cleaned up.") from None
            raise
        return Piece(path, fd, inode, offset)

    def _sync(self) -> None:
        if self._whole is None or self._synced:
            return
        with _OWN:
            self._files.port.fsync(self._whole.fd)
        self._whole.length = self.received
        self._whole.sha256 = self.sha256.hexdigest()
        self._pieces = [self._whole]
        self._synced = True

    def _merge(self) -> Info:
        while True:
            with self._store.session(self._claims) as session:
                info = session.info
                self._store.require_open(info)
                unseen, missing = self._look(session)
                if not info.finished and not unseen and self._cut_to(missing):
                    if self._may_be_vain(info):
                        self._store.publisher.require_winnable(info)
                    if missing:
                        self._move_in(session)
                    return info
            if info.finished:
                self._judge_late(info)
                return info
            for record in unseen:
                self._compare(record)
            self._cut(missing)

    def _look(self, session: Session) -> tuple[list[Record], list[ranges.Span]]:
        """The overlapping records not compared yet, and what of the body nobody has."""
        held = session.info.ranges
        if not ranges.overlaps(held, self.offset, self.end):
            return [], [(self.offset, self.end)] if self.received else []
        found = session.overlapping(self.offset, self.end)
        unseen = [record for record in found if record not in self._agreed]
        return unseen, ranges.gaps(held, self.offset, self.end)

    def _may_be_vain(self, info: Info) -> bool:
        """Whether it turns out only now that it does not close the upload: its end was not known, or
        damage was found since. What broke off is kept in any case."""
        if self._kept or not (self.unsized or self._returned):
            return False
        return not ranges.closes(info.ranges, info.size, self.offset, self.end)

    def _cut_to(self, missing: list[ranges.Span]) -> bool:
        return not missing or missing == [piece.span for piece in self._pieces]

    def _cut(self, missing: list[ranges.Span]) -> None:
        """Make one piece for each missing range; the whole body itself when nothing is there."""
        whole = self._whole
        if whole is None or self._cut_to(missing):
            return
        for piece in [piece for piece in self._pieces if piece is not whole]:
            self._files.discard(piece.path)
            self._files.port.close(piece.fd)
        self._pieces = []
        for start, end in missing:
            if (start, end) == whole.span:
                self._pieces.append(whole)
                continue
            piece = self._claim(start)
            self._pieces.append(piece)
            with _OWN:
                self._copy(whole, start, end, piece)

    def _copy(self, whole: Piece, start: int, end: int, piece: Piece) -> None:
        digest = self._files.sha256()
        for at, block in chunks.blocks(
            self._files.port, whole.fd, start - self.offset, end - start
        ):
            self._files.write_all(piece.fd, block, at)
            digest.update(block)
        self._files.port.fsync(piece.fd)
        piece.length, piece.sha256 = end - start, digest.hexdigest()

    def _compare(self, record: Record) -> None:
        """``Conflict`` unless the body agrees with the record; a damaged chunk is dropped instead."""
        whole = self._whole
        assert whole is not None, "an empty body overlaps nothing"
        if (record.offset, record.length) == (whole.offset, whole.length):
            if record.sha256 != whole.sha256:
                raise self._contradiction(record)
            self._agreed.add(record)
            return
        if not self._agrees(whole, record):
            self._files.names(self._paths.chunks)  # a name cached from before a repair is no damage
            if not self._agrees(whole, record):
                if chunks.intact(self._files, self._paths.chunk(record.offset), record):
                    raise self._contradiction(record)
                self._store.drop_damaged(self._claims, record)
                self._returned = True
                return
        self._agreed.add(record)

    def _agrees(self, whole: Piece, record: Record) -> bool:
        start, end = max(record.offset, self.offset), min(record.end, self.end)
        return chunks.agrees(
            self._files, self._paths.chunk(record.offset), start - record.offset,
            whole.fd, start - self.offset, end - start,
        )  # fmt: skip

    def _contradiction(self, record: Record) -> Conflict:
        return Conflict(
            "The body contradicts bytes that are already committed.",
            committed={"offset": record.offset, "length": record.length},
            received={"offset": self.offset, "length": self.received},
        )

    def _move_in(self, session: Session) -> None:
        """Give the pieces their chunk names, then name them in ``info.json``; all or nothing."""
        moved: list[str] = []
        try:
            for piece in self._pieces:
                chunk = self._paths.chunk(piece.offset)
                if not self._files.replace(
                    piece.path, chunk, partial(self._files.is_inode, chunk, piece.inode)
                ):
                    raise Locked("The temporary file of this request has vanished.")
                moved.append(chunk)
                piece.named = True
            self._files.sync_directory(self._paths.chunks)
            ledger.add(session, self._pieces, self._store.options)
        except Exception:
            if not session.replaced:
                for chunk in moved:
                    with suppress(OSError):
                        self._files.discard(chunk)
            raise

    def _judge_late(self, info: Info) -> None:
        """The upload was published while this body came in: compare with what was published."""
        whole = self._whole
        if whole is None:
            return
        late = LateBody(self._store, self._claims, info, self.offset)
        try:
            with _OWN:
                for _, block in chunks.blocks(self._files.port, whole.fd, 0, self.received):
                    late.write(block)
            late.judge()
        finally:
            late.abort()


def check_room(claims: Claims, offset: int, received: int) -> None:
    """``TooLarge`` when a body of ``received`` bytes at ``offset`` passes the declared end."""
    if offset + received > claims.size:
        raise TooLarge(
            "The body goes past the upload's declared end.", size=claims.size, offset=offset
        )
