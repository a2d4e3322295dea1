"""One storm over mounts of the model, every call of it chosen: from an empty storage to a history."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from patchstorm.dialect.registry import dialect_of
from patchstorm.history.model import History
from patchstorm.history.recorder import Recorder
from patchstorm.live.courier import Courier
from patchstorm.live.fetching import fetched
from patchstorm.live.fleet import Fleet
from patchstorm.live.suits import lifetime_ms
from patchstorm.live.triggers import later
from patchstorm.live.warm.nursery import Nursery
from patchstorm.run.clients import Clients
from patchstorm.run.damage import Damage
from patchstorm.run.last_look import Found, finals
from patchstorm.run.model_view import ModelView
from patchstorm.run.publication import PublicationWatcher
from patchstorm.run.script import Choosers, Drive, Fetch, Heal, Run, Until, from_seed, header_of
from patchstorm.run.triggers import Seen
from patchstorm.run.truth import find, make_root
from patchstorm.scenario.machine import Machine
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.storage.inode import Inode
from patchstorm.storage.parse import parse_flavour
from patchstorm.storage.server import Server
from patchstorm.storage.settings import ManualClock
from patchstorm.target.model import Target
from patchstorm.target.places import Places
from patchstorm.telling.record import NEVER
from patchstorm.worlds.fuse.abilities import Abilities
from patchstorm.worlds.fuse.bodies import in_blocks
from patchstorm.worlds.fuse.bridge import Bridge
from patchstorm.worlds.fuse.calls import NAMES_DIRECTORY
from patchstorm.worlds.fuse.chains import Chains
from patchstorm.worlds.fuse.choosing import Chooses, Deciding, Option, Repeating
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.faults import Faults
from patchstorm.worlds.fuse.fleet import conducted, where_kept
from patchstorm.worlds.fuse.ground import Ground, lay_by
from patchstorm.worlds.fuse.grounds import ground_of
from patchstorm.worlds.fuse.holding import answer_of
from patchstorm.worlds.fuse.injection import Injections
from patchstorm.worlds.fuse.loop import Loop
from patchstorm.worlds.fuse.member import Held, Member
from patchstorm.worlds.fuse.outcome import NO_STEP, FuseOutcome, Step
from patchstorm.worlds.fuse.protocol import Op
from patchstorm.worlds.fuse.remarks import remarks
from patchstorm.worlds.fuse.triggers import FuseTriggers

WORLD: Final = "fuse"
REST_POLL_S: Final = 0.01
TRACE_MAX: Final = 100_000


class Chooser(Chooses, Protocol):
    """What this module asks of a chooser besides."""

    order: list[str]
    possible: dict[str, int]
    asleep: dict[str, int]

    def arm(self) -> None: ...
    def number(self, name: str) -> int: ...


def run_conducted(
    plan: Plan,
    target: Target,
    chooser: Deciding | Repeating,
    *,
    out_dir: Path,
    choosers: Choosers = from_seed,
    stop: threading.Event | None = None,
    ground: Ground | None = None,
    openers: set[str] | None = None,
    nursery: Nursery | None = None,
) -> FuseOutcome:
    """Run ``plan`` once, as ``chooser`` decides, in a thread without an event loop; logs go to ``out_dir``.

    ``ground`` may have seen others; ``openers`` is what is known of sweeps (:mod:`.chains`), and
    ``nursery`` starts the servers of a new ground. Raises UnavailableStorage where nothing can be mounted,
    TargetError for a target that does not start, and InconclusiveError for one that cannot be conducted.
    """
    began = time.monotonic()
    clock = ManualClock(time.time_ns())
    server = Server(parse_flavour(plan.storage or "tmpfs"), clock=clock)
    make_root(server)
    with ExitStack() as stack:
        if ground is None:
            ground = ground_of(target, plan.replicas, nursery=nursery)
            stack.callback(ground.close)
        runner = stack.enter_context(asyncio.Runner(loop_factory=Loop))
        loop = runner.get_loop()
        assert isinstance(loop, Loop)
        conductor = Conductor(server, clock, loop.chosen, Chains(openers))
        stack.callback(conductor.close)
        if stop is not None:
            conductor.stop = stop
        user = (os.getuid(), os.getgid())
        for index, device in enumerate(ground.devices):
            bridge = Bridge(server.mount(f"r{index}"), lambda: _root(server), user, ground.storms)
            conductor.add(Member(index, server, device, bridge))
        loop.chosen.conductor = conductor
        stack.callback(setattr, loop.chosen, "conductor", None)

        async def storm() -> FuseOutcome:
            conductor.task = asyncio.current_task()
            try:
                return await conducted_storm()
            except asyncio.CancelledError:
                if conductor.failure is not None:
                    raise conductor.failure from None
                raise

        async def conducted_storm() -> FuseOutcome:
            async with AsyncExitStack() as inner:
                fleet = await inner.enter_async_context(
                    conducted(
                        conductor, ground, target, log_dir=out_dir, lifetime_ms=lifetime_ms(plan)
                    )
                )
                run = _FuseRun(plan, target, conductor, fleet, chooser, choosers)
                inner.callback(run.faults.cancel)
                await run.go()
                if ground.keeps:
                    await lay_by(conductor, ground, fleet, run.history())
                ran = run.outcome(time.monotonic() - began)
                return replace(
                    ran, notes=tuple(where_kept(note, ground, out_dir) for note in ran.notes)
                )

        return runner.run(storm())


def _root(server: Server) -> Inode:
    found = find(server, "")
    assert found is not None, "made before anybody could ask"
    return found


class _FuseRun(Run):
    """One storm on a conducted fleet."""

    triggers: FuseTriggers

    def __init__(
        self,
        plan: Plan,
        target: Target,
        conductor: Conductor,
        fleet: Fleet,
        chooser: Deciding | Repeating,
        choosers: Choosers,
    ) -> None:
        self.plan = plan
        self.target = target
        self.conductor = conductor
        self.fleet = fleet
        self.chooser = chooser
        self.choosers = choosers
        self.next_op = 0
        self.found = Found([])
        self.trace: list[Step] = []
        self.notes: list[str] = []
        self.storm_steps = 0
        self._storm_from = 0
        self._began_ns = conductor.clock.now_ns
        self._last_ns = -1
        self._armed = False
        self._contents: dict[str, tuple[int, int] | None] = {}
        self._shown: dict[str, int] = {}
        self.minted: dict[str, str] = {}
        server = conductor.server
        server.choose = self._choose
        self.view = ModelView(server)
        self.recorder = Recorder(
            header_of(
                plan, target, world=WORLD, storage=server.flavour.name, clock="virtual",
                epoch_ns=self._began_ns,
            )
        )  # fmt: skip
        self.places = Places(target, tuple(upload.info for upload in plan.uploads))
        self.watcher = PublicationWatcher(
            self.view, self.places, self.recorder, self.stamp, instant=True
        )
        self.clients = Clients(
            plan, target, self.recorder, self.stamp, secret=fleet.secret,
            now_s=lambda: int(time.time()), quotes=True,
        )  # fmt: skip
        self.clients.on_url = self._learn
        self.triggers = FuseTriggers(plan, target, self.places, later, self._strike, self._acting)
        conductor.minded = self.triggers.operations
        self.clients.on_append = self.triggers.saw_append
        self.courier = Courier(plan, self.clients, fleet, self.triggers.saw_bytes)
        self.courier.crossing = conductor.crossing
        self.courier.cut = in_blocks
        self.courier.offers = conductor.offers
        self.courier.on_silence = self._note_exits
        damage = Damage(
            server, self.places, self.recorder, self.stamp, chooser.value, by_owner=True
        )
        self.injections = Injections(server, conductor.clock)
        conductor.execute = self.injections.execute
        self.abilities = Abilities(conductor, fleet, self.courier.network, self.injections, damage)
        self.faults = Faults(self.abilities, self.recorder, self.stamp)
        conductor.before = self._before
        conductor.after = self._after
        for member in conductor.members:
            member.conducted = True

    # -- time and names -------------------------------------------------------------------------------

    def stamp(self) -> int:
        """Record times: since the run began, and strictly increasing: order is what they are read for."""
        self._last_ns = max(self._last_ns + 1, self.conductor.clock.now_ns - self._began_ns)
        return self._last_ns

    def now_ns(self) -> int:
        return self.stamp()

    def _learn(self, upload: str) -> None:
        url = self.clients.known.urls[upload]
        self.places.learn(upload, url)
        minted = dialect_of(self.target.dialect).codec.upload_id(self.target.wire, url)
        self.conductor.names.learn(minted, upload)
        self.minted[minted] = f"<{upload}>"

    # -- what the conductor asks ----------------------------------------------------------------------

    def _choose(self, kind: str, n: int) -> int:
        acting = self.conductor.acting
        if self.conductor.chooses is None:
            return 0
        if acting is not None and self.injections.stale(kind, acting.member.index):
            acting.old = kind
            return n - 1
        name = "storage" if acting is None else acting.name
        return self.chooser.value(name, kind, n)

    def _acting(self) -> int | None:
        acting = self.conductor.acting
        return None if acting is None else acting.member.index

    def _strike(self, fault: FaultPlan, seen: Seen) -> None:
        self.faults.strike(fault, seen)

    def _before(self, held: Held) -> bool:
        """Faults strike; False: the call is made no more."""
        if not self._armed:
            return True
        self.storm_steps += 1
        self.triggers.about_to(held)
        if held.member.dying:
            return False
        strike = self.chooser.strike(Option(held.who, held.name, None, held=held))
        if not strike:
            return True
        result = None
        if self.chooser.value(held.name, "die-after", 2):
            result = self.conductor.performed(held)
        self._note(held, NEVER if result is None else answer_of(held, result))
        self.faults.sudden(strike, held.member.index)
        return False

    def _after(self, held: Held, result: str) -> None:
        self._note(held, result)
        call, member = held.call, held.member
        if held.request.op in NAMES_DIRECTORY and not result:
            self._named(held)
        if call.changes or held.request.op in (Op.FLUSH, Op.FSYNC):
            for path in self.places.published:
                inode = find(self.conductor.server, path)
                now = None if inode is None else (inode.serial, inode.data_change)
                if self._contents.get(path) != now:
                    self._contents[path] = now
                    self.watcher.changed(path)
        if call.operation == "write" and result.isdecimal():
            self.triggers.written(member.index, self._path(held))

    def _named(self, held: Held) -> None:
        """A name has appeared, or one has vanished."""
        operation, index = held.call.operation, held.member.index
        if operation in ("unlink", "rmdir"):
            self.triggers.vanished(index, held.call.path)
            return
        if operation == "rename":
            self.triggers.vanished(index, held.call.path)
        path = held.call.to or held.call.path
        self._shown.setdefault(path, self.stamp())
        self.triggers.appeared(index, path)

    def _path(self, held: Held) -> str:
        return held.member.bridge.path(held.request.node)

    def _note(self, held: Held, result: str) -> None:
        if (held.chosen or held.passed) and len(self.trace) < TRACE_MAX:
            number = max(0, self.chooser.number(held.name) - 1) if held.chosen else NO_STEP
            self.trace.append(
                Step(
                    self.stamp(), held.member.index, held.name, held.told, result,
                    held.call.footprint, number, held.struck, held.old,
                    self.conductor.served.by(held.member.index),
                )
            )  # fmt: skip

    def _note_exits(self) -> None:
        for event in self.fleet.exits(self.stamp()):
            self.recorder.add(event)

    # -- the acts -------------------------------------------------------------------------------------

    async def go(self) -> None:
        for act in self.script():
            if isinstance(act, Drive):
                machine = Machine(act.workload, client=act.phase, first_op=self.next_op)
                self.clients.phase = act.phase
                self.conductor.chooses = self.chooser
                await self.courier.drive(machine)
                self.conductor.chooses = None
                self.next_op = machine.next_op
            elif isinstance(act, Until):
                await self._until(act.reached, act.bound_ms)
            elif isinstance(act, Heal):
                await self._heal()
            elif isinstance(act, Fetch):
                await self._fetch()

    async def _fetch(self) -> None:
        if not self.by_get:
            self.found = finals(self.plan, self.view, self.places)
            return
        async with self.conductor.real(*self.conductor.members):
            until = time.monotonic() + self.fetch_ms / 1_000
            self.found = Found(await fetched(self.plan, self.courier.fetch, until=until))
            made = self.clients.probes.made if self.clients.probes is not None else ()
            given = {url: await self.courier.served(url) for url in made}
        self.served = {url: data for url, data in given.items() if data is not None}

    async def _until(self, reached: Callable[[], bool], bound_ms: int) -> None:
        """A server does something of its own accord: in its own time, and nothing of it is held."""
        async with self.conductor.real(*self.conductor.members):
            deadline = time.monotonic() + bound_ms / 1_000
            while not reached() and time.monotonic() < deadline:
                await asyncio.sleep(REST_POLL_S)

    async def _heal(self) -> None:
        grace = self.conductor.server.grace_until_ns
        await self.faults.end()
        self._note_exits()
        self.notes += self.fleet.deserters()
        self.courier.network.heal()
        self.conductor.clock.now_ns = max(self.conductor.clock.now_ns, grace)
        down = [one for one in self.conductor.members if not self.fleet.replicas[one.index].alive]
        await self.abilities.started(down)

    # -- moments of this world ------------------------------------------------------------------------

    def storm_begins(self) -> None:
        self._armed = True
        self._storm_from = len(self.trace)
        self.conductor.storm_begins()
        self.chooser.arm()

    def storm_ends(self) -> None:
        self._armed = False

    def before_the_last_look(self) -> None:
        self._note_exits()

    def tell_strangers(self) -> None:
        self.watcher.tell_strangers(self._shown.items())

    def outcome(self, seconds: float) -> FuseOutcome:
        notes = remarks(self.notes, self.fleet, self.abilities, self.conductor, self.triggers)
        return FuseOutcome(
            history=self.history(),
            choices=tuple(self.chooser.taken),
            unplaced=self.chooser.unplaced if isinstance(self.chooser, Repeating) else (),
            notes=notes,
            unknown="; ".join(self.found.unread) or None,
            idle=(*self.abilities.missed, *self.injections.idle),
            steps=self.conductor.steps,
            storm_steps=self.storm_steps,
            trace=tuple(self.trace),
            storm_from=self._storm_from,
            order=tuple(self.chooser.order),
            possible=dict(self.chooser.possible),
            asleep=dict(self.chooser.asleep),
            paths=self.conductor.served.paths,
            turns=self.conductor.served.turns,
            names=dict(self.minted),
            openers=self.conductor.chains.known,
            seconds=seconds,
            slept=self.conductor.slept,
        )

    def history(self) -> History:
        return self.recorder.history()
