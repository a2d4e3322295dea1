"""The second base: a plain sequential tus store, correct, for bugs of servers that append.

Three files for each upload, side by side: its bytes, its record and its lock.

    <root>/.upload/<id>.bin  <id>.info  <id>.lock

A PATCH is accepted at the current offset only (tus 1.0.0, core). Its body is held in memory; then, under
the lock, the record is read, the offset compared, the bytes written where the record says and synced, and
the record replaced. What stands beyond the recorded offset is nobody's and is written over. So a crash at
any step leaves the old offset with the old bytes, or the new with the new.

Every decision that a bug gets wrong is a small method here; see ``sequential_bugs``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import cast

import msgspec

from chunkstore.body import check_room
from chunkstore.errors import (
    Busy,
    Conflict,
    Gone,
    Locked,
    OutOfSpace,
    StoreError,
    TargetTaken,
    TooLarge,
    UnknownUpload,
)
from chunkstore.files import FULL, GONE, Files, no_space
from chunkstore.hashing import Digest
from chunkstore.layout import UPLOADS, check_session
from chunkstore.model import Claims, Options, State, StatusDocument, View
from chunkstore.places import Places
from chunkstore.port import Data, Port
from patchstorm.catalog.model import Innocent


class Record(msgspec.Struct, kw_only=True):
    """``<id>.info``. ``publishing``: the second name of the bytes was there when this was saved.
    ``published`` stays true when a published upload is terminated.
    """

    size: int
    offset: int = 0
    target: str
    overwrite: bool = False
    publishing: bool = False
    published: bool = False
    expires_s: int
    metadata: str = ""
    state: State = "uploading"

    @property
    def complete(self) -> bool:
        return self.offset == self.size


@dataclass(frozen=True, slots=True)
class Paths:
    """The files of one upload."""

    uploads: str
    name: str

    def of(self, kind: str) -> str:
        return f"{self.uploads}/{self.name}.{kind}"


class SequentialBody:
    """A body on its way in, held in memory; offered to the store when it is whole."""

    def __init__(self, store: SequentialStore, claims: Claims, offset: int) -> None:
        self.store = store
        self.claims = claims
        self.offset = offset
        self.sha256 = store.files.sha256()
        self.data = bytearray()
        self.committed = False

    @property
    def received(self) -> int:
        return len(self.data)

    def write(self, block: Data) -> None:
        check_room(self.claims, self.offset, self.received + len(block))
        self.data += block
        self.sha256.update(block)

    def commit(self) -> View:
        """After ``Busy`` call it again: what is done is not done twice."""
        if not self.committed:
            with no_space():
                view = self.store.append(self)
            self.committed = True
            if view.offset < view.size:
                return view
        return self.store.finished(self.claims)

    def put(self, paths: Paths) -> None:
        """The bytes where the upload's bytes are, durable on return; under the lock."""
        held = isinstance(
            self.data, bytearray
        )  # and not a run of a body that is larger than memory
        self.store.put(paths, self.offset, bytes(self.data) if held else cast(bytes, self.data))

    def keep(self) -> None:
        """Of a body that broke off nothing is stored."""

    def abort(self) -> None:
        """Nothing was stored yet."""


