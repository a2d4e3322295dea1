"""What the simulator is able to do to replicas, network and storage: what the deeds of faults are made of.

No ability takes time but :meth:`Abilities.stop`, which gives back what has to be waited for. Faults of
single calls are injections into the replicas' ports (``injection``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from patchstorm.history.events import Damage as Damaged
from patchstorm.history.events import Exit
from patchstorm.history.recorder import Recorder
from patchstorm.run.damage import Damage, owned, pattern_of
from patchstorm.run.spoiling import spoilt
from patchstorm.run.truth import ROOT, find, make_root, walk
from patchstorm.scenario.faults.calls import Calls
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.faults.network import Reach
from patchstorm.scenario.faults.replicas import Clocks, Processes
from patchstorm.scenario.faults.storage import (
    Caches,
    FileServer,
    Locks,
    Mounts,
    Power,
    Recorded,
    Room,
    Stamped,
    Stored,
)
from patchstorm.scenario.plan import FaultPlan
from patchstorm.storage import pages
from patchstorm.storage.server import Server
from patchstorm.target.places import Places
from patchstorm.worlds.sim.companions import Companions
from patchstorm.worlds.sim.injection import Injections
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.replica import MS, Replica
from patchstorm.worlds.sim.stamps import Stamps

if TYPE_CHECKING:  # it brings the payloads, which a list of faults can do without
    from patchstorm.worlds.sim.network import Network

STOP_POLL_MS = 5
TOUCHED_NS = 1_000_000_007
STOP_MS_MAX = 2_000
RECORD_MAX_BYTES = 1 << 20
"""What is larger holds an upload's bytes as well, and may be described instead of held."""

Pending = Callable[[Callable[[], None]], None]
"""What takes time: it calls back once it is done."""


