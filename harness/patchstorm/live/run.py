"""One storm against real servers, from an empty directory to a history.

The phases are those of every world (:mod:`patchstorm.run.script`). What is judged afterwards is not known
here.

Whatever happens, nothing stays behind: every resource is a context manager, and what a killed
harness leaves is removed by its warden.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from patchstorm.dialect.registry import dialect_of
from patchstorm.errors import TargetError
from patchstorm.history import Recorder
from patchstorm.live.aftermath import Aftermath
from patchstorm.live.courier import Courier
from patchstorm.live.damage import Damage
from patchstorm.live.faults import Faults
from patchstorm.live.fetching import fetched
from patchstorm.live.fleet import Fleet
from patchstorm.live.lookout import Lookout, Sight, looking_out
from patchstorm.live.programs import Programs
from patchstorm.live.pulse import beating
from patchstorm.live.stage import HERE, Stage
from patchstorm.live.storage import Storage, UnavailableStorage
from patchstorm.live.suits import lifetime_ms
from patchstorm.live.tree import Change
from patchstorm.live.triggers import LiveTriggers, later, rules_of
from patchstorm.live.view import DirectoryView
from patchstorm.live.watch import TreeWatch
from patchstorm.run.clients import Clients
from patchstorm.run.last_look import Found, finals
from patchstorm.run.outcome import HISTORY_FILE, Outcome
from patchstorm.run.publication import PublicationWatcher
from patchstorm.run.script import Arm, Drive, Heal, Run, Until, from_seed, header_of
from patchstorm.run.triggers import Seen
from patchstorm.scenario.actions import Workload
from patchstorm.scenario.machine import Machine
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.scenario.strikes import struck
from patchstorm.target.model import Target
from patchstorm.target.places import Places

NOISE_NS = 5_000_000
REST_POLL_S = 0.01
BYTES_MORE = 1 << 20  # read of a file beyond twice what an upload has; the rest is only counted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """What a run is given."""

    plan: Plan
    target: Target
    stage: Stage
    storage: Storage
    log_dir: Path
    sink: IO[bytes] | None
    after: Aftermath | None


async def run_live(
    plan: Plan,
    target: Target,
    *,
    out_dir: Path,
    storage: str | None = None,
    stage: Stage = HERE,
    sink: IO[bytes] | None = None,
    after: Aftermath | None = None,
) -> Outcome:
    """Run ``plan`` against ``target`` on ``stage``. ``storage`` overrides the plan's.

    The history is written to ``out_dir`` as it happens, beside a log of each replica; with a ``sink``, which
    is then its reader's business, it goes there instead. ``after`` goes on where a loss of power broke the
    storm off: what is left to do is heal, close and look.
    Raises UsageError for what was asked wrongly and TargetError for a target that does not start.
    """
    began = time.monotonic()
    log_dir = out_dir
    spec = storage or plan.storage or "tmpfs"
    try:
        reason = stage.unsuited(plan, target, spec)
        if reason is not None:
            return Outcome(log_dir=log_dir, skipped=reason)
        await stage.prepare(plan, target)
        began = time.monotonic()
        async with asyncio.timeout(stage.storm_s_max), AsyncExitStack() as stack:
            store = await stack.enter_async_context(stage.opened(spec, plan, target))
            setting = _Setting(
                plan=plan, target=target, stage=stage, storage=store, log_dir=log_dir,
                sink=sink, after=after,
            )  # fmt: skip
            run = await _prepare(setting, stack)
            await run.go(broken_off=after is not None)
            return run.outcome(log_dir, time.monotonic() - began, whole=sink is None)
    except UnavailableStorage as unavailable:
        return Outcome(log_dir=log_dir, skipped=str(unavailable))
    except TimeoutError:
        reason = f"the storm did not end within {stage.storm_s_max:.0f} s; see {log_dir}"
        return Outcome(log_dir=log_dir, unknown=reason, seconds=time.monotonic() - began)
    except BaseExceptionGroup as group:
        raise _only(group) from None


class _LiveRun(Run):
    """One storm on a real fleet. Made inside ``stack``, which gives everything back."""

    triggers: LiveTriggers

    def __init__(
        self, setting: _Setting, fleet: Fleet, recorder: Recorder, stack: AsyncExitStack
    ) -> None:
        plan, target, store = setting.plan, setting.target, setting.storage
        self.plan = plan
        self.target = target
        self.recorder = recorder
        self.choosers = from_seed
        self.next_op = recorder.operations
        self.storage = store
        self.fleet = fleet
        self.lookout: Lookout | None = None
        self.notes: list[str] = [*store.notes]
        longest = max((upload.size for upload in plan.uploads), default=0)
        self.view = DirectoryView(store.view, bytes_max=2 * longest + BYTES_MORE, dated=store.dated)
        self.found = Found([])
        self.places = Places(target, tuple(upload.info for upload in plan.uploads))
        self.clients = Clients(
            plan, target, recorder, time.monotonic_ns, secret=fleet.secret,
            now_s=lambda: int(time.time()), quotes=True,
        )  # fmt: skip
        self.triggers = LiveTriggers(plan, later, self._strike)
        self.courier = Courier(plan, self.clients, fleet, self.triggers.saw_bytes)
        self._programs = self.courier.programs = Programs(
            {upload.id: upload for upload in plan.uploads}, store.scratch, log_dir=setting.log_dir,
            recorder=recorder, hear=dialect_of(target.dialect).heard,
        )  # fmt: skip
        stack.push_async_callback(self._programs.close)
        self.damage = Damage(plan, self.places, store, recorder)
        self.abilities = setting.stage.abilities(
            fleet, store, self.courier.network, self.damage.strike
        )
        self.courier.on_silence = self._note_exits
        self.faults = Faults(self.abilities, recorder)
        stack.callback(self.faults.cancel)
        # Of a target whose file grows under its name only some changes are telling.
        atomic = "publishes-atomically" in target.capabilities
        self.watcher = PublicationWatcher(
            self.view, self.places, recorder, time.monotonic_ns, instant=False,
            noise_ns=0 if atomic else NOISE_NS,
        )  # fmt: skip
        self._shown: dict[str, int] = {}  # paths that belonged to nobody when they appeared
        self.clients.on_append = self.triggers.saw_append
        self.clients.on_url = self._learn
        self.clients.on_full = self.watcher.look_at

    def _strike(self, fault: FaultPlan, seen: Seen) -> None:
        self.faults.strike(fault, seen)

    def saw(self, change: Change) -> None:
        """Something happened on the storage."""
        if change.path in self.places.published:
            self.watcher.changed(change.path)
        elif change.what == "appeared":
            self._shown.setdefault(change.path, time.monotonic_ns())

    def look_out(self, lookout: Lookout) -> None:
        """A fault strikes while all stand still; then those that it spared go on."""

        def seen(sights: list[Sight]) -> None:
            try:
                for sight in sights:
                    self.triggers.saw(sight)
            finally:
                self.fleet.thaw()

        self.lookout = lookout
        lookout.seen = seen

    def _learn(self, upload: str) -> None:
        """What becomes known with an upload's URL: where its file will be."""
        self.places.learn(upload, self.clients.known.urls[upload])
        if self.lookout is not None:
            self.lookout.tell(published=list(self.places.published))

    def _note_exits(self) -> None:
        """Who ended by itself, with which words: nobody else can tell why nobody listens."""
        for event in self.fleet.exits(time.monotonic_ns()):
            self.recorder.add(event)

    # -- the acts -----------------------------------------------------------------------------------

    async def go(self, *, broken_off: bool) -> None:
        for act in self.script(broken_off=broken_off):
            if isinstance(act, Drive):
                await self._drive(act.workload, act.phase)
            elif isinstance(act, Until):
                await _until(act.reached, act.bound_ms)
            elif isinstance(act, Arm):
                await self._arm()
            elif isinstance(act, Heal):
                await self._heal()
            else:
                await self._fetch()

    async def _drive(self, workload: Workload, phase: str) -> None:
        machine = Machine(workload, client=phase, first_op=self.next_op)
        self.clients.phase = phase
        await self.courier.drive(machine)
        self.next_op = machine.next_op

    async def _arm(self) -> None:
        if self.lookout is None:
            return
        fleet, lookout = self.fleet, self.lookout
        for replica in fleet.replicas:
            replica.on_spawn = lambda: lookout.tell(pids=fleet.pids)
        lookout.tell(pids=fleet.pids, published=list(self.places.published))
        await lookout.arm(self.storage.view, rules_of(self.plan, self.target))

    async def _heal(self) -> None:
        """Every fault ends, everything is up again; only then does healing count as begun."""
        await self.faults.end()
        self._note_exits()
        self.notes += self.fleet.deserters()
        self.courier.network.heal()
        self.storage.free()
        await self.fleet.heal()

    async def _fetch(self) -> None:
        if not self.by_get:  # off the loop: files are large, and a storage may be slow
            self.found = await asyncio.to_thread(finals, self.plan, self.view, self.places)
            return
        until = time.monotonic() + self.fetch_ms / 1_000
        self.found = Found(await fetched(self.plan, self.courier.fetch, until=until))
        made = self.clients.probes.made if self.clients.probes is not None else ()
        given = {url: await self.courier.served(url) for url in made}
        self.served = {url: data for url, data in given.items() if data is not None}

    # -- moments of live worlds ---------------------------------------------------------------------

    def now_ns(self) -> int:
        return time.monotonic_ns()

    def before_the_last_look(self) -> None:
        self._note_exits()

    def tell_strangers(self) -> None:
        self.watcher.tell_strangers(self._shown.items())

    def sweep_claimed(self) -> bool:
        """Nor where a server may wait for a client that has gone without its hearing of it."""
        return super().sweep_claimed() and not self.abilities.ends_unheard

    def recall(self, after: Aftermath) -> None:
        """Everything is up again after a loss of power: what lasted until then is over."""
        for upload, url in after.urls.items():
            self.clients.learn(upload, url)
        for upload, ranges in after.acknowledged.items():
            for offset, length in ranges:
                self.clients.known.acknowledged[upload].add(offset, offset + length)
        self.clients.known.ended.update(after.ended)
        for fault in after.lasting:
            now_ns = time.monotonic_ns()
            self.recorder.add(
                struck(fault.kind, time_ns=now_ns, replica=fault.replica, id=fault.id, ends=True)
            )
        self.notes.append("the storm was broken off by a loss of power")

    def outcome(self, log_dir: Path, seconds: float, *, whole: bool) -> Outcome:
        missed = {**self.damage.missed, **self.abilities.nothing_hit(self.plan.faults)}
        notes = [*self.notes, *self.fleet.said(), *self._programs.failed, *missed.values()]
        if self.triggers.waiting and self.triggers.armed_once:
            notes.append(self.triggers.unspent)
        return Outcome(
            log_dir=log_dir,
            history=self.recorder.history() if whole else None,
            notes=tuple(notes),
            unknown="; ".join(self.found.unread) or None,
            seconds=seconds,
            idle=tuple(missed),
            missed=self.triggers.missed,
        )


