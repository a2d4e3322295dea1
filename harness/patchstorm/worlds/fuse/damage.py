"""Destroys stored bytes on purpose, and writes down first which bytes of which upload they were."""

from __future__ import annotations

from collections.abc import Callable

from patchstorm.history.events import Damage as Damaged
from patchstorm.history.recorder import Recorder
from patchstorm.run.truth import ROOT, walk
from patchstorm.scenario.plan import FaultPlan
from patchstorm.storage import pages
from patchstorm.storage.server import Server
from patchstorm.target.patterns import matches
from patchstorm.target.places import Places


class Damage:
    """Spoils one stored file of a known upload. ``choose`` decides which, and where, by the fault's name."""

    def __init__(
        self,
        server: Server,
        places: Places,
        recorder: Recorder,
        stamp: Callable[[], int],
        choose: Callable[[str, str, int], int],
    ) -> None:
        self._server = server
        self._places = places
        self._recorder = recorder
        self._stamp = stamp
        self._choose = choose

    def strike(self, fault: FaultPlan) -> bool:
        """Carry ``fault`` out; False where nothing is stored yet."""
        pattern = str(fault.options.get("path", "**"))
        found = [
            (owner, path, inode)
            for path, inode in walk(self._server)
            if inode.entries is None
            and inode.size
            and matches(path, (pattern,))
            and (owner := self._places.stored(path)) is not None
        ]
        if not found:
            return False
        found.sort(key=lambda one: one[0])  # by upload and offset: a path may have what is minted
        (upload, offset), path, inode = found[self._choose(fault.id, "damage", len(found))]
        self._recorder.add(
            Damaged(time_ns=self._stamp(), upload=upload, offset=offset, length=inode.size)
        )
        at, way = self._choose(fault.id, "damage-at", inode.size), fault.options.get("way")
        if way == "removed":
            self._server.observer().unlink(f"{ROOT}/{path}")
        elif way == "cut":
            self._server.tree.resize(inode, at)
        else:
            length = min(int(fault.options.get("length", 1)), inode.size - at)
            old = pages.read(inode.pages, inode.size, at, length)
            self._server.tree.write(inode, at, bytes(byte ^ 0xFF for byte in old))
        return True