class SequentialStore:
    """One replica's access to the uploads under ``root``."""

    body_type: type[SequentialBody] = SequentialBody
    uploads_place = UPLOADS

    def __init__(
        self,
        port: Port,
        root: str,
        options: Options | None = None,
        sha256: Callable[[], Digest] = hashlib.sha256,
    ) -> None:
        self.options = options or Options()
        self.port = port
        self.files = Files(port, sha256)
        self.root = root.rstrip("/")
        self.uploads = f"{self.root}/{self.uploads_place}"
        self.places = Places(self.files, self.root)

    # What clients ask for.

    def create(self, claims: Claims, metadata: str = "") -> View:
        self.require_unexpired(claims)
        paths = self.paths(claims.session)
        with no_space():
            self.files.make_directory(self.uploads)
            self.files.sync_directory(self.root)
            with self.locked(paths, create=True):
                if self.load(paths) is None:
                    self.initialise(paths, claims, metadata)
        try:
            return self.view(claims)
        except Busy:
            # Who is told to come again creates another upload, and this one would be nobody's. A sweeper
            # holds its lock, which publishes it as well if it has no bytes to wait for.
            return created(claims, metadata)

    def view(self, claims: Claims) -> View:
        with no_space(), self.opened(claims) as (_, record):
            pass
        if record.state != "uploading" or not record.complete:
            return view_of(claims, record)
        try:
            return self.finished(claims)
        except (Conflict, OutOfSpace) as error:
            raise Locked(f"All bytes are here; publishing waits: {error.detail}") from None

    def status(self, claims: Claims) -> StatusDocument:
        raise UnknownUpload("This store has no status document.")

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> SequentialBody:
        self.check_offset(self.view(claims).offset, offset)
        check_room(claims, offset, length or 0)
        return self.body_type(self, claims, offset)

    def terminate(self, claims: Claims) -> None:
        with no_space(), self.opened(claims) as (paths, record):
            if record.state == "uploading" and record.complete and self.happened(paths, record):
                self.record_published(paths, record)
            record.state = "terminated"
            self.end(paths, record)
            self.clean(paths)

    def sweep(self) -> list[str]:
        """One pass: finish what is complete, end what has expired, take away what is dead."""
        problems = []
        for name in sorted({name.partition(".")[0] for name in self.files.names(self.uploads)}):
            try:
                self.sweep_one(self.paths(name))
            except (Locked, TargetTaken):
                continue
            except (StoreError, OSError) as error:
                problems.append(f"upload {name}: {type(error).__name__}: {error}")
        return problems

    # The lock, and the record under it.

    @contextmanager
    def opened(self, claims: Claims) -> Iterator[tuple[Paths, Record]]:
        """The upload of these claims, its lock held. ``Gone`` when it is over."""
        self.require_unexpired(claims)
        with self.existing(claims) as (paths, record):
            if record.state in ("terminated", "expired"):
                raise Gone(f"The upload has been {record.state}.")
            yield paths, record

    @contextmanager
    def existing(self, claims: Claims) -> Iterator[tuple[Paths, Record]]:
        paths = self.paths(claims.session)
        with self.locked(paths):
            record = self.load(paths)
            if record is None:
                raise UnknownUpload("There is no such upload.")
            yield paths, record

    @contextmanager
    def locked(self, paths: Paths, *, create: bool = False) -> Iterator[None]:
        """``Busy`` when somebody else is at work on the upload."""
        fd = self.lock(paths, create)
        try:
            yield
        finally:
            with suppress(OSError):
                self.port.close(fd)

    def lock(self, paths: Paths, create: bool) -> int:
        try:
            fd = self.port.open(paths.of("lock"), os.O_RDWR | (os.O_CREAT if create else 0))
        except OSError as error:
            if error.errno not in GONE:
                raise
            raise self.missing(paths) from None
        try:
            self.port.flock(fd, fcntl.LOCK_EX)
            names = self.names()
            found = self.files.find(paths.of("lock")) if f"{paths.name}.lock" in names else None
            if found is None or found.st_ino != self.port.fstat(fd).st_ino:
                raise BlockingIOError  # the lock of a file that is no longer the lock
        except BaseException as error:
            with suppress(OSError):
                self.port.close(fd)
            if isinstance(error, BlockingIOError):
                raise Busy("Another request holds the upload's lock.") from None
            if (
                isinstance(error, OSError) and error.errno in GONE
            ):  # NFS: unlinked since it was opened
                raise Busy("The upload's lock is being replaced.") from None
            raise
        return fd

    def missing(self, paths: Paths) -> StoreError:
        """What an ENOENT means, once every directory on the way has been listed (see nfs(5))."""
        self.files.names(self.root)
        if f"{paths.name}.info" in self.names():
            return Busy("The upload's files cannot be opened just now.")
        return UnknownUpload("There is no such upload.")

    def names(self) -> list[str]:
        """Listing a directory refreshes what an NFS client believes of the names in it."""
        return sorted(self.files.names(self.uploads))

    def load(self, paths: Paths) -> Record | None:
        """The record, durable: whoever wrote it may have died before syncing its name."""
        if f"{paths.name}.info" not in self.names():
            return None
        try:
            data = self.read(paths.of("info"))
        except OSError as error:
            if error.errno not in GONE:
                raise
            raise Busy("The upload's record is being replaced.") from None
        self.files.sync_directory(self.uploads)
        return self.decoded(data)

    def decoded(self, data: bytes) -> Record:
        try:
            return msgspec.json.decode(data, type=Record)
        except msgspec.DecodeError as error:
            raise StoreError(f"The upload's record does not parse: {error}") from None

    def save(self, paths: Paths, record: Record) -> None:
        """Replace the record, durable on return."""
        temporary = paths.of(self.files.unique("info"))
        data = msgspec.json.encode(record)
        self.files.create(temporary, data)
        if not self.files.replace(temporary, paths.of("info"), lambda: self.stands(paths, data)):
            raise Busy("The upload's record could not be replaced.")
        self.files.sync_directory(self.uploads)

    def stands(self, paths: Paths, data: bytes) -> bool:
        """Whether this is the record now: a rename that answered ENOENT may have happened."""
        with suppress(OSError):
            return self.read(paths.of("info")) == data
        return False

    def initialise(self, paths: Paths, claims: Claims, metadata: str) -> None:
        self.check_size(claims)
        self.places.check(claims.target, overwrite=claims.overwrite)
        self.files.discard(paths.of("bin"))  # of an attempt that failed before its record was there
        self.files.create(paths.of("bin"), b"")
        record = Record(
            size=claims.size,
            target=claims.target,
            overwrite=claims.overwrite,
            expires_s=claims.expires_s,
            metadata=metadata,
        )
        self.save(paths, record)

    def check_size(self, claims: Claims) -> None:
        if claims.size > self.options.size_max:
            raise TooLarge("The upload is larger than allowed.", maximum=self.options.size_max)

    # A body.

    def check_offset(self, current: int, offset: int) -> None:
        if offset != current:
            raise Conflict("The offset is not the current one.", expected=current, received=offset)

    def append(self, body: SequentialBody) -> View:
        """Compare, write, sync, and only then record: all under one lock."""
        with self.opened(body.claims) as (paths, record):
            self.check_offset(record.offset, body.offset)
            if body.data:
                body.put(paths)
                record.offset = body.offset + body.received
                self.save(paths, record)
            return view_of(body.claims, record)

    def put(self, paths: Paths, offset: int, data: bytes) -> None:
        """The bytes, durable on return."""
        with self.files.opened(paths.of("bin"), os.O_WRONLY) as fd:
            self.files.write_all(fd, data, offset)
            self.port.fsync(fd)

    # Completion.

    def finished(self, claims: Claims) -> View:
        """The view once the upload is published; ``TargetTaken`` when a rival owns the name."""
        try:
            with no_space(), self.existing(claims) as (paths, record):
                self.finish(paths, record)
        except OSError as error:
            raise Locked(f"All bytes are here; publishing waits: {error.strerror}.") from None
        if record.state in ("terminated", "expired") and not record.published:
            raise Gone(f"The upload has been {record.state}.")
        return view_of(claims, record)

    def finish(self, paths: Paths, record: Record) -> None:
        """Publish what is complete. Under the lock; safe to repeat after a crash at any step."""
        if record.state == "uploading" and record.complete:
            if not self.happened(paths, record):
                self.publish(paths, record)
            self.record_published(paths, record)
        if record.state != "uploading":
            with suppress(OSError):  # a sweep comes back to this
                self.clean(paths)

    def happened(self, paths: Paths, record: Record) -> bool:
        """Whether a writer that died had published already."""
        if record.overwrite:
            return record.publishing and f"{paths.name}.pub" not in self.names()
        with self.files.opened(paths.of("bin"), os.O_RDONLY) as fd:
            return self.port.fstat(fd).st_nlink > 1

    def publish(self, paths: Paths, record: Record) -> None:
        target = self.places.prepare(record.target)
        with self.files.opened(paths.of("bin"), os.O_RDWR) as fd:
            self.port.ftruncate(fd, record.size)
            self.port.fsync(fd)
        if not record.overwrite:
            self.link(paths, target)
            return
        if not record.publishing:
            with suppress(FileExistsError):
                self.port.link(paths.of("bin"), paths.of("pub"))
            record.publishing = True
            self.save(paths, record)
        try:
            self.port.replace(paths.of("pub"), target)
        except OSError as error:
            if error.errno not in GONE or f"{paths.name}.pub" in self.names():
                raise

    def link(self, paths: Paths, target: str) -> None:
        """link(2); EEXIST is no answer yet: the file there may be our own."""
        try:
            self.port.link(paths.of("bin"), target)
        except FileExistsError:
            self.files.names(os.path.dirname(target))
            there, mine = self.files.find(target), self.files.find(paths.of("bin"))
            if there is None or mine is None or there.st_ino != mine.st_ino:
                raise TargetTaken("Another upload owns the target name.") from None

    def record_published(self, paths: Paths, record: Record) -> None:
        self.files.sync_directory(os.path.dirname(self.places.path(record.target)))
        record.state, record.published = "published", True
        self.save(paths, record)

    # Taking away.

    def clean(self, paths: Paths) -> None:
        """All that a finished upload needs no more, and what writers of its record left behind."""
        for name in self.names():
            stem, _, kind = name.partition(".")
            if stem == paths.name and kind not in ("info", "lock"):
                self.files.discard(paths.of(kind))

    def sweep_one(self, paths: Paths) -> None:
        now_s = self.now_s()
        with self.locked(paths, create=True):
            record = self.load(paths)
            if record is None:
                self.remove(paths)
                return
            if record.state == "uploading" and record.complete:
                self.finish(paths, record)
            if record.state == "uploading" and now_s > record.expires_s:
                record.state = "expired"
                self.end(paths, record)
            if record.state != "uploading":
                self.clean(paths)
                if now_s > record.expires_s + self.options.skew_s:
                    self.remove(paths)

    def end(self, paths: Paths, record: Record) -> None:
        try:
            self.save(paths, record)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.files.discard(paths.of("bin"))  # nobody's bytes any more: they make room
            self.save(paths, record)

    def remove(self, paths: Paths) -> None:
        self.clean(paths)
        self.files.discard(paths.of("info"))
        self.files.discard(paths.of("lock"))

    # Small things.

    def read(self, path: str) -> bytes:
        """The whole file."""
        data = bytearray()
        with self.files.opened(path, os.O_RDONLY) as fd:
            while block := self.port.pread(fd, 1 << 20, len(data)):
                data += block
        return bytes(data)

    def paths(self, name: str) -> Paths:
        return Paths(self.uploads, check_session(name))

    def now_s(self) -> float:
        return self.port.time_ns() / 1e9

    def require_unexpired(self, claims: Claims) -> None:
        if self.now_s() > claims.expires_s:
            raise Gone("The token has expired.")


def created(claims: Claims, metadata: str) -> View:
    """What is seen of an upload that was just made."""
    expires_s = claims.expires_s
    record = Record(size=claims.size, target=claims.target, expires_s=expires_s, metadata=metadata)
    return view_of(claims, record)


def view_of(claims: Claims, record: Record) -> View:
    return View(
        session=claims.session,
        size=record.size,
        offset=record.offset,
        received=record.offset,
        count=0,
        expires_s=record.expires_s,
        metadata=record.metadata,
        state=record.state,
    )


INNOCENT = Innocent(
    says="a sequential tus store as it should be: one data file, one record, one lock",
    store=SequentialStore,
)
