"""Destroys bytes in the storage model, and writes down first which bytes of which upload they were."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from patchstorm.history.events import Damage as Damaged
from patchstorm.history.recorder import Recorder
from patchstorm.run.truth import ROOT, walk
from patchstorm.scenario.plan import FaultPlan
from patchstorm.storage import pages
from patchstorm.storage.inode import Inode
from patchstorm.storage.server import Server
from patchstorm.target.patterns import matches
from patchstorm.target.places import Places

LENGTH_MAX_BYTES: Final = 1 << 20
"""Of a chunk of gigabytes no more becomes real."""
Owner = TypeVar("Owner")


def pattern_of(fault: FaultPlan) -> str:
    """The paths that ``fault`` may damage."""
    return str(fault.options.get("path", "**"))


def owned(
    server: Server, pattern: str, owner_of: Callable[[str], Owner | None]
) -> list[tuple[str, Inode, Owner]]:
    """The files with content at ``pattern`` that have an owner, in order of their paths."""
    return [
        (path, inode, owner)
        for path, inode in walk(server)
        if inode.entries is None
        and inode.size
        and matches(path, (pattern,))
        and (owner := owner_of(path)) is not None
    ]


class Damage:
    """Spoils one stored file of a known upload. ``choose`` decides which, and where, by the fault's name.

    ``by_owner``: files are counted by upload and offset, where paths have names that no run repeats.
    """

    def __init__(
        self,
        server: Server,
        places: Places,
        recorder: Recorder,
        stamp: Callable[[], int],
        choose: Callable[[str, str, int], int],
        *,
        by_owner: bool = False,
    ) -> None:
        self._server = server
        self._places = places
        self._recorder = recorder
        self._stamp = stamp
        self._choose = choose
        self._by_owner = by_owner

    def strike(self, fault: FaultPlan) -> bool:
        """Carry ``fault`` out; False where nothing is stored yet."""
        found = owned(self._server, pattern_of(fault), self._places.stored)
        if not found:
            return False
        if self._by_owner:
            found.sort(key=lambda one: one[2])
        path, inode, (upload, offset) = found[self._choose(fault.id, "damage", len(found))]
        self._recorder.add(
            Damaged(time_ns=self._stamp(), upload=upload, offset=offset, length=inode.size)
        )
        at, way = self._choose(fault.id, "damage-at", inode.size), fault.options.get("way")
        if way == "removed":
            self._server.observer().unlink(f"{ROOT}/{path}")
        elif way == "cut":
            self._server.tree.resize(inode, at)
        else:
            asked = int(fault.options.get("length", 1))
            length = min(asked, inode.size - at, LENGTH_MAX_BYTES)
            old = pages.read(inode.pages, inode.size, at, length)
            self._server.tree.write(inode, at, bytes(byte ^ 0xFF for byte in old))
        return True

    @staticmethod
    def missed(fault: FaultPlan) -> str:
        """Why ``fault`` hit nothing."""
        return f"fault {fault.id}: no stored bytes at `{pattern_of(fault)}`; nothing damaged"
