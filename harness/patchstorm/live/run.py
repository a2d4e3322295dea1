"""One storm against real servers, from an empty directory to a history.

The order of events is the whole story: storage, fleet, watchers; the uploads are created; faults are
armed and the storm runs; everything is healed; the closing workload runs; the storage comes to rest,
is swept and looked at. What is judged afterwards is not known here.

Whatever happens, nothing stays behind: every resource is a context manager, and what a killed
harness leaves is removed by its warden.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from patchstorm.errors import TargetError
from patchstorm.history import Recorder
from patchstorm.history.model import Final, Header, History
from patchstorm.live.aftermath import Aftermath
from patchstorm.live.courier import Courier, Phase
from patchstorm.live.damage import Damage
from patchstorm.live.fault_kinds import Scene
from patchstorm.live.faults import Faults
from patchstorm.live.finals import fetched, finals, residue, tell_contents, untidy
from patchstorm.live.fleet import Fleet
from patchstorm.live.lookout import Lookout, Seen, looking_out
from patchstorm.live.pulse import beating
from patchstorm.live.sight import Sight
from patchstorm.live.storage import Storage, UnavailableStorage
from patchstorm.live.suits import lifetime_ms
from patchstorm.live.triggers import Triggers, rules_of
from patchstorm.live.watch import TreeWatch
from patchstorm.live.world import PROCESSES, World
from patchstorm.scenario import storm as storms
from patchstorm.scenario.actions import Workload
from patchstorm.scenario.machine import Machine
from patchstorm.scenario.plan import Plan, UploadPlan
from patchstorm.target.model import Target
from patchstorm.target.places import Places

HISTORY_FILE = "history.jsonl"
REST_POLL_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOutcome:
    """What a run came to. ``history`` is None where nothing could be run to its end.

    ``unknown`` says why nothing can be concluded, ``skipped`` why the storm was not run at all.
    """

    log_dir: Path
    history: History | None = None
    notes: tuple[str, ...] = ()
    unknown: str | None = None
    skipped: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """What a run is given."""

    plan: Plan
    target: Target
    world: World
    storage: Storage
    log_dir: Path
    sink: IO[bytes] | None
    after: Aftermath | None


@dataclass(slots=True, kw_only=True)
class _Run:
    """The parts of one storm that its phases hand to each other."""

    plan: Plan
    target: Target
    storage: Storage
    fleet: Fleet
    recorder: Recorder
    places: Places
    courier: Courier
    faults: Faults
    triggers: Triggers
    sight: Sight
    lookout: Lookout | None
    convergence_ms: int
    next_op: int = 0
    notes: list[str] = field(default_factory=list)


async def run_live(
    plan: Plan,
    target: Target,
    *,
    out_dir: Path,
    storage: str | None = None,
    world: World = PROCESSES,
    sink: IO[bytes] | None = None,
    after: Aftermath | None = None,
) -> LiveOutcome:
    """Run ``plan`` against ``target`` in ``world``. ``storage`` overrides the plan's.

    The history is written to ``out_dir`` as it happens, beside a log of each replica; with a ``sink``, which
    is then its reader's business, it goes there instead. ``after`` goes on where a loss of power broke the
    storm off: what is left to do is heal, close and look.
    Raises UsageError for what was asked wrongly and TargetError for a target that does not start.
    """
    began = time.monotonic()
    log_dir = out_dir
    spec = storage or plan.storage or "tmpfs"
    try:
        reason = world.unsuited(plan, target, spec)
        if reason is not None:
            return LiveOutcome(log_dir=log_dir, skipped=reason)
        await world.prepare(plan, target)
        began = time.monotonic()
        async with asyncio.timeout(world.storm_s_max), AsyncExitStack() as stack:
            store = await stack.enter_async_context(world.opened(spec, plan, target))
            setting = _Setting(
                plan=plan, target=target, world=world, storage=store, log_dir=log_dir,
                sink=sink, after=after,
            )  # fmt: skip
            run = await _prepare(setting, stack)
            if after is None:
                await _storm(run)
            else:
                _recall(run, after)
            await _settle(run)
            return _outcome(run, log_dir, time.monotonic() - began, whole=sink is None)
    except UnavailableStorage as unavailable:
        return LiveOutcome(log_dir=log_dir, skipped=str(unavailable))
    except TimeoutError:
        reason = f"the storm did not end within {world.storm_s_max:.0f} s; see {log_dir}"
        return LiveOutcome(log_dir=log_dir, unknown=reason, seconds=time.monotonic() - began)
    except BaseExceptionGroup as group:
        raise _only(group) from None


async def _prepare(setting: _Setting, stack: AsyncExitStack) -> _Run:
    plan, target, world = setting.plan, setting.target, setting.world
    store, log_dir, after, sink = setting.storage, setting.log_dir, setting.after, setting.sink
    rules = rules_of(plan, target) if after is None else []
    lookout = await stack.enter_async_context(looking_out()) if rules else None
    fleet = await stack.enter_async_context(
        world.running(target, store, plan.replicas, log_dir=log_dir, lifetime_ms=lifetime_ms(plan))
    )
    header = _header(plan, target, world, store)
    if sink is None:
        sink = stack.enter_context((log_dir / HISTORY_FILE).open("wb"))
    recorder = Recorder(header, sink, first_op=0 if after is None else after.first_op)
    await stack.enter_async_context(beating(recorder))
    courier = Courier(plan, target, fleet, recorder)
    places = Places(target, tuple(upload.info for upload in plan.uploads))
    damage = Damage(plan, places, store, recorder)
    scene = Scene(fleet=fleet, storage=store, network=courier.network, damage=damage.strike)
    faults = Faults(scene, recorder, world.kinds)
    stack.callback(faults.cancel)
    triggers = Triggers(plan, faults.strike)
    courier.on_patch, courier.on_bytes = triggers.saw_patch, triggers.saw_bytes
    atomic = "publishes-atomically" in target.capabilities
    sight = Sight(store.view, places, recorder, every_change=atomic)
    tree = TreeWatch(store.view)
    tree.listen(sight.saw)
    await stack.enter_async_context(tree)
    if lookout is not None:
        lookout.seen = _struck(triggers, fleet)
    courier.on_url = _learner(courier, places, lookout)
    courier.on_full = sight.look_at
    return _Run(
        plan=plan, target=target, storage=store, fleet=fleet, recorder=recorder, places=places,
        courier=courier, faults=faults, triggers=triggers, sight=sight,
        lookout=lookout, convergence_ms=header.convergence_ms, next_op=recorder.operations,
        notes=[*store.notes],
    )  # fmt: skip


def _struck(triggers: Triggers, fleet: Fleet) -> Seen:
    """A fault strikes while all stand still; then those that it spared go on."""

    def seen(rule: str, path: str, time_ns: int) -> None:
        try:
            triggers.saw(rule, path, time_ns)
        finally:
            fleet.thaw()

    return seen


def _learner(courier: Courier, places: Places, lookout: Lookout | None) -> Callable[[str], None]:
    """What becomes known with an upload's URL: where its file will be."""

    def learn(upload: str) -> None:
        places.learn(upload, courier.urls[upload])
        if lookout is not None:
            lookout.tell(published=list(places.published))

    return learn


