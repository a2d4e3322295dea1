"""(scenario, seed, index, capabilities) to a plan: every spread becomes a value.

Each value is drawn under a name of its own ("upload/u0.1/size"), so adding a client or a fault to a
storm file does not change what the other tables mean under the same seed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from patchstorm.choice.chooser import Chooser, seeded
from patchstorm.history.model import UploadInfo
from patchstorm.scenario.actions import Closing
from patchstorm.scenario.coherence import uploads_of
from patchstorm.scenario.composing.drawing import compose
from patchstorm.scenario.composing.ground import Ground
from patchstorm.scenario.composing.steering import Steering
from patchstorm.scenario.dividing import divided
from patchstorm.scenario.faults import FAULTS, Fault
from patchstorm.scenario.model import (
    ClientSpec,
    FaultSpec,
    Scalar,
    Scenario,
    Spread,
    TriggerSpec,
    UploadSpec,
)
from patchstorm.scenario.plan import ClientPlan, FaultPlan, Plan, Trigger, UploadPlan, Whom
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.scenario.workloads.program import KIND as PROGRAM


def draw_plan(
    scenario: Scenario,
    *,
    seed: int,
    index: int = 0,
    capabilities: Iterable[str],
    replicas: int | None = None,
    storage: str | None = None,
    ground: Ground | None = None,
    steering: Steering | None = None,
) -> Plan:
    """The storm that this seed and index stand for.

    ``replicas`` and ``storage`` override the scenario's. The first upload has payload number 0. What a storm
    that composes itself is drawn from is ``ground``, and ``steering`` what rounds before it have met.
    """
    chooser = seeded(seed, scenario.name, index, "plan")
    creation = str(value_of(chooser, "fleet/creation", scenario.fleet.creation))
    has = configured(frozenset(capabilities), creation)
    count = replicas or _number(chooser, "fleet/replicas", scenario.fleet.replicas)
    if scenario.compose is not None:
        return compose(
            scenario, seed=seed, index=index, has=has, ground=ground, steering=steering,
            replicas=count, storage=storage if storage is not None else scenario.fleet.storage,
        )  # fmt: skip
    by_table = _uploads(scenario, chooser)
    uploads = tuple(upload for group in by_table.values() for upload in group)
    wait = scenario.fleet.lock_wait
    return Plan(
        scenario=scenario.name,
        title=scenario.title,
        seed=seed,
        index=index,
        reading="offset-addressed" if "offset-addressed" in has else "sequential",
        capabilities=tuple(sorted(has)),
        replicas=count,
        balancer=scenario.fleet.balancer,
        creation="bearer" if creation == "bearer" else "off" if creation == "off" else "on",
        storage=storage if storage is not None else scenario.fleet.storage,
        policy=scenario.policy,
        closing=_closing(chooser, scenario, has),
        convergence_ms=scenario.convergence_ms,
        uploads=uploads,
        clients=tuple(_clients(scenario, chooser, by_table)),
        faults=tuple(_faults(scenario, chooser, uploads, count, first=index == 0)),
        reaches=scenario.reaches,
        scale=scenario.scale,
        workers=_number(chooser, "fleet/workers", scenario.fleet.workers),
        lock_wait_ms=None if wait is None else _number(chooser, "fleet/lock-wait", wait),
    )


def configured(has: frozenset[str], creation: str) -> frozenset[str]:
    """The capabilities of a fleet that lets not everybody create uploads."""
    if creation == "off":
        has -= {"creation", "creation-with-upload"}
    return has if creation == "on" else has | {f"creation-{creation}"}


def value_of(chooser: Chooser, name: str, spread: Spread) -> Scalar:
    """One value of a spread; its first, or the low end, is the dull one."""
    if spread.low is not None and spread.high is not None:
        return spread.low + chooser.draw(name, spread.high - spread.low + 1)
    return spread.among[chooser.draw(name, len(spread.among))]


def _number(chooser: Chooser, name: str, spread: Spread) -> int:
    return int(value_of(chooser, name, spread))


def _closing(chooser: Chooser, scenario: Scenario, has: frozenset[str]) -> Closing:
    """The sweeper alone can close only what completes unattended, and only what somebody can be trusted to
    have finished: a program of its own may give up, and then nobody would ask why."""
    drawn = value_of(chooser, "closing", scenario.closing)
    if any(client.kind == PROGRAM.name for client in scenario.clients):
        return "client"
    return "sweeper" if drawn == "sweeper" and "completes-unattended" in has else "client"


def _uploads(scenario: Scenario, chooser: Chooser) -> dict[str, list[UploadPlan]]:
    groups: dict[str, list[UploadPlan]] = {}
    number = 0
    for spec in scenario.uploads:
        group = groups[spec.id] = []
        count = _number(chooser, f"upload/{spec.id}/count", spec.count)
        for i in range(count):
            ident = spec.id if count == 1 else f"{spec.id}.{i}"
            made = _made(chooser, spec, _upload(chooser, spec, ident, number))
            group += made
            number += len(made)
    return groups


def _made(chooser: Chooser, spec: UploadSpec, upload: UploadPlan) -> tuple[UploadPlan, ...]:
    """The upload, or the parts that it is joined from and what they are joined into."""
    if spec.parts is None:
        return (upload,)
    parts = _number(chooser, f"upload/{upload.id}/parts", spec.parts)
    finals = _number(chooser, f"upload/{upload.id}/finals", spec.finals)
    return divided(chooser, upload, parts, finals, upload.number)


def _upload(chooser: Chooser, spec: UploadSpec, ident: str, number: int) -> UploadPlan:
    size = _number(chooser, f"upload/{ident}/size", spec.size)
    chunk = _number(chooser, f"upload/{ident}/chunk", spec.chunk)
    expires = None
    if spec.expires_ms is not None:
        expires = _number(chooser, f"upload/{ident}/expires", spec.expires_ms)
    info = UploadInfo(
        id=ident,
        size=size,
        target=spec.target or f"{ident}.bin",
        unnamed=spec.unnamed,
        overwrite=spec.overwrite,
        expires_ms=expires,
        deferred=spec.deferred,
    )
    return UploadPlan(number=number, info=info, chunk=min(chunk, size) or 1)


def _clients(
    scenario: Scenario, chooser: Chooser, by_table: dict[str, list[UploadPlan]]
) -> Iterable[ClientPlan]:
    for spec in scenario.clients:
        uploads = tuple(
            upload.id for table in uploads_of(scenario, spec) for upload in by_table[table.id]
        )
        count = _number(chooser, f"client/{spec.name}/count", spec.count)
        for i in range(count):
            name = spec.name if count == 1 else f"{spec.name}-{i}"
            yield _client(chooser, spec, name, uploads)


def _client(chooser: Chooser, spec: ClientSpec, name: str, uploads: tuple[str, ...]) -> ClientPlan:
    return ClientPlan(
        name=name,
        kind=spec.kind,
        uploads=uploads,
        start_ms=_number(chooser, f"client/{name}/start", spec.start_ms),
        options=_options(chooser, f"client/{name}", spec.options, WORKLOADS[spec.kind].options),
    )


def _options(
    chooser: Chooser, name: str, spreads: dict[str, Spread], struct: type[msgspec.Struct]
) -> dict[str, Scalar]:
    """The drawn options, and the defaults of those that the file leaves out."""
    drawn = {key: value_of(chooser, f"{name}/{key}", spread) for key, spread in spreads.items()}
    complete: dict[str, Scalar] = msgspec.to_builtins(msgspec.convert(drawn, struct))
    return complete


def _faults(
    scenario: Scenario,
    chooser: Chooser,
    uploads: tuple[UploadPlan, ...],
    replicas: int,
    *,
    first: bool,
) -> Iterable[FaultPlan]:
    """What strikes. The ``first`` schedule leaves no table out: it is the only one that real processes run,
    and a storm without one of its faults would be called safe from what it never met."""
    for i, spec in enumerate(scenario.faults):
        times = _number(chooser, f"fault/{i}/times", spec.times)
        if times == 0 and first:
            times = min(count for count in map(int, spec.times.among or (1,)) if count > 0)
        for strike in range(times):
            yield _fault(chooser, spec, f"{i}.{strike}", strike, uploads, replicas)


def _fault(
    chooser: Chooser,
    spec: FaultSpec,
    ident: str,
    strike: int,
    uploads: tuple[UploadPlan, ...],
    replicas: int,
) -> FaultPlan:
    name = f"fault/{ident}"
    row = FAULTS[spec.kind]
    whom, replica = _whom(
        chooser, name, str(value_of(chooser, f"{name}/whom", spec.whom)), replicas
    )
    return FaultPlan(
        id=f"{spec.kind}-{ident}",
        kind=spec.kind,
        whom=whom,
        replica=replica,
        trigger=_trigger(chooser, name, spec.when, row, strike, uploads),
        for_ms=_lasting(chooser, name, spec, row),
        options=_options(chooser, name, spec.options, row.options),
    )


def _whom(chooser: Chooser, name: str, whom: str, replicas: int) -> tuple[Whom, int | None]:
    """The concrete aim; a replica is drawn also where "acting" may turn out to be unknowable."""
    if whom == "any-replica":
        return "replica", chooser.draw(f"{name}/replica", replicas)
    if whom == "acting":
        return "acting", chooser.draw(f"{name}/replica", replicas)
    if whom == "all":
        return "all", None
    if whom == "storage":
        return "storage", None
    if whom == "network":
        return "network", None
    if whom == "companion":
        return "companion", None
    return "replica", int(whom.removeprefix("replica-"))


def _lasting(chooser: Chooser, name: str, spec: FaultSpec, row: Fault) -> int | None:
    if spec.for_ms is None:
        return row.default_ms
    return _number(chooser, f"{name}/for", spec.for_ms)


def _trigger(
    chooser: Chooser,
    name: str,
    when: TriggerSpec | None,
    row: Fault,
    strike: int,
    uploads: tuple[UploadPlan, ...],
) -> Trigger:
    if when is None:
        return _any_moment(chooser, name, row, uploads)
    nth = _number(chooser, f"{name}/nth", when.nth) + strike  # every strike waits for the next one
    if when.kind == "path":
        path, op = (
            None if spread is None else str(value_of(chooser, f"{name}/{key}", spread))
            for key, spread in (("path", when.path), ("op", when.op))
        )
        return Trigger(kind="path", path=path, op=op, nth=nth)
    if when.kind == "phase":
        assert when.phase is not None
        phase = str(value_of(chooser, f"{name}/phase", when.phase))
        return Trigger(kind="phase", phase=phase, nth=nth)
    assert when.number is not None
    number = _number(chooser, f"{name}/number", when.number)
    return _counted(when.kind, number)


def _counted(kind: str, number: int) -> Trigger:
    if kind == "step":
        return Trigger(kind="step", step=number)
    if kind == "after_bytes":
        return Trigger(kind="after_bytes", after_bytes=number)
    if kind == "after_requests":
        return Trigger(kind="after_requests", after_requests=number)
    return Trigger(kind="after_ms", after_ms=number)


def _any_moment(
    chooser: Chooser, name: str, row: Fault, uploads: tuple[UploadPlan, ...]
) -> Trigger:
    """A moment that the storm is sure to pass: before the last byte, or the last PATCH, is begun."""
    uploads = tuple(one for one in uploads if not one.info.parts)  # of which nobody sends a byte
    if "after_bytes" in row.triggers and row.aims != ("network",):
        total = max(1, sum(upload.size for upload in uploads))
        return Trigger(kind="after_bytes", after_bytes=chooser.draw(f"{name}/moment", total))
    patches = max(1, sum(-(-upload.size // upload.chunk) for upload in uploads))
    return Trigger(kind="after_requests", after_requests=chooser.draw(f"{name}/moment", patches))
