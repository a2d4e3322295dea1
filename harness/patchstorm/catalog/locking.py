"""Stores that exclude the wrong people, or for the wrong time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from chunkstore.body import Body
from chunkstore.errors import Busy
from chunkstore.files import GONE
from chunkstore.layout import INFO, LOCK, Paths
from chunkstore.model import Info, View
from chunkstore.port import Data
from chunkstore.session import Missing, Session, Sessions
from chunkstore.store import Store
from chunkstore.variants import UnrefreshedSessions
from patchstorm.catalog.model import Bug


class _UnlockedSessions(Sessions):
    """Opens the lock file, and lets go of the lock at once."""

    def _lock(self, paths: Paths, create: bool) -> int:
        fd = super()._lock(paths, create)
        self.files.port.flock(fd, fcntl.LOCK_UN)
        return fd


class LockPerProcess(Store):
    sessions_type = _UnlockedSessions


class _UnlinkingSessions(Sessions):
    """Removes the lock file after use: the next one locks another file than those who wait."""

    @contextmanager
    def locked(self, paths: Paths, *, create: bool = False) -> Iterator[Session]:
        with super().locked(paths, create=create) as session:
            yield session
            self.files.discard(paths.lock)

    def _lock(self, paths: Paths, create: bool) -> int:
        if INFO not in self.files.names(paths.directory):
            return super()._lock(paths, create)
        port = self.files.port
        fd = port.open(paths.lock, os.O_RDWR | os.O_CREAT)
        port.sleep(0.002)
        try:
            port.flock(fd, fcntl.LOCK_EX)
        except BlockingIOError:
            port.close(fd)
            raise Busy("Another request holds the session's lock.") from None
        return fd

    def _load(self, paths: Paths, fd: int) -> Session:
        names = frozenset(self.files.names(paths.directory))
        return Session(self.files, paths, names, self._read(paths) if INFO in names else None)


class LockFileUnlinked(Store):
    sessions_type = _UnlinkingSessions


class _HardLockSessions(Sessions):
    """The lock is a file that exists: nobody takes it away when its owner has died."""

    _HELD = f"{LOCK}.held"

    def _lock(self, paths: Paths, create: bool) -> int:
        fd = super()._lock(paths, create)
        port = self.files.port
        try:
            port.close(port.open(paths.of(self._HELD), os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            port.close(fd)
            raise Busy("Another request holds the session's lock.") from None
        except OSError as error:
            port.close(fd)
            if error.errno in GONE:
                raise Missing(paths.directory) from None
            raise
        return fd

    @contextmanager
    def locked(self, paths: Paths, *, create: bool = False) -> Iterator[Session]:
        fd = self._lock(paths, create)
        try:
            session = self._load(paths, fd)
            yield session
            self.files.port.sleep(0.003)
        finally:
            self.files.discard(paths.of(self._HELD))
            self.files.port.close(fd)


class LockOutlivesOwner(Store):
    sessions_type = _HardLockSessions


class _EarlyListingSessions(UnrefreshedSessions):
    """Lists the directory before it has the lock, and trusts that listing under it."""

    def _lock(self, paths: Paths, create: bool) -> int:
        self.files.names(paths.directory)
        return super()._lock(paths, create)


class ListedBeforeLock(Store):
    sessions_type = _EarlyListingSessions


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


class _WritingBackBody(Body):
    """Saves the state that it had under the lock once more, after the lock."""

    def _merge(self) -> Info:
        info = super()._merge()
        self._files.port.sleep(0.002)
        if not info.finished:
            Session(self._files, self._paths, frozenset(), info).save(info)
        return info


class WrittenBackAfterUnlock(Store):
    body_type = _WritingBackBody


OF_A_LOST_UPDATE = (
    "linearizable",
    "status",
    "completion",
    "bytes",
    "publication",
    "availability",
    "replay",
)

BUGS = (
    Bug(
        name="lock-per-process",
        says="the lock excludes nobody on another replica",
        stands_for="in-memory lockers as a default: tus/tus-node-server#408",
        storms=("parallel",),
        caught_by=("durability", "completion"),
        deed="request replace **/chunks/*",
        also=("bytes", "status", "linearizable", "offsets", "availability", "publication", "leaks"),
        store=LockPerProcess,
    ),
    Bug(
        name="lock-while-streaming",
        says="the lock is held from a body's first byte to its last",
        stands_for="one stalled connection blocks HEAD and PATCH everywhere",
        storms=("stalling", "stalling-long"),
        caught_by=("waiting", "availability"),
        deed="body stands or answer timeout",
        also=("completion",),
        store=LockWhileStreaming,
    ),
    Bug(
        name="lock-file-unlinked",
        says="the lock file is removed after use, so that two requests lock two files",
        stands_for="flock on a lock file unlinked after use, as released servers do it",
        storms=("parallel",),
        caught_by=("durability", "availability"),
        deed="request unlink **/.lock or request flock **/.lock",
        also=("offsets", "linearizable", "status", "completion", "bytes", "publication", "leaks"),
        store=LockFileUnlinked,
    ),
    Bug(
        name="lock-outlives-owner",
        says="a lock file that exists is a lock, and nobody takes a dead owner's away",
        stands_for="lock files that outlive their owner",
        storms=("crash-committing",),
        caught_by=("availability", "completion"),
        deed="fault crash",
        store=LockOutlivesOwner,
        sim_only="nobody is served any more, and real clients wait a second after each refusal",
    ),
    Bug(
        name="listed-before-lock",
        says="the directory is listed before the lock is had, not after",
        stands_for="stale directory entries over NFS",
        storms=("stale-mount",),
        caught_by=("durability", "offsets"),
        deed="fault stale-entries",
        also=OF_A_LOST_UPDATE,
        store=ListedBeforeLock,
        sim_only="processes on one host share one view of the directory",
    ),
    Bug(
        name="written-back-after-unlock",
        says="the metadata is saved once more after the lock has been given back",
        stands_for="info saved again after unlocking: an acknowledged offset goes back",
        storms=("parallel",),
        caught_by=("durability", "offsets"),
        deed="request replace **/info.json",
        also=(*OF_A_LOST_UPDATE, "leaks"),
        store=WrittenBackAfterUnlock,
    ),
)
