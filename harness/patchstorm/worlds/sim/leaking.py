"""What requests leave behind: files that a process keeps open, temporary ones that it has not removed, and
stored bytes of which the upload says that they are missing, or that nobody needs.

Looked at whenever a request has been dealt with, answered or broken off, and nobody is at work. A
process that died is not looked at: its kernel closes its files, and the temporary ones are for a sweeper.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Literal, NamedTuple

from patchstorm.history.events import Leak
from patchstorm.history.model import Completion
from patchstorm.history.ranges import Ranges
from patchstorm.history.recorder import Recorder
from patchstorm.run.truth import ROOT, find, walk
from patchstorm.storage.inode import Inode
from patchstorm.storage.server import Server
from patchstorm.target.model import Target
from patchstorm.target.patterns import matches
from patchstorm.target.places import Places
from patchstorm.worlds.sim.delivery import Delivery
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.needless import ASKING, Needless
from patchstorm.worlds.sim.network import Network
from patchstorm.worlds.sim.port import Watch
from patchstorm.worlds.sim.replica import Replica


class _Left(NamedTuple):
    """A temporary file of a request that is over, and the start of the process that made it."""

    path: str
    replica: Replica
    starts: int
    op: int


class Leaks:
    """Writes down the first leak of each kind that each process has."""

    def __init__(
        self,
        target: Target,
        places: Places,
        network: Network,
        kernel: Kernel,
        server: Server,
        *,
        recorder: Recorder,
        stamp: Callable[[], int],
    ) -> None:
        self._temporary = target.files.temporary
        self._stores = target.files.stored is not None  # under names that tell of which bytes
        self._places = places
        self._network = network
        self._kernel = kernel
        self._server = server
        self._recorder = recorder
        self._stamp = stamp
        self._made: defaultdict[str, list[str]] = defaultdict(list)  # by the path of the task
        self._told: set[tuple[str, int, int]] = set()
        self._replicas: list[Replica] = []
        self._left: list[_Left] = []
        self._needless = Needless(target, places, kernel, server)

    def look(self, watch: Watch, replicas: list[Replica]) -> None:
        """Look from now on."""
        if self._temporary:
            watch.appeared.append(self._appeared)
        self._network.on_ended = self._ended
        self._network.on_answered = self._answered
        self._replicas = replicas
        for replica in replicas:
            replica.on_swept = self._looked

    def _appeared(self, path: str) -> None:
        task, path = self._kernel.current, path[len(ROOT) + 1 :]
        if task is not None and matches(path, self._temporary):
            self._made[task.path].append(path)

    def _ended(self, delivery: Delivery, replica: Replica) -> None:
        self._left += [
            _Left(path, replica, replica.starts, delivery.op)
            for path in self._made.pop(delivery.path, ())
            if find(self._server, path) is not None
        ]
        self._needless.dealt_with(delivery, self._replicas)
        self._looked(replica)

    def _answered(self, delivery: Delivery, end: Completion) -> None:
        self._needless.dealt_with(delivery, self._replicas)
        if delivery.request.kind not in ASKING or not self._network.alone(delivery):
            return
        if self._stores:
            self._missing_room(delivery, end)
        leak = self._needless.found(delivery, end, self._replicas, self._stamp)
        if leak is not None:
            self._recorder.add(leak)

    def _missing_room(self, delivery: Delivery, end: Completion) -> None:
        """Tell of stored bytes that begin where the upload has just said that it has none.

        Only while nobody else was at work, from before the question until the answer: what is being committed
        may lie there for a moment before it counts.
        """
        missing = _missing(end)
        if not missing:
            return
        replica = self._replicas[delivery.replica]
        for path, _ in walk(self._server):
            found = self._places.stored(path)
            if found is None or found[0] != delivery.request.upload:
                continue
            if missing.touches(found[1], found[1] + 1):
                self._tell("room", path, replica, delivery.op)
                return

    def _looked(self, replica: Replica) -> None:
        self._still_there()
        self._at_rest(replica)

    def _still_there(self) -> None:
        """Tell of what is left, once nobody is at work anywhere.

        Whoever finishes the upload takes away what belongs to others as well, and may hold a file just now
        that its maker could not remove for that.
        """
        if self._network.at_work:
            return
        left, self._left = self._left, []
        for path, replica, starts, op in left:
            if replica.starts == starts and find(self._server, path) is not None:
                self._tell("file", path, replica, op)

    def _at_rest(self, replica: Replica) -> None:
        if not replica.at_rest or ("handle", replica.index, replica.starts) in self._told:
            return
        kept = [fd for fd in replica.client.fds if fd >= 0]
        if kept:
            handle = replica.client.fds[kept[0]]
            self._tell("handle", self._name(handle.inode), replica, self._opener(replica, kept[0]))

    def _opener(self, replica: Replica, fd: int) -> int | None:
        """The operation whose request opened it; None where it was a sweep."""
        openers = None if replica.port is None else replica.port.openers
        task = None if openers is None else openers.get(fd)
        return None if task is None else self._network.paths.get(task.path)

    def _name(self, inode: Inode) -> str:
        """Where the file lies by now."""
        return next(
            (path for path, found in walk(self._server) if found is inode), "a file without a name"
        )

    def _tell(
        self, what: Literal["handle", "file", "room"], path: str, replica: Replica, op: int | None
    ) -> None:
        process = (what, replica.index, replica.starts)
        if process not in self._told:
            self._told.add(process)
            self._recorder.add(
                Leak(time_ns=self._stamp(), replica=replica.index, what=what, path=path, op=op)
            )


def _missing(end: Completion) -> Ranges | None:
    """What an answer says is missing: all gaps, or at least the byte that it wants next. None: nothing."""
    if end.outcome != "ok":
        return None
    if end.document is not None:
        return Ranges((at, at + length) for at, length in end.document.missing_ranges)
    return None if end.offset is None else Ranges([(end.offset, end.offset + 1)])
