"""Mistakes that answer everything right and keep something of each request: an open file, a temporary one."""

from __future__ import annotations

import os
from contextlib import suppress

from chunkstore.body import Body
from chunkstore.errors import Busy
from chunkstore.files import SAFELY
from chunkstore.late import LateBody
from chunkstore.layout import Paths
from chunkstore.session import Sessions
from chunkstore.store import Store
from patchstorm.catalog.model import Bug


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
)
