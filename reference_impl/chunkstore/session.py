"""One session under its lock: the only place where ``info.json`` is read or replaced.

What lives here: taking ``.lock``, refreshing the directory, loading, finding records, saving. What
this file may not know: bodies, assembly, publication, HTTP.

Two orders make everything else simple:

* What ``info.json`` names is durable before ``info.json`` is replaced, and the replacement is durable
  before anybody answers from it. A replica that reads a generation it did not itself sync therefore
  syncs the directory first: the writer may have died between its rename and its fsync.
* The directory is listed after the lock is had and before ``info.json`` is opened. On NFS the lock
  refreshes only the inode of ``.lock``; a client with a fresh directory cache would reopen the
  *replaced* ``info.json`` by its file handle. Listing revalidates the directory (close-to-open for
  directories, nfs(5)), and afterwards names resolve fresh. A name missing from that listing is
  missing; an ENOENT from anything else is not an answer.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import TypeVar

import msgspec

from . import ranges
from .errors import Busy, StoreError
from .files import GONE, NO_FILE, NOT_JSON, SAFELY, Files, Refused
from .layout import INFO, LOCK, Paths
from .model import FORMAT_VERSION, Info, Record, Segment

_decode_info = msgspec.json.Decoder(Info).decode
_decode_records = msgspec.json.Decoder(list[Record]).decode
_encode = msgspec.json.Encoder().encode
_ATTEMPTS = 3
REMOVED = Refused(GONE, Busy, "The session's directory is being removed.")
_T = TypeVar("_T")
_HARMLESS = suppress(
    OSError
)  # reusable, and made once: every request gives back two or three locks


class DamagedInfo(StoreError):
    """``info.json`` or a segment of records does not read as one of ours.

    Nothing is overwritten; a person must look.
    """

    status, title = 500, "Damaged session"


def _read(files: Files, path: str, decode: Callable[[bytes], _T]) -> _T:
    """What one of the session's files says; ``DamagedInfo`` unless it reads as one of ours."""
    try:
        return files.read_json(path, decode)
    except OSError as error:
        if error.errno not in NO_FILE:
            raise
        raise DamagedInfo(f"The session's {os.path.basename(path)} is no regular file.") from None
    except NOT_JSON as error:
        raise DamagedInfo(
            f"The session's {os.path.basename(path)} does not parse: {error}"
        ) from None


def require_covered(info: Info, records: list[Record]) -> None:
    """``DamagedInfo`` unless these are all the records, and hold exactly the ranges that ``info`` claims.

    Otherwise the assembled file would be short, or hold bytes that nobody sent, and look whole.
    """
    at, covered = 0, 0
    for record in sorted(records, key=lambda one: one.offset):
        if record.length <= 0 or record.offset < at:
            raise DamagedInfo("The session's records overlap or are empty.")
        at, covered = record.end, covered + record.length
    claimed = sum(end - start for start, end in info.ranges)
    held = info.ranges and all(not ranges.gaps(info.ranges, one.offset, one.end) for one in records)
    if covered != claimed or not (held or not records) or at > info.size:
        raise DamagedInfo(
            "The session claims ranges that its records do not hold.", claimed=claimed, held=covered
        )


def require_summed(info: Info) -> None:
    """The same from what ``info`` says of its segments, without reading them: as many bytes as it claims.

    So nobody is told an offset that the records beneath it do not reach, at no cost that grows with them.
    """
    if any(segment.length < 0 for segment in info.segments):
        return
    claimed = sum(end - start for start, end in info.ranges)
    held = sum(record.length for record in info.recent)
    held += sum(segment.length for segment in info.segments)
    count = len(info.recent) + sum(segment.count for segment in info.segments)
    if held != claimed or count != info.count:
        raise DamagedInfo(
            "The session claims ranges that its records do not hold.", claimed=claimed, held=held
        )


class Missing(Exception):
    """There is no such session. Not an answer for a client by itself."""


class Session:
    """The session's state, valid while the lock is held."""

    def __init__(
        self, files: Files, paths: Paths, names: frozenset[str], info: Info | None
    ) -> None:
        self.files = files
        self.paths = paths
        self.names = names
        self._info = info

    @property
    def exists(self) -> bool:
        return self._info is not None

    @property
    def info(self) -> Info:
        if self._info is None:
            raise Missing(self.paths.directory)
        return self._info

    def save(self, info: Info) -> None:
        """Replace ``info.json`` and make it durable. Raises ``OSError``; see :attr:`replaced`."""
        info.generation += 1
        temporary = self.paths.of(self.files.unique("info"))
        self.files.create(temporary, _encode(info))
        self.replaced = True
        with REMOVED:
            if not self.files.replace(temporary, self.paths.info, lambda: self._stands(info)):
                raise Busy("The session's next state is gone, and another stands in its place.")
        self.files.sync_directory(self.paths.directory)
        self._info = info

    def _stands(self, info: Info) -> bool:
        """Whether this is the state on record; no other has its generation and its contents."""
        return _read(self.files, self.paths.info, _decode_info) == info

    def removed(self) -> None:
        """The session is no more; nothing is left to remember of it."""
        self._info = None

    replaced = False
    """Whether :meth:`save` got as far as renaming: from there on its outcome may be unknown."""

    def segment(self, segment: Segment) -> list[Record]:
        """Its records. ``DamagedInfo`` unless they are what was said of them when they were named."""
        records = _read(self.files, self.paths.segment(segment.name), _decode_records)
        if segment.length >= 0 and _summary(segment.name, records) != segment:
            raise DamagedInfo(
                f"The session's {segment.name} holds other records than it was named for."
            )
        return records

    def records(self) -> list[Record]:
        """All records, by offset."""
        info = self.info
        found = list(info.recent)
        for segment in info.segments:
            found += self.segment(segment)
        return sorted(found, key=lambda record: record.offset)

    def overlapping(self, start: int, end: int) -> list[Record]:
        """The records that share a byte with ``[start, end)``; reads only segments that may."""
        candidates = list(self.info.recent)
        for segment in self.info.segments:
            if segment.start < end and start < segment.end:
                candidates += self.segment(segment)
        return [record for record in candidates if record.offset < end and start < record.end]

    def write_segment(self, records: list[Record]) -> Segment:
        """A new immutable file of records, durable before it is named."""
        name = self.files.unique("seg", ".json")
        self.files.create(self.paths.segment(name), _encode(records))
        self.files.sync_directory(self.paths.records)
        return _summary(name, records)