async def _prepare(setting: _Setting, stack: AsyncExitStack) -> _LiveRun:
    plan, target, stage, store = setting.plan, setting.target, setting.stage, setting.storage
    after, sink = setting.after, setting.sink
    rules = rules_of(plan, target) if after is None else []
    lookout = await stack.enter_async_context(looking_out()) if rules else None
    fleet = await stack.enter_async_context(
        stage.running(
            target, store, plan.replicas, log_dir=setting.log_dir, lifetime_ms=lifetime_ms(plan)
        )
    )
    header = header_of(plan, target, world=stage.name, storage=store.flavour, clock="monotonic")
    if sink is None:
        sink = stack.enter_context((setting.log_dir / HISTORY_FILE).open("wb"))
    recorder = Recorder(header, sink, first_op=0 if after is None else after.first_op)
    await stack.enter_async_context(beating(recorder))
    run = _LiveRun(setting, fleet, recorder, stack)
    tree = TreeWatch(store.view)
    tree.listen(run.saw)
    await stack.enter_async_context(tree)
    if lookout is not None:
        run.look_out(lookout)
    if after is not None:
        run.recall(after)
    return run


async def _until(reached: Callable[[], bool], bound_ms: int) -> None:
    deadline = time.monotonic() + bound_ms / 1_000
    while not reached() and time.monotonic() < deadline:
        await asyncio.sleep(REST_POLL_S)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error that a person should read out of what several tasks raised."""
    flat: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        error = waiting.pop(0)
        if isinstance(error, BaseExceptionGroup):
            waiting.extend(error.exceptions)
        else:
            flat.append(error)
    return next((error for error in flat if isinstance(error, TargetError)), flat[0])
