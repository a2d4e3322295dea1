"""Room that nothing needs, held by an unfinished upload: what the dead left, and no sweep took away.

Nothing is known of how a store lays its files out, so what is counted is bytes: no more need be stored than
the upload says that it has, but for the records of them. They are counted when the upload has been at rest
for as long as the target says that a sweep may take, and somebody asks for its status document. Only bytes
that are not zero count, so that holes and what was reserved are no room. What lies under a chunk's name is
counted only where the upload has the chunk: the next body for that range takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from patchstorm.history.events import Leak
from patchstorm.history.model import Completion
from patchstorm.history.ranges import Ranges
from patchstorm.run.truth import contents, walk
from patchstorm.storage.server import Server
from patchstorm.target.model import Target
from patchstorm.target.places import Places
from patchstorm.worlds.sim.delivery import Delivery
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.replica import MS, Replica

SWEEPS_MIN: Final = (
    2  # of each replica that runs: the first may have begun before the upload was at rest
)
ASKING: Final = ("query", "status")


class Needless:
    """Counts what is stored of an upload, once it has been at rest for long enough."""

    def __init__(self, target: Target, places: Places, kernel: Kernel, server: Server) -> None:
        self._rest_ns = target.settle.sweep_ms * MS
        self._places = places
        self._kernel = kernel
        self._server = server
        self._stirred_ns = 0
        self._swept: list[int] = []

    def dealt_with(self, delivery: Delivery, replicas: list[Replica]) -> None:
        """A request is over, for its client or at its replica."""
        if delivery.request.kind not in ASKING:
            self._stirred_ns = self._kernel.now_ns
            self._swept = [one.sweeps for one in replicas]

    def found(
        self, delivery: Delivery, end: Completion, replicas: list[Replica], stamp: Callable[[], int]
    ) -> Leak | None:
        """What an answer that tells which bytes there are gives away; nobody else is at work."""
        document = end.document
        if document is None or not document.missing_ranges or not self._rested(replicas):
            return None
        missing = Ranges((at, at + length) for at, length in document.missing_ranges)
        received = Ranges(missing.gaps(0, document.total_size))
        held = self._held(delivery.request.upload, received)
        room, needed = sum(held.values()), received.total()
        if room <= needed:
            return None
        stored = self._places.stored
        spare = [path for path in held if stored(path) is None] or list(held)
        return Leak(
            time_ns=stamp(), replica=delivery.replica, what="needless", op=delivery.op,
            path=max(spare, key=lambda path: held[path]), held=room, needed=needed,
            since_ns=self._kernel.now_ns - self._rest_ns,
        )  # fmt: skip

    def _rested(self, replicas: list[Replica]) -> bool:
        if not self._swept or self._kernel.now_ns - self._stirred_ns < self._rest_ns:
            return False
        return all(
            one.sweeps >= before + SWEEPS_MIN
            for one, before in zip(replicas, self._swept, strict=True)
            if one.app is not None
        )

    def _held(self, upload: str, received: Ranges) -> dict[str, int]:
        """How many bytes lie at each path that is of this upload and neither published nor written down."""
        held: dict[str, int] = {}
        counted = set()
        for path, inode in walk(self._server):
            if inode.entries is not None or inode.serial in counted or not inode.size:
                continue
            if "/.nfs" in path or not self._places.may_be_of(upload, path):
                continue
            chunk = self._places.stored(path)
            if chunk is not None and not received.covers(chunk[1], chunk[1] + 1):
                continue
            counted.add(inode.serial)
            data = contents(inode, 0, inode.size)
            held[path] = len(data) - data.count(0)
        return held