def _summary(name: str, records: list[Record]) -> Segment:
    return Segment(
        name,
        len(records),
        min((record.offset for record in records), default=0),
        max((record.end for record in records), default=0),
        sum(record.length for record in records),
    )


class Sessions:
    """Opens sessions under their lock. Remembers which generations it knows to be durable."""

    require_covered = staticmethod(require_covered)
    require_summed = staticmethod(require_summed)
    _REMEMBERED_MAX = 4096

    def __init__(self, files: Files) -> None:
        self.files = files
        self._durable: dict[str, int] = {}

    def locked(self, paths: Paths, *, create: bool = False) -> AbstractContextManager[Session]:
        """The session, its lock held. ``Busy`` when the lock is taken, ``Missing`` without a lock file.

        With ``create`` the lock file is made if need be. :attr:`Session.exists` tells whether there
        is an ``info.json``.
        """
        return _Locked(self, paths, create)

    def forget(self, paths: Paths) -> None:
        self._durable.pop(paths.directory, None)

    def _lock(self, paths: Paths, create: bool) -> int:
        port = self.files.port
        flags = os.O_RDWR | SAFELY | (os.O_CREAT if create else 0)
        with (
            REMOVED
        ):  # NFS: by somebody on another host, and nothing tells before the file is locked
            try:
                fd = port.open(paths.lock, flags)
            except OSError as error:
                if error.errno in GONE and not create:
                    raise Missing(paths.directory) from None
                raise
            try:
                port.flock(fd, fcntl.LOCK_EX)
            except OSError as error:
                port.close(fd)
                if isinstance(error, BlockingIOError):
                    raise Busy("Another request holds the session's lock.") from None
                raise
        return fd

    def _load(self, paths: Paths, fd: int) -> Session:
        with REMOVED:
            inode = self.files.port.fstat(fd).st_ino
        for _ in range(_ATTEMPTS):
            names = frozenset(self.files.names(paths.directory))
            if LOCK not in names or not self.files.is_inode(paths.lock, inode):
                break  # we hold the lock of a file that is no longer the lock
            if INFO not in names:
                return Session(self.files, paths, names, None)
            try:
                return Session(self.files, paths, names, self._read(paths))
            except OSError as error:
                if error.errno not in GONE:
                    raise
        raise Busy("The session's state is being replaced.")

    def _read(self, paths: Paths) -> Info:
        info = _read(self.files, paths.info, _decode_info)
        if info.version != FORMAT_VERSION:
            raise DamagedInfo(f"The session's info.json has version {info.version}.")
        if not info.finished:
            if info.segments:
                self.require_summed(info)
            else:
                self.require_covered(info, info.recent)
        return info

    def _settle(self, session: Session) -> None:
        """Make sure that what was read is durable: its writer may have died before its fsync."""
        if self._durable.get(session.paths.directory) != session.info.generation:
            self.files.sync_directory(session.paths.directory)
            self._remember(session.paths, session.info.generation)

    def _remember(self, paths: Paths, generation: int) -> None:
        if len(self._durable) >= self._REMEMBERED_MAX:
            self._durable.clear()
        self._durable[paths.directory] = generation


class _Locked:
    """The lock of a session, from the moment it is had; its state is loaded before anybody sees it.

    A class of its own, since every request takes a lock two or three times.
    """

    __slots__ = ("_create", "_fd", "_paths", "_session", "_sessions")

    def __init__(self, sessions: Sessions, paths: Paths, create: bool) -> None:
        self._sessions = sessions
        self._paths = paths
        self._create = create

    def __enter__(self) -> Session:
        sessions = self._sessions
        self._fd = sessions._lock(self._paths, self._create)
        try:
            self._session = session = sessions._load(self._paths, self._fd)
            if session.exists:
                sessions._settle(session)
        except BaseException:
            self._let_go()
            raise
        return session

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            session = self._session
            if kind is None and session.exists:
                self._sessions._remember(self._paths, session.info.generation)
        finally:
            self._let_go()

    def _let_go(self) -> None:
        with _HARMLESS:  # nothing was written through it, and it is closed all the same
            self._sessions.files.port.close(self._fd)
