"""One schedule, from an empty storage to a history: the simulator's counterpart of ``live.run``.

The order of events is that of every world: storage, replicas, watchers; the uploads are created; faults are
armed and the storm runs; everything is healed; the closing workload runs; the storage comes to rest, is
swept and looked at. Only time is virtual, and who goes next is a strategy's choice.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from typing import cast

from patchstorm.choice.chooser import Chooser
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Strategy
from patchstorm.history.model import Header, Residue
from patchstorm.history.recorder import Recorder
from patchstorm.scenario import storm as storms
from patchstorm.scenario.actions import Workload
from patchstorm.scenario.machine import Machine
from patchstorm.scenario.plan import FaultPlan, Plan, Trigger
from patchstorm.storage.client import Client
from patchstorm.storage.parse import parse_flavour
from patchstorm.storage.server import Server
from patchstorm.storage.settings import Clock
from patchstorm.target.model import Target
from patchstorm.target.places import Places
from patchstorm.worlds.sim import faults as sim_faults
from patchstorm.worlds.sim import injection, triggers
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.clients import Clients
from patchstorm.worlds.sim.faults import Faults, make_root
from patchstorm.worlds.sim.injection import Injections
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.outcome import SimOutcome
from patchstorm.worlds.sim.port import EPOCH_NS, SimPort
from patchstorm.worlds.sim.probed import tell_contents
from patchstorm.worlds.sim.remains import finals, left, may_go, remembered, stands
from patchstorm.worlds.sim.replica import MS, Replica
from patchstorm.worlds.sim.sight import Sight
from patchstorm.worlds.sim.stamps import Stamps
from patchstorm.worlds.sim.triggers import Triggers
from patchstorm.worlds.sim.watched import Observer, WatchedPort
from patchstorm.worlds.sim.workers import Workers

WORLD = "sim"
STEPS_MAX = 2_000_000
STORM_MS_MAX = 600_000
POLITE_PATIENCE_MS = 1_000
HOSTILE_PATIENCE_MS = 60_000
REST_POLL_MS = 20
GRACE_MS_MAX = 600_000
FORGET_MS_MAX = 120_000  # of nothing but sweeps

Choosers = Callable[[str], Chooser | None]
"""The chooser of a workload's own choices: opening, storm or closing; None: drawn from the plan's seed."""


def from_seed(_: str) -> Chooser | None:
    """The workloads as their plan's seed has them."""
    return None


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
    kernel = Kernel(strategy, workers, steps_max=steps_max, patience_ns=patience_ms * MS)
    run = _Run(plan, subject, kernel, tuple(observers), choosers, watched or strategy.watches)
    collects = gc.isenabled()
    gc.disable()  # a run makes no garbage worth stopping for, and ends within milliseconds
    try:
        run.go()
        return run.outcome()
    finally:
        kernel.close()
        vars(run).clear()  # its parts know each other through it: without it they are freed at once
        if collects:
            gc.enable()