def _header(plan: Plan, target: Target, world: World, store: Storage) -> Header:
    return Header(
        scenario=plan.scenario,
        seed=plan.seed,
        world=world.name,
        storage=store.flavour,
        target=target.name,
        capabilities=target.capabilities,
        reading=plan.reading,
        replicas=plan.replicas,
        clock="monotonic",
        uploads=tuple(upload.info for upload in plan.uploads),
        policy=plan.policy,
        leftovers=target.files.leftovers,
        convergence_ms=max(plan.convergence_ms, target.settle.convergence_ms),
        closing=plan.closing,
    )


async def _storm(run: _Run) -> None:
    await _drive(run, storms.opening(run.plan), "storm")
    if run.lookout is not None:
        fleet, lookout = run.fleet, run.lookout
        for replica in fleet.replicas:
            replica.on_spawn = lambda: lookout.tell(pids=fleet.pids)
        lookout.tell(pids=fleet.pids, published=list(run.places.published))
        await lookout.arm(run.storage.view, rules_of(run.plan, run.target))
    _phase(run, "storm")
    run.triggers.arm()
    await _drive(run, storms.storm(run.plan), "storm")
    run.triggers.disarm()


def _recall(run: _Run, after: Aftermath) -> None:
    """Everything is up again after a loss of power: what lasted until then is over."""
    run.courier.recall(after)
    for fault in after.lasting:
        run.recorder.event(
            "fault", time_ns=time.monotonic_ns(), replica=fault.replica,
            fault=fault.kind, id=fault.id, ends=True,
        )  # fmt: skip
    run.notes.append("the storm was broken off by a loss of power")


