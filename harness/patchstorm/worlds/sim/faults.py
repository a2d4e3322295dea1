"""Brings about a plan's faults in the simulator, and takes every one of them back.

A kind is a pair of methods: what it does at once, and what takes it back. Most calls-on-storage faults
are injections into the replicas' ports (``injection``). Begin and end are written to
the history as ``fault`` events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from patchstorm.choice.strategy import PROCESS_DIES, STORAGE_LOSES_POWER
from patchstorm.errors import UsageError
from patchstorm.history.events import Damage
from patchstorm.history.recorder import Recorder
from patchstorm.run.strikes import Hit, hit_by, note
from patchstorm.run.triggers import Seen
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.plan import FaultPlan, Trigger
from patchstorm.storage import pages
from patchstorm.storage.server import Server
from patchstorm.target.patterns import matches
from patchstorm.target.places import Places
from patchstorm.worlds.sim.injection import INJECTED, Injections
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.replica import MS, Replica
from patchstorm.worlds.sim.stamps import Stamps
from patchstorm.worlds.sim.timers import Timer
from patchstorm.worlds.sim.truth import ROOT, walk

if TYPE_CHECKING:  # it brings the payloads, which a list of faults can do without
    from patchstorm.worlds.sim.network import Network

Undo = Callable[[], None]
STOP_POLL_MS = 5
DOWN_MS = 150
STOP_MS_MAX = 2_000


class Faults:
    """The faults of one run."""

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
        self._kernel = kernel
        self._server = server
        self._replicas = replicas
        self._network = network
        self._places = places
        self._recorder = recorder
        self._stamp = stamp
        self._injections = injections
        self._open: dict[str, tuple[Undo, Timer | None]] = {}
        self._healing = False
        self._sudden = 0
        self.missed: dict[str, str] = {}
        """By fault, why it hit nothing."""

    def strike(self, fault: FaultPlan, seen: Seen) -> None:
        """Begin ``fault`` now."""
        hit = self._hit(fault, seen.replica)
        note(self._recorder, fault, hit, seen.path, self._stamp)
        undo = KINDS[fault.kind](self, fault, hit)

        def over() -> None:
            self._open.pop(fault.id, None)
            if undo is not None:
                undo()
            note(self._recorder, fault, hit, seen.path, self._stamp, ends=True)

        timer = None if fault.for_ms is None else self._kernel.after(self._lasts_ns(fault), over)
        if undo is None and fault.for_ms is None:
            over()
        else:
            self._open[fault.id] = (over, timer)

    def _lasts_ns(self, fault: FaultPlan) -> int:
        """An NFS server comes back with a grace period, which is part of its absence."""
        lasts_ns = (fault.for_ms or 0) * MS
        if FAULTS[fault.kind].brings_grace and self._server.flavour.nfs is not None:
            return max(lasts_ns, self._server.grace_until_ns - self._kernel.now_ns)
        return lasts_ns

    def sudden(self, strike: int, replica: int) -> None:
        """A strike that the strategy chose and no plan has: the replica dies at this very step."""
        self._sudden += 1
        whole = strike == STORAGE_LOSES_POWER
        fault = FaultPlan(
            id=f"sudden-{self._sudden}",
            kind="crash" if strike == PROCESS_DIES else "power-loss",
            whom="storage" if whole else "replica",
            replica=None if whole else replica,
            trigger=Trigger(kind="step"),
            for_ms=DOWN_MS,
        )
        self.strike(fault, Seen(replica))

    def end(self) -> None:
        """Every fault ends, every replica is up, every connection can be made."""
        self._healing = True
        for over, timer in list(self._open.values()):
            if timer is not None:
                self._kernel.cancel(timer)
            over()
        self._network.away.clear()
        for replica in self._replicas:
            replica.unpause()
            replica.start()

    def _hit(self, fault: FaultPlan, acting: int | None) -> Hit:
        shared = fault.kind == "power-loss" and self._server.flavour.nfs is None
        if shared and fault.whom != "storage":
            return tuple(
                range(len(self._replicas))
            )  # containers of one machine lose power together
        return hit_by(fault, len(self._replicas), lambda: acting)

    def _each(self, hit: Hit) -> Iterable[Replica]:
        return [self._replicas[index] for index in hit]

    # -- replicas -----------------------------------------------------------------------------------

    def _crash(self, fault: FaultPlan, hit: Hit) -> Undo:
        for replica in self._each(hit):
            replica.die()
        self._wake_lock_waiters()

        def back() -> None:
            for replica in self._each(hit):
                replica.start()

        return back

    def _pause(self, fault: FaultPlan, hit: Hit) -> Undo:
        for replica in self._each(hit):
            replica.pause()

        def go_on() -> None:
            for replica in self._each(hit):
                replica.unpause()

        return go_on

    def _restart(self, fault: FaultPlan, hit: Hit) -> None:
        for replica in self._each(hit):
            self._stop(replica, fault, lambda: None)

    def _rolling_restart(self, fault: FaultPlan, hit: Hit) -> None:
        waiting = list(self._each(hit))

        def turn() -> None:
            if waiting:
                self._stop(waiting.pop(0), fault, turn)

        turn()

    def _stop(self, replica: Replica, fault: FaultPlan, then: Callable[[], None]) -> None:
        """Asked to stop: no new requests, those under way may end, then the process goes."""
        replica.stopping = True
        deadline_ns = self._kernel.now_ns + STOP_MS_MAX * MS

        def start() -> None:
            replica.start()
            then()

        def poll() -> None:
            if self._healing or replica.app is None:
                return
            if replica.busy_requests and self._kernel.now_ns < deadline_ns:
                self._kernel.after(STOP_POLL_MS * MS, poll)
                return
            replica.die()
            self._wake_lock_waiters()
            self._kernel.after((fault.for_ms or 0) * MS, start)

        poll()

    def _clock_skew(self, fault: FaultPlan, hit: Hit) -> Undo:
        skew_ns = int(fault.options.get("skew_ms", 30_000)) * MS
        for replica in self._each(hit):
            replica.set_skew(replica.skew_ns + skew_ns)

        def back() -> None:
            for replica in self._each(hit):
                replica.set_skew(replica.skew_ns - skew_ns)

        return back

    def _clock_jump(self, fault: FaultPlan, hit: Hit) -> None:
        self._clock_skew(fault, hit)

    # -- network ------------------------------------------------------------------------------------

    def _partition(self, fault: FaultPlan, hit: Hit) -> Undo:
        for index in hit:
            self._network.part(index)

        def rejoin() -> None:
            for index in hit:
                self._network.rejoin(index)

        return rejoin

    def _partition_storage(self, fault: FaultPlan, hit: Hit) -> Undo:
        for replica in self._each(hit):
            replica.client.partition(True)

        def rejoin() -> None:
            for replica in self._each(hit):
                replica.client.partition(False)
            self._wake_lock_waiters()

        return rejoin

    # -- storage ------------------------------------------------------------------------------------

    def _power_loss(self, fault: FaultPlan, hit: Hit) -> Undo:
        local = self._server.flavour.nfs is None
        struck = self._replicas if not hit or local else list(self._each(hit))
        if local or not hit:
            if local:
                for replica in struck:
                    replica.vanish()
            self._server.power_loss()
            if local:
                make_root(self._server)
        else:
            for replica in struck:
                replica.lose_power()
        self._wake_lock_waiters()

        def back() -> None:
            for replica in struck:
                if replica.app is None:
                    replica.come_back()
            self._wake_lock_waiters()

        return back

    def _storage_restart(self, fault: FaultPlan, hit: Hit) -> Undo:
        """Back at once, with a grace period in which it gives no new locks."""
        self._server.restart()
        return self._wake_lock_waiters

    def _disk_full(self, fault: FaultPlan, hit: Hit) -> Undo:
        tree = self._server.tree
        before, tree.free_pages = tree.free_pages, 0

        def free() -> None:
            tree.free_pages = None if before is None else before + (tree.free_pages or 0)

        return free

    def _lock_loss(self, fault: FaultPlan, hit: Hit) -> None:
        """The server gives the replica's locks away and tells nobody."""
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

    def _damage(self, fault: FaultPlan, hit: Hit) -> None:
        """Spoil one stored chunk, and write down first whose bytes these were."""
        pattern = str(fault.options.get("path", "**"))
        found = [
            (path, inode, owner)
            for path, inode in walk(self._server)
            if inode.entries is None
            and inode.size
            and matches(path, (pattern,))
            and (owner := self._places.stored(path)) is not None
        ]
        if not found:
            self.missed[fault.id] = (
                f"fault {fault.id}: no stored bytes at `{pattern}`; nothing damaged"
            )
            return
        path, inode, (upload, offset) = found[self._kernel.value("damage", len(found), fault.id)]
        self._recorder.add(
            Damage(time_ns=self._stamp(), upload=upload, offset=offset, length=inode.size)
        )
        at = self._kernel.value("damage-at", inode.size, fault.id)
        way = fault.options.get("way")
        if way == "removed":
            self._server.observer().unlink(f"{ROOT}/{path}")
            return
        if way == "cut":
            self._server.tree.resize(inode, at)
            return
        length = min(int(fault.options.get("length", 1)), inode.size - at)
        old = pages.read(inode.pages, inode.size, at, length)
        self._server.tree.write(inode, at, bytes(byte ^ 0xFF for byte in old))

    def _inject(self, fault: FaultPlan, hit: Hit) -> Undo:
        return self._injections.begin(fault, hit or tuple(range(len(self._replicas))))

    def _wake_lock_waiters(self) -> None:
        for key in self._server.take_wakes():
            self._kernel.wake(key)


