"""One schedule in the simulator, from an empty storage to a history, in virtual time.

The phases are those of every world (:mod:`patchstorm.run.script`); who goes next is a strategy's choice.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import cast

from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Strategy
from patchstorm.errors import UsageError
from patchstorm.history.recorder import Recorder
from patchstorm.run.clients import Clients
from patchstorm.run.last_look import Found, finals
from patchstorm.run.model_view import ModelView, remembered
from patchstorm.run.publication import PublicationWatcher
from patchstorm.run.script import (
    Act,
    Choosers,
    Drive,
    Fetch,
    Heal,
    Run,
    Until,
    from_seed,
    header_of,
)
from patchstorm.run.triggers import Seen
from patchstorm.run.truth import ROOT, make_root
from patchstorm.scenario import payload
from patchstorm.scenario.actions import Workload
from patchstorm.scenario.described import recognised
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.machine import Machine
from patchstorm.scenario.plan import FaultPlan, Plan, Trigger, UploadPlan
from patchstorm.storage.client import Client
from patchstorm.storage.parse import parse_flavour
from patchstorm.storage.server import Server
from patchstorm.storage.settings import Clock
from patchstorm.target.places import Places
from patchstorm.worlds.sim import injection, triggers
from patchstorm.worlds.sim.abilities import Abilities
from patchstorm.worlds.sim.app import SECRET, Subject
from patchstorm.worlds.sim.faults import Faults
from patchstorm.worlds.sim.fetching import Getter
from patchstorm.worlds.sim.injection import Injections
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.leaking import Leaks
from patchstorm.worlds.sim.network import Network
from patchstorm.worlds.sim.outcome import SimOutcome
from patchstorm.worlds.sim.port import EPOCH_NS, SimPort
from patchstorm.worlds.sim.replica import MS, Replica
from patchstorm.worlds.sim.scale import cannot_describe, is_described
from patchstorm.worlds.sim.sealed import sealed
from patchstorm.worlds.sim.stamps import Stamps
from patchstorm.worlds.sim.triggers import SimTriggers
from patchstorm.worlds.sim.waits import waiting_for_good
from patchstorm.worlds.sim.watched import Observer, WatchedPort, watching
from patchstorm.worlds.sim.workers import Workers

WORLD = "sim"
STEPS_MAX = 2_000_000
STORM_MS_MAX = 600_000
POLITE_PATIENCE_MS = 1_000
HOSTILE_PATIENCE_MS = 60_000
REST_POLL_MS = 20
GRACE_MS_MAX = 600_000
FORGET_MS_MAX = 120_000  # of nothing but sweeps


def run_schedule(
    plan: Plan,
    subject: Subject,
    strategy: Strategy,
    workers: Workers,
    *,
    observers: Iterable[Observer] = (),
    choosers: Choosers = from_seed,
    watched: bool = False,
    steps_max: int = STEPS_MAX,
) -> SimOutcome:
    """Run ``plan`` once, as ``strategy`` decides.

    ``watched`` makes every step announce what it touches; with ``observers`` it always does. The same
    choices give the same run either way.
    """
    patience_ms = POLITE_PATIENCE_MS if plan.policy == "polite" else HOSTILE_PATIENCE_MS
    kernel = subject.kernel(strategy, workers, steps_max=steps_max, patience_ns=patience_ms * MS)
    run = _SimRun(plan, subject, kernel, tuple(observers), choosers, watched or strategy.watches)
    payload.prepare()  # numpy meets the system as it is, and no run differs from the one before
    collects = gc.isenabled()
    gc.disable()  # a run makes no garbage worth stopping for, and ends within milliseconds
    try:
        with sealed(kernel.fail, None if subject.host is None else subject.host.place):
            run.go()
        return run.outcome()
    finally:
        kernel.close()
        vars(run).clear()  # its parts know each other through it: without it they are freed at once
        kernel.let_go()
        if collects:
            gc.enable()


class _SimRun(Run):
    """One storm in virtual time."""

    triggers: SimTriggers

    def __init__(
        self,
        plan: Plan,
        subject: Subject,
        kernel: Kernel,
        observers: tuple[Observer, ...],
        choosers: Choosers,
        watched: bool,
    ) -> None:
        self.plan = plan
        self.target = subject.target
        self.kernel = kernel
        self.choosers = choosers
        self.unknown: str | None = None
        self.next_op = 0
        self.found = Found([])
        self.forced: list[Choice] = []
        self.stuck: tuple[str, ...] = ()
        self.storm_began = self.storm_steps = 0
        self._tidied_at = -1
        self._dark = False
        flavour = parse_flavour(plan.storage or "tmpfs")
        self.server = Server(flavour, clock=cast(Clock, kernel), choose=self._choose)
        describes = is_described(plan)
        if describes:
            if (reason := cannot_describe(plan, subject)) is not None:
                raise UsageError(reason)
            self.server.settings.described = recognised
        self.view = ModelView(self.server, epoch_ns=EPOCH_NS)
        self.injections = Injections(kernel, self.server, self._comes_up)
        if flavour.nfs is not None:
            self.server.pause = self._storage_pause
        make_root(self.server)
        if describes:
            self.server.tree.log = None  # no power is lost: nobody asks what the disk has
        self.stamp = Stamps(kernel)
        self.recorder = Recorder(
            header_of(
                plan, self.target, world=WORLD, storage=flavour.name, clock="virtual",
                epoch_ns=EPOCH_NS,
            )
        )  # fmt: skip
        self.places = Places(self.target, tuple(upload.info for upload in plan.uploads))
        self.watcher = PublicationWatcher(
            self.view, self.places, self.recorder, self.stamp, instant=True
        )
        self.watch = watching(self.watcher, tells=self.target.files.told is not None)
        self._learn_names()
        watched = bool(
            watched or observers or triggers.needs_watching(plan) or injection.needs_watching(plan)
        )
        self.replicas = [
            Replica(kernel, self.server, subject, index, self._port_of(watched))
            for index in range(plan.replicas)
        ]
        lifetimes = [upload.info.expires_ms for upload in plan.uploads if upload.info.expires_ms]
        for replica in self.replicas:
            replica.lifetime_ms = min(lifetimes, default=None)
            replica.creation, replica.workers = plan.creation, plan.workers
            replica.sweeps_drawn = plan.sweeps
            replica.describes = describes
        self.clients = Clients(
            plan, self.target, self.recorder, self.stamp, secret=SECRET, now_s=self._now_s,
            quotes=False,
        )  # fmt: skip
        self.clients.on_url = self._learn
        self.triggers = SimTriggers(plan, self.target, kernel, self.places, self._strike)
        self.clients.on_append = self.triggers.saw_append
        self.network = Network(
            self.clients, subject, kernel, self.replicas, self.triggers.saw_bytes
        )
        self.network.describes = describes
        self._set_up_network()
        self.abilities = Abilities(
            kernel=kernel, server=self.server, replicas=self.replicas, network=self.network,
            places=self.places, recorder=self.recorder, stamp=self.stamp,
            injections=self.injections,
        )  # fmt: skip
        self.faults = Faults(
            kernel=kernel, server=self.server, replicas=len(self.replicas),
            abilities=self.abilities, recorder=self.recorder, stamp=self.stamp,
        )  # fmt: skip
        self._observers = tuple(self._told(observers))
        for observer in observers:
            observer.attach(kernel, self.server)

    def _set_up_network(self) -> None:
        if self.plan.lock_wait_ms is not None:
            self.network.lock_wait_ms = self.plan.lock_wait_ms
        if "tidies-up" in self.target.capabilities:
            leaks = Leaks(
                self.target, self.places, self.network, self.kernel, self.server,
                recorder=self.recorder, stamp=self.stamp,
            )  # fmt: skip
            leaks.look(self.watch, self.replicas)

    def _told(self, observers: tuple[Observer, ...]) -> Iterator[Observer]:
        """Who is told of calls: ``observers``, and what waits for a call in this very plan."""
        if triggers.needs_watching(self.plan):
            yield self.triggers
        if injection.needs_watching(self.plan):
            yield self.injections
        yield from observers

    def _strike(self, fault: FaultPlan, seen: Seen) -> None:
        self.faults.strike(fault, seen)

    def _port_of(self, watched: bool) -> Callable[[Client, int, int], SimPort]:
        def plain(client: Client, replica: int, serial: int) -> SimPort:
            return SimPort(self.kernel, self.server, client, self.watch, serial)

        def telling(client: Client, replica: int, serial: int) -> SimPort:
            return WatchedPort(
                self.kernel, self.server, client, self.watch, serial, replica=replica,
                observers=self._observers,
            )  # fmt: skip

        return telling if watched else plain

    def _choose(self, kind: str, n: int) -> int:
        if self._dark and kind.startswith("power."):
            return 1 if kind == "power.file" else n - 1  # in each case what keeps nothing
        task = self.kernel.current
        if task is not None and self.injections.stale(kind, task.replica):
            self.forced.append(Choice(task.path, self.kernel.local, kind, n - 1))
            return n - 1
        return self.kernel.value(kind, n)

    def _storage_pause(self, kind: str) -> None:
        if self.kernel.current is not None:
            self.kernel.step()

    def _learn(self, upload: str) -> None:
        self.places.learn(upload, self.clients.known.urls[upload])
        self._learn_names()

    def _learn_names(self) -> None:
        """More published names may be known now."""
        self.watch.hot.update(f"{ROOT}/{path}" for path in self.places.published)

    def _now_s(self) -> int:
        """What the clocks of the fleet show, as long as nobody tampers with them."""
        return (EPOCH_NS + self.kernel.now_ns) // 1_000_000_000

    # -- the acts -----------------------------------------------------------------------------------

    def go(self) -> None:
        for replica in self.replicas:
            replica.start()
        for act in self.script():
            if isinstance(act, Drive):
                self._drive(act.workload, act.phase)
            elif isinstance(act, Until):
                self._until(act.reached, act.bound_ms)
            elif isinstance(act, Heal):
                self._heal()
            elif isinstance(act, Fetch):
                self._look()
        self.stuck = waiting_for_good(self.kernel, self._until)

    def _drive(self, workload: Workload, phase: str) -> None:
        machine = Machine(workload, client=phase, first_op=self.next_op)
        deadline = self.kernel.after(STORM_MS_MAX * MS, self.kernel.stop)
        self.clients.phase = phase
        self.network.begin(machine)
        if not machine.done:
            self.kernel.run()
        if not machine.done:
            self.unknown = self.unknown or (
                f"the {phase} did not end within {STORM_MS_MAX // 1000} s of virtual time"
            )
            self.network.abandon()
        self.kernel.cancel(deadline)
        self.next_op = machine.next_op

    def _until(self, reached: Callable[[], bool], bound_ms: int) -> None:
        deadline = self.kernel.now_ns + bound_ms * MS
        while not reached() and self.kernel.now_ns < deadline:
            self.kernel.after(REST_POLL_MS * MS, self.kernel.stop)
            self.kernel.run()

    def _heal(self) -> None:
        self.storm_steps = self.kernel.steps - self.storm_began
        if self.plan.index // 2 % 2:
            self._blackout("after the storm")
        self._until(self._past_grace, GRACE_MS_MAX)
        self.faults.end()

    def _past_grace(self) -> bool:
        """An NFS server that restarted takes reclaims only, for longer than any client waits."""
        return self.kernel.now_ns >= self.server.grace_until_ns

    # -- moments of this world ----------------------------------------------------------------------

    def now_ns(self) -> int:
        return self.stamp()

    def storm_begins(self) -> None:
        self.storm_began = self.kernel.steps
        self.kernel.arm(self.faults.sudden)

    def storm_ends(self) -> None:
        self.kernel.disarm()

    def settled(self) -> bool:
        return not (self.unpublished() or self._doubtful())

    def asks_late(self) -> bool:
        return self._doubtful()

    def _doubtful(self) -> bool:
        """Whether every byte of an upload that is not published was sent, and nobody ended it.

        Some of it was not acknowledged; but if it is there, the sweeper owes its publication.
        """
        if self.plan.closing != "sweeper" or self.by_get:
            return False
        known = self.clients.known
        return any(
            upload.info.expires_ms is None
            and upload.id in known.urls
            and upload.id not in known.ended
            and known.offered[upload.id].covers(0, upload.size)
            and not self.stands(upload)
            for upload in self.plan.uploads
        )

    def stands(self, upload: UploadPlan) -> bool:
        """A rival's smaller file is not taken for this upload's: waiting costs nothing in virtual time."""
        path = self.places.path(upload.id)
        look = None if path is None else self.view.look(path)
        return look is not None and look.size >= upload.size

    def tell_strangers(self) -> None:
        shown = ((path[len(ROOT) + 1 :], None) for path in self.watch.created)
        self.watcher.tell_strangers(entry for entry in shown if entry[0])

    def forgotten(self) -> Generator[Act, None, tuple[str, ...] | None]:
        """None also where that lies too far off, or where a clock that ran ahead decided when it is."""
        if self.probed:
            return None  # nobody knows what probes leave unfinished
        if any(FAULTS[fault.kind].shifts_clock for fault in self.plan.faults):
            return None
        settle = self.target.settle
        lifetimes_ms = [upload.info.expires_ms for upload in self.plan.uploads]
        if settle.forget_ms is None or None in lifetimes_ms:
            return None
        longest_ms = max((one for one in lifetimes_ms if one is not None), default=0)
        if longest_ms + settle.forget_ms > FORGET_MS_MAX:
            return None
        over_ns = self.kernel.now_ns + (longest_ms + settle.forget_ms) * MS
        self._sweep_at_most_every(settle.sweep_ms // 2)
        yield Until(lambda: self.kernel.now_ns >= over_ns, FORGET_MS_MAX)
        self._sweep_at_most_every(0)
        yield Until(lambda: not remembered(self.server, self.places), settle.sweep_ms)
        return remembered(self.server, self.places)

    def _comes_up(self, replica: int) -> bool:
        return self.replicas[replica].comes_up_first

    def _sweep_at_most_every(self, resting_ms: int) -> None:
        """For a minute in which nothing else happens: three hundred sweeps find no more than some."""
        for replica in self.replicas:
            replica.resting_ms = resting_ms

    def before_the_last_look(self) -> None:
        self._blackout("at the end")

    def _look(self) -> None:
        if self.by_get:
            getter = Getter(self.kernel, self.clients, self.network, self.replicas, self._until)
            self.found, self.served = getter.finals(self.plan, self.fetch_ms), getter.of_probes()
        else:
            self.found = finals(self.plan, self.view, self.places)

    def _blackout(self, moment: str) -> None:
        """Where power is lost anyway: everywhere at once, and nothing that was not synced survives.

        What is drawn keeps some of it, and hides a missing fsync more often than not.
        """
        flavour = self.server.flavour
        strikes = any(FAULTS[fault.kind].loses_power for fault in self.plan.faults)
        if not strikes or flavour.nfs is not None or not flavour.disk.durable:
            return
        self._dark = True
        fault = FaultPlan(
            id=f"blackout {moment}", kind="power-loss", whom="storage", trigger=Trigger(kind="step")
        )
        self.faults.strike(fault, Seen())
        self._dark = False

    def tidy(self) -> bool:
        sweeps = sum(replica.sweeps for replica in self.replicas)
        if sweeps == self._tidied_at:
            return False  # nobody else is at work any more
        self._tidied_at = sweeps
        return super().tidy()

    def outcome(self) -> SimOutcome:
        kernel = self.kernel
        notes = list(self.abilities.missed.values())
        if self.triggers.waiting:
            notes.append(self.triggers.unspent)
        return SimOutcome(
            recorder=self.recorder,
            steps=kernel.steps,
            virtual_ns=kernel.now_ns,
            choices=tuple(kernel.taken),
            switches=list(kernel.switches),
            offered=kernel.offered,
            notes=tuple(notes),
            unknown=self.unknown,
            stuck=self.stuck,
            storm_steps=self.storm_steps,
            paths=self.network.paths,
            said=self.network.said,
            forced=(*self.forced, *self.injections.struck),
            idle=(*self.abilities.missed, *self.injections.idle),
        )
