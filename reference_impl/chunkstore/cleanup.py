"""Taking away what a finished session no longer needs. Safe to run twice, anywhere, at any time.

A finished session never comes back to life, so its chunks and records go without the lock. Temporary
and staging files go when nobody holds their flock; what is still in use waits for the next sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .files import FULL, Files
from .layout import CHUNKS, RECORDS, TOMBSTONE, Paths

if TYPE_CHECKING:
    from .session import Session


class Cleaner:
    """Removes files of sessions."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def end(self, session: Session) -> None:
        """Save a session that is over; where there is no room for that, its chunks make some."""
        try:
            session.save(session.info)
        except OSError as error:
            if error.errno not in FULL:
                raise
            self.empty(session.paths.chunks)  # nobody's bytes any more
            session.save(session.info)

    def clean(self, paths: Paths) -> bool:
        """Leave only the tombstone of a finished session; whether nothing else is left."""
        names = self._files.names(paths.directory)
        clean = True
        for name in sorted(names):
            if name in (CHUNKS, RECORDS):
                self.empty(paths.of(name))
            elif name not in TOMBSTONE and not name.startswith("info_"):
                clean &= self._files.discard_unused(paths.of(name))
        return clean

    def empty(self, directory: str) -> None:
        """Remove a directory of chunks or records and all that is in it."""
        for name in sorted(self._files.names(directory)):
            self._files.discard(f"{directory}/{name}")
        self._files.remove_directory(directory)