class Abilities(
    Processes,
    Clocks,
    Reach,
    Mounts,
    FileServer,
    Room,
    Power,
    Caches,
    Locks,
    Stamped,
    Stored,
    Recorded,
    Calls,
    Companions,
):
    """Those of one run. ``missed`` says, by fault, why it hit nothing."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        server: Server,
        replicas: list[Replica],
        network: Network,
        places: Places,
        recorder: Recorder,
        stamp: Stamps,
        injections: Injections,
    ) -> None:
        Companions.__init__(self, len(replicas))
        self.missed: dict[str, str] = {}
        self._kernel = kernel
        self._server = server
        self._replicas = replicas
        self._network = network
        self._places = places
        self._recorder = recorder
        self._stamp = stamp
        self._injections = injections
        self._damage = Damage(
            server, places, recorder, stamp, lambda name, kind, n: kernel.value(kind, n, name)
        )
        self._kept: dict[str, tuple[str, str, bytes, str]] = {}
        self._injected: dict[str, Callable[[], None]] = {}
        self._room: dict[str, int | None] = {}
        for replica in replicas:
            replica.on_exits, replica.on_exit = self._exits, self._wake_lock_waiters

    def heal(self) -> None:
        """Every replica is up and can be reached, and nobody is asked to stop any more."""
        self._network.away.clear()
        self.heal_companions()
        for replica in self._replicas:
            replica.stopping = False
            replica.unpause()
            replica.start()

    def _each(self, hit: Hit) -> Iterable[Replica]:
        return [self._replicas[index] for index in hit]

    # -- replicas -----------------------------------------------------------------------------------

    def kill(self, hit: Hit) -> None:
        for replica in self._each(hit):
            replica.die()
        self._wake_lock_waiters()

    def _exits(self, replica: Replica, code: int, said: str) -> None:
        """A process ends by itself, which is nobody's fault but its own."""
        self._recorder.add(Exit(time_ns=self._stamp(), replica=replica.index, code=code, said=said))

    def start(self, hit: Hit) -> None:
        for replica in self._each(hit):
            replica.start()

    def stop(self, hit: Hit) -> Pending:
        """No new requests; those under way may end, then the processes go."""
        replicas = self._each(hit)
        for replica in replicas:
            replica.stopping = True
        deadline_ns = self._kernel.now_ns + STOP_MS_MAX * MS

        def wait(then: Callable[[], None]) -> None:
            busy = any(replica.runs and replica.busy_requests for replica in replicas)
            if busy and self._kernel.now_ns < deadline_ns:
                self._kernel.after(STOP_POLL_MS * MS, lambda: wait(then))
                return
            self.kill(hit)
            then()

        return wait

    def pause(self, hit: Hit) -> None:
        for replica in self._each(hit):
            replica.pause()

    def resume(self, hit: Hit) -> None:
        for replica in self._each(hit):
            replica.unpause()

    def shift_clock(self, hit: Hit, by_ms: int) -> None:
        for replica in self._each(hit):
            replica.set_skew(replica.skew_ns + by_ms * MS)

    # -- network ------------------------------------------------------------------------------------

    def part(self, hit: Hit) -> None:
        for index in hit:
            self._network.part(index)

    def rejoin(self, hit: Hit) -> None:
        for index in hit:
            self._network.rejoin(index)

    def cut_storage(self, hit: Hit) -> None:
        for replica in self._each(hit):
            replica.client.partition(True)

    def rejoin_storage(self, hit: Hit) -> None:
        for replica in self._each(hit):
            replica.client.partition(False)
        self._wake_lock_waiters()

    # -- storage ------------------------------------------------------------------------------------

    def cut_power(self, fault: FaultPlan, hit: Hit) -> None:
        struck = self._without_power(hit)
        if self._local:
            for replica in struck:
                replica.vanish()
            self._server.power_loss()
            make_root(self._server)
        elif not hit:
            self._server.power_loss()
        else:
            for replica in struck:
                replica.lose_power()
        self._wake_lock_waiters()

    def restore_power(self, fault: FaultPlan, hit: Hit) -> None:
        for replica in self._without_power(hit):
            if not replica.runs:
                replica.come_back()
        self._wake_lock_waiters()

    def _without_power(self, hit: Hit) -> Iterable[Replica]:
        return self._replicas if self._local or not hit else self._each(hit)

    @property
    def _local(self) -> bool:
        """Whether the replicas are on the storage's own machine."""
        return self._server.flavour.nfs is None

    def stop_server(self) -> None:
        """Back at once, with a grace period in which it gives no new locks."""
        self._server.restart()

    def start_server(self) -> None:
        self._wake_lock_waiters()

    def fill(self, fault: FaultPlan) -> None:
        tree = self._server.tree
        self._room[fault.id], tree.free_pages = tree.free_pages, 0

    def free(self, fault: FaultPlan) -> None:
        tree, before = self._server.tree, self._room.pop(fault.id)
        tree.free_pages = None if before is None else before + (tree.free_pages or 0)

    def lose_locks(self, fault: FaultPlan, hit: Hit) -> None:
        """The server gives the replicas' locks away and tells nobody."""
        names = {self._replicas[index].name for index in hit}
        lost = 0
        for _, inode in walk(self._server):
            if inode.locks is not None:
                for name in sorted(names):
                    if inode.locks.drop_host(name):
                        lost += 1
                        self._server.released(inode)
        if not lost:
            self.missed[fault.id] = f"fault {fault.id}: no lock was held; none was lost"
        self._wake_lock_waiters()

    def damage(self, fault: FaultPlan) -> None:
        """Spoil one stored chunk, and write down first whose bytes these were."""
        if not self._damage.strike(fault):
            self.missed[fault.id] = self._damage.missed(fault)

    def touch(self, fault: FaultPlan) -> None:
        """Move the modification time of all that is published."""
        found = [(path, find(self._server, path)) for path in sorted(self._places.published)]
        there = [(path, inode.mtime) for path, inode in found if inode is not None]
        if not there:
            self.missed[fault.id] = f"fault {fault.id}: nothing was published; nothing was touched"
        for path, mtime in there:
            moved = mtime + TOUCHED_NS
            self._server.observer().utime(f"{ROOT}/{path}", ns=(moved, moved))

    def damage_record(self, fault: FaultPlan) -> None:
        """Spoil one record, and write down first whose it is."""
        pattern = pattern_of(fault)
        found = [
            one
            for one in owned(self._server, pattern, self._places.recorded)
            if one[1].size <= RECORD_MAX_BYTES
        ]
        if not found:
            self.missed[fault.id] = f"fault {fault.id}: no record at `{pattern}`; nothing damaged"
            return
        path, inode, upload = found[self._kernel.value("record", len(found), fault.id)]
        data = bytes(pages.read(inode.pages, inode.size, 0, inode.size))
        way = str(fault.options.get("way", "flipped"))
        if way == "older":
            self._kept[fault.id] = path, upload, data, way
            return

        def draw(name: str, n: int) -> int:
            return self._kernel.value(f"record-{name}", n, fault.id)

        size = self._places.size(upload)
        self._overwrite_record(path, upload, spoilt(data, way, draw, size=size), way)

    def put_record_back(self, fault: FaultPlan) -> None:
        kept = self._kept.pop(fault.id, None)
        if kept is not None:
            self._overwrite_record(*kept)

    def _overwrite_record(self, path: str, upload: str, data: bytes, way: str) -> None:
        """Nothing, where it is gone by now or has these very bytes."""
        inode = next((inode for name, inode in walk(self._server) if name == path), None)
        if inode is None or pages.read(inode.pages, inode.size, 0, inode.size) == data:
            return
        self._recorder.add(
            Damaged(
                time_ns=self._stamp(),
                upload=upload,
                offset=0,
                length=inode.size,
                record=True,
                left=len(data),
                way=way,
            )
        )
        self._server.tree.resize(inode, len(data))
        self._server.tree.write(inode, 0, data)

    def age_caches(self, fault: FaultPlan, hit: Hit) -> None:
        self.hit_calls(fault, hit)

    def refresh_caches(self, fault: FaultPlan) -> None:
        self.spare_calls(fault)

    def hit_calls(self, fault: FaultPlan, hit: Hit) -> None:
        everybody = tuple(range(len(self._replicas)))
        self._injected[fault.id] = self._injections.begin(fault, hit or everybody)

    def spare_calls(self, fault: FaultPlan) -> None:
        self._injected.pop(fault.id)()

    def _wake_lock_waiters(self) -> None:
        for key in self._server.take_wakes():
            self._kernel.wake(key)