class _Run:
    """The parts of one run that its phases hand to each other."""

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
        self.forced: list[Choice] = []
        self.storm_began = self.storm_steps = 0
        self._tidied_at = -1
        self._dark = False
        flavour = parse_flavour(plan.storage or "tmpfs")
        self.server = Server(flavour, clock=cast(Clock, kernel), choose=self._choose)
        self.injections = Injections(kernel, self.server)
        if flavour.nfs is not None:
            self.server.pause = self._storage_pause
        make_root(self.server)
        self.stamp = Stamps(kernel)
        self.recorder = Recorder(self._header(flavour.name))
        self.places = Places(self.target, tuple(upload.info for upload in plan.uploads))
        self.sight = Sight(self.server, self.places, self.recorder, self.stamp)
        self.sight.learn()
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
            replica.creation = plan.creation
        self.clients = Clients(plan, subject, kernel, self.replicas, self.recorder, self.stamp)
        self.clients.on_url = self._learn
        self.faults = Faults(
            kernel=kernel, server=self.server, replicas=self.replicas, clients=self.clients,
            places=self.places, recorder=self.recorder, stamp=self.stamp,
            injections=self.injections,
        )  # fmt: skip
        self.triggers = Triggers(plan, self.target, kernel, self.places, self.faults.strike)
        self.clients.on_patch = self.triggers.saw_patch
        self.clients.on_bytes = self.triggers.saw_bytes
        self._observers = (self.triggers, self.injections, *observers)
        for observer in observers:
            observer.attach(kernel)

    def _header(self, storage: str) -> Header:
        plan, target = self.plan, self.target
        return Header(
            scenario=plan.scenario, seed=plan.seed, world=WORLD, storage=storage,
            target=target.name, capabilities=_capabilities(plan, target), reading=plan.reading,
            replicas=plan.replicas, clock="virtual",
            uploads=tuple(upload.info for upload in plan.uploads), policy=plan.policy,
            leftovers=target.files.leftovers,
            convergence_ms=max(plan.convergence_ms, target.settle.convergence_ms),
            closing=plan.closing, epoch_ns=EPOCH_NS,
        )  # fmt: skip

    def _port_of(self, watched: bool) -> Callable[[Client, int, int], SimPort]:
        def plain(client: Client, replica: int, serial: int) -> SimPort:
            return SimPort(self.kernel, self.server, client, self.sight.watch, serial)

        def telling(client: Client, replica: int, serial: int) -> SimPort:
            return WatchedPort(
                self.kernel, self.server, client, self.sight.watch, serial, replica=replica,
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
        self.places.learn(upload, self.clients.urls[upload])
        self.sight.learn()

    # -- the phases ---------------------------------------------------------------------------------

    def go(self) -> None:
        for replica in self.replicas:
            replica.start()
        self._drive(storms.opening(self.plan, self.choosers("opening")), "storm")
        self._phase("storm")
        self.storm_began = self.kernel.steps
        self.triggers.arm()
        self.kernel.arm(self.faults.sudden)
        self._drive(storms.storm(self.plan, self.choosers("storm")), "storm")
        self.kernel.disarm()
        self.triggers.disarm()
        self.storm_steps = self.kernel.steps - self.storm_began
        if self.plan.index // 2 % 2:
            self._blackout("after the storm")
        self._until(self._past_grace, GRACE_MS_MAX)
        self.faults.end()
        self._phase("heal")
        self._drive(storms.closing(self.plan, self.choosers("closing")), "heal")
        self._converge()
        if self.plan.closing == "sweeper" and self._doubtful():
            self._drive(storms.coda(self.plan, self.choosers("coda")), "heal")
        self._sweep()

    def _drive(self, workload: Workload, phase: str) -> None:
        machine = Machine(workload, client=phase, first_op=self.next_op)
        deadline = self.kernel.after(STORM_MS_MAX * MS, self.kernel.stop)
        self.clients.begin(machine, phase)
        if not machine.done:
            self.kernel.run()
        if not machine.done:
            self.unknown = self.unknown or (
                f"the {phase} did not end within {STORM_MS_MAX // 1000} s of virtual time"
            )
            self.clients.abandon()
        self.kernel.cancel(deadline)
        self.next_op = machine.next_op

    def _until(self, reached: Callable[[], bool], bound_ms: int) -> None:
        deadline = self.kernel.now_ns + bound_ms * MS
        while not reached() and self.kernel.now_ns < deadline:
            self.kernel.after(REST_POLL_MS * MS, self.kernel.stop)
            self.kernel.run()

    def _past_grace(self) -> bool:
        """An NFS server that restarted takes reclaims only, for longer than any client waits."""
        return self.kernel.now_ns >= self.server.grace_until_ns

    def _converge(self) -> None:
        header = self.recorder.records[0]
        assert isinstance(header, Header)
        self._until(lambda: not (self._unpublished() or self._doubtful()), header.convergence_ms)
        self.sight.look_at_all()
        self._phase("converged")

    def _unpublished(self) -> bool:
        if self.plan.closing == "sweeper" and (
            "completes-unattended" not in self.target.capabilities
        ):
            return False
        uploads = {upload.id: upload for upload in self.plan.uploads}
        return any(
            uploads[ident].info.expires_ms is None
            and not stands(self.server, self.places, uploads[ident])
            for ident in self.clients.owed()
        )

    def _doubtful(self) -> bool:
        """Whether every byte of an upload that is not published was sent, and nobody ended it.

        Some of it was not acknowledged; but if it is there, the sweeper owes its publication.
        """
        if self.plan.closing != "sweeper":
            return False
        clients = self.clients
        return any(
            upload.info.expires_ms is None
            and upload.id in clients.urls
            and upload.id not in clients.ended
            and clients.offered[upload.id].covers(0, upload.size)
            and not stands(self.server, self.places, upload)
            for upload in self.plan.uploads
        )

    def _sweep(self) -> None:
        """While an upload is unfinished its parts may lie about: then no sweep is claimed."""
        finished = {*self.clients.owed(), *self.clients.ended, *self.clients.announced}
        claimed = all(upload.id in finished for upload in self.plan.uploads)
        claimed = claimed and not self.clients.probes.used  # nobody knows what probes leave
        if claimed:
            self._until(self._tidy, self.target.settle.sweep_ms)
        self._phase("swept")
        self.sight.look_at_all()
        self.sight.tell_strangers()
        probes, files = self.clients.probes, self.target.files
        tell_contents(probes, files, self.server, self.recorder, self.stamp)
        residue = Residue(
            paths=left(self.server, self.places), swept=claimed, forgotten=self._forgotten()
        )
        self._blackout("at the end")
        for final in finals(self.plan, self.server, self.places):
            self.recorder.add(final)
        self.recorder.add(residue)

    def _forgotten(self) -> tuple[str, ...] | None:
        """What is left when the time of every upload is over.

        None where that lies too far off, or where a clock that ran ahead decided when it is.
        """
        if self.clients.probes.used:
            return None  # nobody knows what probes leave unfinished
        if any(fault.kind.startswith("clock") for fault in self.plan.faults):
            return None
        settle = self.target.settle
        lifetimes_ms = [upload.info.expires_ms for upload in self.plan.uploads]
        if settle.forget_ms is None or None in lifetimes_ms:
            return None
        longest_ms = max((one for one in lifetimes_ms if one is not None), default=0)
        if longest_ms + settle.forget_ms > FORGET_MS_MAX:
            return None
        over_ns = self.kernel.now_ns + (longest_ms + settle.forget_ms) * MS
        self._until(lambda: self.kernel.now_ns >= over_ns, FORGET_MS_MAX)
        self._until(lambda: not remembered(self.server, self.places), settle.sweep_ms)
        return remembered(self.server, self.places)

    def _blackout(self, moment: str) -> None:
        """Where power is lost anyway: everywhere at once, and nothing that was not synced survives.

        What is drawn keeps some of it, and hides a missing fsync more often than not.
        """
        flavour = self.server.flavour
        strikes = any(fault.kind == "power-loss" for fault in self.plan.faults)
        if not strikes or flavour.nfs is not None or not flavour.disk.durable:
            return
        self._dark = True
        fault = FaultPlan(
            id=f"blackout {moment}", kind="power-loss", whom="storage", trigger=Trigger(kind="step")
        )
        self.faults.strike(fault, None, None)
        self._dark = False

    def _tidy(self) -> bool:
        """Whether nothing is left but what the target declares, and directories above that."""
        sweeps = sum(replica.sweeps for replica in self.replicas)
        if sweeps == self._tidied_at:
            return False  # nobody else is at work any more
        self._tidied_at = sweeps
        return not may_go(self.server, self.places)

    def _phase(self, name: str) -> None:
        self.recorder.event("phase", time_ns=self.stamp(), phase=name)

    def outcome(self) -> SimOutcome:
        kernel = self.kernel
        unspent = [f"{fault.id} ({fault.kind})" for fault in self.triggers.waiting]
        notes = list(self.faults.missed)
        if unspent:
            notes.append(f"never triggered: {', '.join(unspent)}")
        return SimOutcome(
            recorder=self.recorder,
            steps=kernel.steps,
            virtual_ns=kernel.now_ns,
            choices=tuple(kernel.taken),
            switches=list(kernel.switches),
            offered=kernel.offered,
            notes=tuple(notes),
            unknown=self.unknown,
            stuck=tuple(task.path for task in kernel.stuck),
            storm_steps=self.storm_steps,
            paths=self.clients.paths,
            forced=tuple(self.forced),
        )


def _capabilities(plan: Plan, target: Target) -> tuple[str, ...]:
    """Those of the target, unless the plan configures its fleet in a way of its own."""
    return target.capabilities if plan.creation == "on" else plan.capabilities


def reason_to_skip(plan: Plan, subject: Subject) -> str | None:
    """Why this plan cannot be run in the simulator; None if it can."""
    flavour = parse_flavour(plan.storage or "tmpfs")
    for fault in plan.world_faults:
        phase = fault.trigger.phase
        if phase is not None and phase not in subject.target.phases:
            return f"target {subject.target.name} does not say what shows its phase `{phase}`"
    return sim_faults.reason_to_skip(plan.world_faults, flavour.nfs is None)
