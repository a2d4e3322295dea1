"""The store: what a replica can be asked for. Plain synchronous code over one port.

Every call is safe to make from any thread, on any replica of the fleet, at any time, and to repeat.
A call that raises ``Busy`` holds nothing and changed nothing that its repetition would not find;
whoever calls waits and calls again within its own bound. The other errors end the request.

What the rules need of the storage: files that only one can create and locks that only one can have
keep committed bytes from changing and publication from happening twice; locks that outlive the dead, be
it a process or a host, would stop an upload until somebody clears them; what fsync does not keep, of a
file or a directory, no acknowledgement can promise; and a listed directory shows what other hosts did in
it. Names need not be coherent by themselves: directories are listed first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Protocol

import msgspec

from . import ledger, ranges
from .body import Body, check_room
from .errors import (
    Busy,
    Conflict,
    Gone,
    Locked,
    OutOfSpace,
    TooLarge,
    UnknownUpload,
)
from .files import Files, no_space
from .hashing import Digest
from .late import LateBody
from .layout import UPLOADS, Paths, check_session
from .model import Claims, Info, MissingRange, Options, Record, StatusDocument, View
from .places import Places
from .port import Data, Port
from .publish import Publisher
from .session import Missing, Session, Sessions
from .sweep import Sweeper


class Incoming(Protocol):
    """A body on its way in, whatever becomes of it."""

    offset: int
    received: int

    @property
    def sha256(self) -> Digest: ...
    def write(self, block: Data) -> None: ...
    def commit(self) -> View: ...
    def keep(self) -> None: ...
    def abort(self) -> None: ...


_Lock = AbstractContextManager[Session]


class Store:
    """One replica's access to the uploads under ``root`` (an absolute path, which must exist)."""

    files_type = Files
    sessions_type = Sessions
    body_type = Body
    late_type = LateBody
    publisher_type = Publisher
    sweeper_type = Sweeper

    def __init__(
        self,
        port: Port,
        root: str,
        options: Options | None = None,
        sha256: Callable[[], Digest] = hashlib.sha256,
    ) -> None:
        self.options = options or Options()
        self.files = self.files_type(port, sha256)
        self.root = root.rstrip("/")
        self.uploads = f"{self.root}/{UPLOADS}"
        self.places = Places(self.files, self.root)
        self.sessions = self.sessions_type(self.files)
        self.publisher = self.publisher_type(self)
        self._sweeper = self.sweeper_type(self)

    # What clients ask for.

    def create(self, claims: Claims, metadata: str = "") -> View:
        """A new session, durable on return; an upload of no bytes is published at once.

        ``TargetTaken`` when the name is in use, ``BadRequest`` when it leaves the root, ``TooLarge``.
        """
        self._require_unexpired(claims)
        with no_space(), self._opened(claims, make=True, metadata=metadata) as session:
            info = session.info
        return self._viewed(claims, info)

    def view(self, claims: Claims) -> View:
        """What HEAD announces. Finishes a pending publication first, or says ``Busy`` or ``Locked``.

        ``TargetTaken`` when the name is another's: who goes on or waits would do so in vain.
        """
        with no_space(), self.session(claims) as session:
            info = session.info
            self.publisher.require_winnable(info)
        return self._viewed(claims, info)

    def _viewed(self, claims: Claims, info: Info) -> View:
        self.require_open(info)
        if info.finished or not info.complete:
            return self.view_of(info)
        try:
            return self.finished(claims)
        except OutOfSpace as error:
            raise Locked(f"All bytes are here; publishing waits: {error.detail}") from None

    def status(self, claims: Claims) -> StatusDocument:
        """The whole picture: what has come, what is missing."""
        while True:
            info, received = self._received(claims)
            if info.finished or not info.complete:
                break
            self._viewed(claims, info)  # publishes it, or says what keeps it waiting
        covered = sum(end - start for start, end in info.ranges)
        return StatusDocument(
            session=info.session,
            total_size=info.size,
            committed_offset=info.offset,
            chunks_received=received,
            missing_ranges=[
                MissingRange(start, end - start)
                for start, end in ranges.gaps(info.ranges, 0, info.size)
            ],
            progress_percent=percent(covered, info.size),
            status=info.state,
        )

    def _received(self, claims: Claims) -> tuple[Info, list[int]]:
        """The session's state, and the offsets of the chunks that have come."""
        with no_space(), self.session(claims) as session:
            info = session.info
            self.require_open(info)
            self.publisher.require_winnable(info)
            if info.finished:
                return info, ranges.unfold(info.received)
            return info, [record.offset for record in session.records()]

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> Incoming:
        """A PATCH at ``offset``. ``Conflict`` when it lies past the end, ``TooLarge`` when the body will.

        ``TargetTaken``, before a byte of the body came, when a rival owns the name. Not for one that closes
        the upload: its bytes are kept, and published if the name becomes free.
        """
        with no_space(), self.session(claims) as session:
            info = session.info
            self.require_open(info)
            end = info.size if length is None else offset + length
            if not ranges.closes(info.ranges, info.size, offset, end):
                self.publisher.require_winnable(info)
        if not 0 <= offset <= info.size:
            raise Conflict("The offset lies outside the upload.", size=info.size, offset=offset)
        check_room(claims, offset, length or 0)
        if info.state == "published":
            return self.late_type(self, claims, info, offset)
        body = self.body_type(self, claims, offset)
        body.unsized = length is None
        return body

    def terminate(self, claims: Claims) -> None:
        """End the session: before publication its bytes go, after it the file stays."""
        with no_space(), self.session(claims) as session:
            self.publisher.settle(session, resume=False)
            info = session.info
            self.require_open(info)
            info.state = "terminated"
            info.ranges, info.recent, info.segments, info.received = [], [], [], []
            info.count, info.intent = 0, None
            self.publisher.cleaner.end(session)
        with suppress(OSError):  # it is terminated all the same, and a sweep comes back to this
            self.publisher.cleaner.clean(self.paths(claims.session))

    def sweep(self) -> list[str]:
        """One pass over all sessions; see :mod:`chunkstore.sweep`."""
        return self._sweeper.sweep()

    # What the parts of the store ask of it.

    def session(self, claims: Claims) -> AbstractContextManager[Session]:
        """The session of these claims, its lock held; made first if a manager's token names a new one.

        ``Gone`` when the token has expired (without touching the storage), ``UnknownUpload`` when this
        fleet made the session and it is not there, ``Conflict`` when it is another upload's.
        """
        self._require_unexpired(claims)
        return self._opened(claims, make=not claims.created)

    def existing(self, claims: Claims) -> AbstractContextManager[Session]:
        """The session, for work on it that its token's expiry does not end. Never made anew."""
        return self._opened(claims, make=False)

    def finished(self, claims: Claims, *, contributed: bool = False) -> View:
        """The view after finishing a pending publication; errors as of :meth:`Publisher.finish`.

        A failed call to the storage is ``Locked``: the bytes are there, only publishing has to wait.
        ``contributed``: the caller has just committed bytes, and is not told that they had no effect
        when the upload was published and then terminated before its answer.
        """
        try:
            info = self.publisher.finish(claims)
        except OSError as error:
            reason = error.strerror or "an error of the storage"
            raise Locked(f"All bytes are here; publishing waits: {reason}.") from None
        if contributed and info.state == "terminated" and info.published is not None:
            return msgspec.structs.replace(self.view_of(info), offset=info.size)
        self.require_open(info)
        return self.view_of(info)

    def drop_damaged(self, claims: Claims, record: Record) -> Info:
        """Return the range of a chunk that does not match its record to missing."""
        with self.existing(claims) as session:
            if not session.info.finished and ledger.drop(session, record):
                self.files.discard(session.paths.chunk(record.offset))
            return session.info

    def view_of(self, info: Info) -> View:
        return View(
            session=info.session,
            size=info.size,
            offset=info.offset,
            received=sum(end - start for start, end in info.ranges),
            count=info.count,
            expires_s=info.expires_s,
            metadata=info.metadata,
            state=info.state,
        )

    def require_open(self, info: Info) -> None:
        """``Gone`` for a session that was terminated or has expired."""
        if info.state in ("terminated", "expired"):
            raise Gone(
                f"The upload has {'been ' if info.state == 'terminated' else ''}{info.state}."
            )

    def paths(self, session: str) -> Paths:
        return Paths(f"{self.uploads}/{check_session(session)}")

    def target_path(self, target: str) -> str:
        return self.places.path(target)

    def now_s(self) -> float:
        return self.files.port.time_ns() / 1e9

    # Opening and making sessions.

    def _opened(
        self, claims: Claims, *, make: bool, metadata: str = ""
    ) -> AbstractContextManager[Session]:
        return _Opened(self, claims, make, metadata)

    def _require_unexpired(self, claims: Claims) -> None:
        if self.now_s() > claims.expires_s:
            raise Gone("The token has expired.")

    def _enter(self, claims: Claims, make: bool) -> tuple[_Lock, Session]:
        """The session under its lock, and what gives that back."""
        paths = self.paths(claims.session)
        lock = self.sessions.locked(paths)
        try:
            session = lock.__enter__()
            if session.exists or make:
                return lock, session
        except Missing:
            if make:
                self._make_directory(paths)
                lock = self.sessions.locked(paths, create=True)
                return lock, lock.__enter__()
        else:
            lock.__exit__(None, None, None)
        if self._listed(claims.session):
            raise Busy("The session's state cannot be read just now.")
        raise UnknownUpload("There is no such upload.")

    def _listed(self, session: str) -> bool:
        """Whether the session's directory is there, true now.

        Each directory on the way is opened anew, which refreshes what an NFS client believes of its
        names: a host that once saw the root without uploads goes on answering ENOENT for minutes.
        """
        self.files.names(self.root)
        if session not in self.files.names(self.uploads):
            return False
        self.files.names(self.paths(session).directory)
        return True

    def _make_directory(self, paths: Paths) -> None:
        try:
            self.files.make_directory(paths.directory)
        except FileNotFoundError:
            self.files.make_directory(self.uploads)
            self.files.sync_directory(self.root)
            self.files.make_directory(paths.directory)

    def _initialise(self, session: Session, claims: Claims, metadata: str) -> None:
        """The first ``info.json``. All directories are durable before it is there to be seen."""
        if claims.size > self.options.size_max:
            raise TooLarge("The upload is larger than allowed.", maximum=self.options.size_max)
        self.files.sync_directory(self.root)  # opened first, so that NFS tells who is in it
        self.places.check(claims.target, overwrite=claims.overwrite)
        self.files.sync_directory(self.uploads)
        self.files.make_directory(session.paths.chunks)
        self.files.make_directory(session.paths.records)
        self.files.sync_directory(session.paths.directory)
        session.save(
            Info(
                session=claims.session,
                size=claims.size,
                target=claims.target,
                overwrite=claims.overwrite,
                expires_s=claims.expires_s,
                metadata=metadata,
            )
        )

    def _match(self, session: Session, claims: Claims) -> None:
        info = session.info
        if (claims.size, claims.target, claims.overwrite) != (
            info.size,
            info.target,
            info.overwrite,
        ):
            raise Conflict("The token's claims are not those the session was made with.")
        if claims.expires_s > info.expires_s:  # the tombstone has to outlive every token
            info.expires_s = claims.expires_s
            session.save(info)


class _Opened:
    """A session under its lock, made first if need be, and held against the claims on it."""

    __slots__ = ("_claims", "_lock", "_make", "_metadata", "_store")

    def __init__(self, store: Store, claims: Claims, make: bool, metadata: str) -> None:
        self._store = store
        self._claims = claims
        self._make = make
        self._metadata = metadata

    def __enter__(self) -> Session:
        store, claims = self._store, self._claims
        self._lock, session = store._enter(claims, self._make)
        try:
            if not session.exists:
                store._initialise(session, claims, self._metadata)
            store._match(session, claims)
        except BaseException as error:
            self._lock.__exit__(type(error), error, error.__traceback__)
            raise
        return session

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._lock.__exit__(kind, error, at)


def percent(part: int, whole: int) -> float:
    """Progress in percent, to two places and not rounded up; an upload of no bytes is done."""
    return 10_000 * part // whole / 100 if whole else 100.0
