"""Stores that go on without a lock where the call that takes it fails.

flock(2) and fcntl(2) name ENOLCK, for a kernel without memory for locks and for a mount whose lock server
does not answer. That is neither a lock nor somebody else's.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from chunkstore.errors import Busy
from chunkstore.files import SAFELY, Files
from chunkstore.layout import Paths
from chunkstore.session import Session, Sessions
from chunkstore.store import Store
from patchstorm.catalog.locking import OF_A_LOST_UPDATE
from patchstorm.catalog.model import Bug, Innocent


class _ContentSessions(Sessions):
    """Takes a refused lock for a mount that knows no locks, and does without."""

    def _lock(self, paths: Paths, create: bool) -> int:
        try:
            return super()._lock(paths, create)
        except OSError as error:
            if not self.content(error):
                raise
        return self.files.port.open(paths.lock, os.O_RDWR | SAFELY)

    def content(self, error: OSError) -> bool:
        return error.errno == errno.ENOLCK


class UnlockedWhenRefused(Store):
    sessions_type = _ContentSessions


class _WaitingSessions(Sessions):
    """Tells whoever asks to come back, as if somebody else had it."""

    def _lock(self, paths: Paths, create: bool) -> int:
        try:
            return super()._lock(paths, create)
        except OSError as error:
            if error.errno != errno.ENOLCK:
                raise
        raise Busy("The lock cannot be had just now.")


class BusyWhenRefused(Store):
    sessions_type = _WaitingSessions


class _CarelessSessions(_ContentSessions):
    """Suppresses whatever the call says, as long as nobody else has the lock."""

    def content(self, error: OSError) -> bool:
        return True


class UnlockedOnAnyError(Store):
    sessions_type = _CarelessSessions


class _HomelySessions(_ContentSessions):
    """Falls back to a lock of its own process, which no other replica sees."""

    def __init__(self, files: Files) -> None:
        super().__init__(files)
        self._mine: set[str] = set()

    @contextmanager
    def locked(self, paths: Paths, *, create: bool = False) -> Iterator[Session]:
        if paths.lock in self._mine:
            raise Busy("Another request of this replica is at work on the upload.")
        self._mine.add(paths.lock)
        try:
            with super().locked(paths, create=create) as session:
                yield session
        finally:
            self._mine.discard(paths.lock)


class LockedAtHomeWhenRefused(Store):
    sessions_type = _HomelySessions


def _bug(name: str, says: str, store: type, stands_for: str, twin: Innocent | None = None) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        storms=("refused-locks",),
        caught_by=("durability", "offsets"),
        deed="fault enolck",
        also=(*OF_A_LOST_UPDATE, "leaks"),
        store=store,
        twin=twin,
        sim_only="a local file system does not refuse locks",
    )


BUGS = (
    _bug(
        "unlocked-when-refused",
        "ENOLCK is taken for a mount that knows no locks: the store goes on without one",
        UnlockedWhenRefused,
        "a fallback for file systems without locks, taken where a lock server does not answer",
        Innocent(says="who is refused a lock is told to come back", store=BusyWhenRefused),
    ),
    _bug(
        "unlocked-on-any-error",
        "whatever the call for the lock says, the store goes on, unless somebody else has it",
        UnlockedOnAnyError,
        "contextlib.suppress(OSError) around flock",
    ),
    _bug(
        "locked-at-home-when-refused",
        "where the lock is refused, a lock of the process's own has to do",
        LockedAtHomeWhenRefused,
        "an in-memory locker as the fallback of a file locker",
    ),
)