def make_root(server: Server) -> None:
    """The shared directory, there and durable before anything begins."""
    observer = server.observer()
    try:
        observer.mkdir(ROOT)
    except FileExistsError:
        return
    if server.disk is not None:
        server.disk.settle()


Kind = Callable[[Faults, FaultPlan, Hit], Undo | None]

KINDS: dict[str, Kind] = {
    "crash": Faults._crash,
    "crash-all": Faults._crash,
    "pause": Faults._pause,
    "restart": Faults._restart,
    "rolling-restart": Faults._rolling_restart,
    "partition": Faults._partition,
    "partition-storage": Faults._partition_storage,
    "power-loss": Faults._power_loss,
    "storage-restart": Faults._storage_restart,
    "disk-full": Faults._disk_full,
    "clock-skew": Faults._clock_skew,
    "clock-jump": Faults._clock_jump,
    "lock-loss": Faults._lock_loss,
    "damage": Faults._damage,
    **dict.fromkeys(INJECTED, Faults._inject),
}
"""What the simulator can bring about: what each does at once, and gives back what takes it back."""

UNAVAILABLE = {
    "local-locks": "write it into the storage, as in nfs3,nolock",
}


def reason_to_skip(faults: Iterable[FaultPlan], local: bool) -> str | None:
    """Why these faults cannot be brought about on this kind of storage; None if they can."""
    for fault in faults:
        if fault.kind in UNAVAILABLE:
            return f"fault {fault.kind}: {UNAVAILABLE[fault.kind]}"
        if fault.kind not in KINDS:
            raise UsageError(f"fault {fault.kind}: the simulator does not know it")
        if FAULTS[fault.kind].needs_server and local:
            return f"fault {fault.kind}: local storage has no server to lose; use an nfs flavour"
    return None
