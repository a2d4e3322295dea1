"""A watcher on the storage: what stood under each published name and when, and what lay beside.

Sightings are taken when the storage says that something changed, and at the moments the run asks
for. A sighting that repeats the last one is not written down, save when asked for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from patchstorm.history import Recorder
from patchstorm.live.tree import Change
from patchstorm.target.places import Places

NOISE_NS = 5_000_000


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at one name. ``size`` is None when nothing was there."""

    began_ns: int
    ended_ns: int
    size: int | None = None
    inode: int | None = None
    mtime_ns: int | None = None

    @property
    def what(self) -> tuple[int | None, int | None, int | None]:
        return self.size, self.inode, self.mtime_ns


class Sight:
    """Writes ``sighting`` and ``beside`` events for one storm.

    ``every_change`` is for targets that publish atomically, where each change is telling; of the
    others, whose file grows under its name, only some are written down.
    """

    def __init__(
        self, view: Path, places: Places, recorder: Recorder, *, every_change: bool
    ) -> None:
        self._view = view
        self._places = places
        self._recorder = recorder
        self._every_change = every_change
        self._last: dict[str, _Look] = {}
        self._shown: dict[str, int] = {}  # paths that belonged to nobody when they appeared

    def saw(self, change: Change) -> None:
        """Something happened on the storage."""
        if change.path in self._places.published:
            self._look(change.path, asked=False)
        elif change.what == "appeared":
            self._shown.setdefault(change.path, time.monotonic_ns())

    def look_at_all(self) -> None:
        """Look at every published name now and write down what is there, changed or not."""
        for path in tuple(self._places.published):
            self._look(path, asked=True)

    def look_at(self, upload: str) -> None:
        """Look at one upload's name: its full length has just been announced."""
        path = self._places.path(upload)
        if path is not None:
            self._look(path, asked=True)

    def _look(self, path: str, *, asked: bool) -> None:
        look, last = self._looked(path), self._last.get(path)
        if not asked and last is not None:
            too_soon = look.ended_ns - last.ended_ns < NOISE_NS
            if last.what == look.what or (too_soon and not self._every_change):
                return
        self._last[path] = look
        for upload in self._places.published[path]:
            self._recorder.event(
                "sighting",
                time_ns=look.ended_ns,
                began_ns=look.began_ns,
                upload=upload,
                present=look.size is not None,
                size=look.size,
                inode=look.inode,
                mtime_ns=look.mtime_ns,
            )

    def _looked(self, path: str) -> _Look:
        began = time.monotonic_ns()
        try:
            stat = (self._view / path).stat()
        except OSError:
            return _Look(began, time.monotonic_ns())
        return _Look(began, time.monotonic_ns(), stat.st_size, stat.st_ino, stat.st_mtime_ns)

    def tell_strangers(self) -> None:
        """Write a ``beside`` event for all that showed and belongs to no upload.

        To be called at the end: a name can be known for an upload's only once its URL is.
        """
        if not self._places.all_known:
            return
        for path, seen_ns in self._shown.items():
            if self._places.is_beside(path):
                self._recorder.event("beside", time_ns=seen_ns, path=path)
