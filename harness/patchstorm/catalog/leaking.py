"""Mistakes that answer everything right and keep something: an open file, a temporary one, stored bytes."""

from __future__ import annotations

import os
from contextlib import suppress

from chunkstore import ledger
from chunkstore.body import Body
from chunkstore.errors import Busy
from chunkstore.files import SAFELY
from chunkstore.late import LateBody
from chunkstore.layout import Paths
from chunkstore.model import Claims, Info, Record
from chunkstore.session import Session, Sessions
from chunkstore.store import Store
from chunkstore.sweep import Sweeper
from patchstorm.catalog.model import Bug

_SIM_ONLY = "nobody can tell when a real fleet is at rest"


class _PatientSessions(Sessions):
    """Keeps the lock file open that it could not lock, to try it again, and opens another one then."""

    def _lock(self, paths: Paths, create: bool) -> int:
        try:
            return super()._lock(paths, create)
        except Busy:
            with suppress(OSError):
                self.files.port.open(paths.lock, os.O_RDWR | SAFELY)
            raise


class LocksKeptOpen(Store):
    sessions_type = _PatientSessions


class _OpenLate(LateBody):
    """Lets go of the published file where a request is refused or breaks off, and not where it is served."""

    def abort(self) -> None:
        if not self._judged:
            super().abort()


class ReplaysKeptOpen(Store):
    late_type = _OpenLate


class _UntidyBody(Body):
    """Closes the file of a body that came to nothing, and leaves it to the sweeper."""

    def abort(self) -> None:
        for piece in self._held():
            with suppress(OSError):
                self._files.port.close(piece.fd)
        self._whole, self._pieces = None, []


class BodiesLeft(Store):
    body_type = _UntidyBody


class DamagedChunksLeft(Store):
    def drop_damaged(self, claims: Claims, record: Record) -> Info:
        with self.existing(claims) as session:
            if not session.info.finished:
                ledger.drop(session, record)
            return session.info


class _EarlyBody(Body):
    """Gives the body its chunk's name before it is judged, where none lies there; refused, it stays."""

    def abort(self) -> None:
        if self._whole is not None and not self._whole.named:
            chunk = self._paths.chunk(self.offset)
            with suppress(OSError):
                self._files.port.link(self._whole.path, chunk)
        super().abort()


class RefusedChunksLeft(Store):
    body_type = _EarlyBody


class _SpareBody(_EarlyBody):
    """Puts what a connection brought before it broke off where the chunk will be, and counts none of it."""

    def keep(self) -> None:
        self.abort()


class BrokenOffChunksLeft(Store):
    body_type = _SpareBody


class _LeisurelySweeper(Sweeper):
    """Takes away what the dead left when the upload has ended, and not before."""

    def _discard_abandoned(self, session: Session) -> None:
        return


class UnfinishedUnswept(Store):
    sweeper_type = _LeisurelySweeper


BUGS = (
    Bug(
        name="locks-kept-open",
        says="who finds a lock taken keeps its file open, and opens it anew when it tries again",
        stands_for="descriptors that an error path forgets: after a thousand of them no file can be opened",
        storms=("parallel",),
        caught_by=("leaks",),
        deed="client PATCH",
        store=LocksKeptOpen,
        sim_only="nobody counts the open files of a real process",
    ),
    Bug(
        name="replays-kept-open",
        says="each replay of what is published leaves the published file open",
        stands_for="the happy path that returns before the file is closed",
        storms=("late-replays",),
        caught_by=("leaks",),
        deed="client PATCH",
        store=ReplaysKeptOpen,
        sim_only="nobody counts the open files of a real process",
    ),
    Bug(
        name="bodies-left",
        says="the temporary file of a body that is refused stays until a sweep",
        stands_for="a temporary file that only the happy path removes: disks fill up between sweeps",
        storms=("conflicting",),
        caught_by=("leaks",),
        deed="request open **/body_*.tmp",
        store=BodiesLeft,
        sim_only="a sweep may come before anybody can look at a real storage",
    ),
    Bug(
        name="damaged-chunks-left",
        says="the range of a damaged chunk returns to missing, and its file stays",
        stands_for="bad blocks that are forgotten and not freed: room that no listing explains until the"
        " upload ends",
        storms=("damage",),
        caught_by=("leaks",),
        deed="fault damage",
        store=DamagedChunksLeft,
        sim_only=_SIM_ONLY,
    ),
    Bug(
        name="refused-chunks-left",
        says="a body has its chunk's name before it is judged, and keeps it when it is refused",
        stands_for="bytes moved into place before their checksum is compared",
        storms=("conflicting-across", "conflicting-truncated"),
        caught_by=("leaks",),
        deed="client PATCH",
        store=RefusedChunksLeft,
        sim_only=_SIM_ONLY,
    ),
    Bug(
        name="broken-off-chunks-left",
        says="what a broken connection brought stays under its chunk's name, and counts for nothing",
        stands_for="partial bodies that are kept to be taken up later, by nobody",
        storms=("resuming", "resuming-after-crash"),
        caught_by=("leaks",),
        also=("conformance",),
        deed="client PATCH",
        store=BrokenOffChunksLeft,
        sim_only=_SIM_ONLY,
    ),
    Bug(
        name="unfinished-unswept",
        says="what a dead process had of a body stays until the upload ends",
        stands_for="temporary files that go with their upload, and stay with one that is never finished",
        storms=("left-unfinished",),
        caught_by=("leaks",),
        deed="fault crash",
        store=UnfinishedUnswept,
        sim_only=_SIM_ONLY,
    ),
)