async def _settle(run: _Run) -> None:
    await _heal(run)
    await _drive(run, storms.closing(run.plan), "heal")
    await _converge(run)
    await _sweep(run)


async def _drive(run: _Run, workload: Workload, phase: Phase) -> None:
    machine = Machine(workload, client=phase, first_op=run.next_op)
    await run.courier.drive(machine, phase)
    run.next_op = machine.next_op


async def _heal(run: _Run) -> None:
    """Every fault ends, everything is up again; only then does healing count as begun."""
    await run.faults.end()
    run.notes += run.fleet.deserters()
    run.courier.network.heal()
    run.storage.free()
    await run.fleet.heal()
    _phase(run, "heal")


async def _converge(run: _Run) -> None:
    """Wait, bounded, until every upload that is owed its file has it."""
    deadline = time.monotonic() + run.convergence_ms / 1_000
    while _unpublished(run) and time.monotonic() < deadline:
        await asyncio.sleep(REST_POLL_S)
    run.sight.look_at_all()
    _phase(run, "converged")


def _unpublished(run: _Run) -> list[str]:
    """The uploads whose file is still to come. Rivals share a file: any of them will do."""
    if _by_get(run):
        return []  # asked for when the finals are
    if run.plan.closing == "sweeper" and "completes-unattended" not in run.target.capabilities:
        return []
    uploads = {upload.id: upload for upload in run.plan.uploads}
    return [
        upload
        for upload in run.courier.owed()
        if uploads[upload].info.expires_ms is None
        and not _stands(run, run.places.path(upload), uploads)
    ]


def _stands(run: _Run, path: str | None, uploads: dict[str, UploadPlan]) -> bool:
    """Whether a whole file is there; of rivals, whichever of them it belongs to."""
    if path is None:
        return False
    try:
        size = (run.storage.view / path).stat().st_size
    except OSError:
        return False
    return size >= min(uploads[upload].size for upload in run.places.published[path])


async def _sweep(run: _Run) -> None:
    """Wait until the storage is tidy, or until a sweep must have happened; then look for good.

    While an upload is unfinished, or a server may wait for a client that has gone without its hearing of
    it, parts may lie about for good reason: then nothing is awaited, and no sweep is claimed.
    """
    finished = {*run.courier.owed(), *run.courier.ended}
    claimed = all(upload.id in finished for upload in run.plan.uploads) and not _by_get(run)
    claimed = claimed and not run.courier.probes.used  # nobody knows what probes leave unfinished
    claimed = claimed and not run.faults.scene.ends_unheard
    deadline = time.monotonic() + run.target.settle.sweep_ms / 1_000
    while claimed and untidy(run.places, run.storage.view) and time.monotonic() < deadline:
        await asyncio.sleep(REST_POLL_S)
    _phase(run, "swept")
    run.sight.look_at_all()
    run.sight.tell_strangers()
    if not _by_get(run):
        tell_contents(run.courier.probes, run.target.files, run.storage.view, run.recorder)
    for final in await _finals(run):
        run.recorder.add(final)
    run.recorder.add(residue(run.places, run.storage.view, swept=claimed))


async def _finals(run: _Run) -> list[Final]:
    if not _by_get(run):
        return finals(run.plan, run.places, run.storage.view)
    owed = [] if run.plan.closing == "sweeper" else run.courier.owed()
    until = time.monotonic() + (run.convergence_ms / 1_000 if owed else 0.0)
    return await fetched(run.plan, run.courier.fetch, until=until)


def _by_get(run: _Run) -> bool:
    """Whether the bytes are had with GET, so that nothing on the storage is known to be anybody's."""
    return run.target.files.read == "get"


def _phase(run: _Run, name: str) -> None:
    run.recorder.event("phase", time_ns=time.monotonic_ns(), phase=name)


def _outcome(run: _Run, log_dir: Path, seconds: float, *, whole: bool) -> LiveOutcome:
    notes = [*run.notes, *run.fleet.said()]
    unspent = [f"{fault.id} ({fault.kind})" for fault in run.triggers.unspent]
    if unspent and run.triggers.armed_once:
        notes.append(f"never triggered: {', '.join(unspent)}")
    return LiveOutcome(
        log_dir=log_dir,
        history=run.recorder.history() if whole else None,
        notes=tuple(notes),
        seconds=seconds,
    )


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
