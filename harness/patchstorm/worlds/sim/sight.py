"""A watcher on the simulated storage: what stood under each published name, and what lay beside."""

from __future__ import annotations

from patchstorm.history.recorder import Recorder
from patchstorm.storage.server import Server
from patchstorm.target.places import Places
from patchstorm.worlds.sim.port import EPOCH_NS, Watch
from patchstorm.worlds.sim.stamps import Stamps
from patchstorm.worlds.sim.truth import ROOT, find

_What = tuple[int, int, int] | None


class Sight:
    """Writes ``sighting`` and ``beside`` events. A look in the simulator takes no time at all."""

    def __init__(self, server: Server, places: Places, recorder: Recorder, stamp: Stamps) -> None:
        self.watch = Watch(self._changed)
        self._server = server
        self._places = places
        self._recorder = recorder
        self._stamp = stamp
        self._last: dict[str, _What] = {}

    def learn(self) -> None:
        """More published names may be known now."""
        self.watch.hot.update(f"{ROOT}/{path}" for path in self._places.published)

    def _changed(self, path: str) -> None:
        self._look(path[len(ROOT) + 1 :], asked=False)

    def look_at_all(self) -> None:
        """Write down what stands under every published name now, changed or not."""
        for path in self._places.published:
            self._look(path, asked=True)

    def _look(self, path: str, *, asked: bool) -> None:
        inode = find(self._server, path)
        what = None if inode is None else (inode.size, inode.number, inode.mtime)
        if not asked and path in self._last and self._last[path] == what:
            return
        if what is not None and self._last.get(path) is None and not asked:
            self._note(path, None)  # until this very step it was not there, and we know it
        self._last[path] = what
        self._note(path, what)

    def _note(self, path: str, what: _What) -> None:
        size, number, mtime = what or (None, None, None)
        for upload in self._places.published[path]:
            self._recorder.event(
                "sighting", time_ns=self._stamp(), upload=upload, present=what is not None,
                size=size, inode=number, mtime_ns=None if mtime is None else mtime + EPOCH_NS,
            )  # fmt: skip

    def tell_strangers(self) -> None:
        """A ``beside`` event for every name that showed to users and belongs to no upload."""
        if not self._places.all_known:
            return
        for path in self.watch.created:
            relative = path[len(ROOT) + 1 :]
            if relative and self._places.is_beside(relative):
                self._recorder.event("beside", time_ns=self._stamp(), path=relative)
