"""What a composed storm is made of, for the reader of its story."""

from __future__ import annotations

from collections.abc import Iterator

from patchstorm.scenario.composing.shapes import shapes_of
from patchstorm.scenario.plan import ClientPlan, FaultPlan, Plan, UploadPlan
from patchstorm.scenario.points import due

NAME_SHOWN = 24


def composition(plan: Plan) -> tuple[str, ...]:
    """A line for the storm and one for each upload, client and fault; none for a storm that a file names."""
    return tuple(_lines(plan)) if plan.composed else ()


def _lines(plan: Plan) -> Iterator[str]:
    closed = "its clients" if plan.closing == "client" else "the sweeper"
    sweeps = plan.sweeps
    swept = (
        "" if sweeps is None else f", swept after {sweeps.first_ms} ms, every {sweeps.every_ms} ms"
    )
    few = f" of {plan.workers} workers" if plan.workers else ""
    wait = "" if plan.lock_wait_ms is None else f", waiting {plan.lock_wait_ms} ms for what is busy"
    where = plan.storage or "tmpfs"
    yield f"composed on {where}, replicas: {plan.replicas}{few}{wait}, closed by {closed}{swept}"
    for upload in plan.uploads:
        yield f"  {_upload(plan, upload)}"
    for client in plan.clients:
        yield f"  {_client(client)}"
    for fault in plan.faults:
        yield f"  {_fault(fault)}"


def _upload(plan: Plan, upload: UploadPlan) -> str:
    name = upload.info.target
    shown = name if len(name) <= NAME_SHOWN else f"{name[:NAME_SHOWN]}... ({len(name)} letters)"
    shapes = "".join(f", {shape}" for shape in shapes_of(plan, upload))
    return f"{upload.id}: {upload.size} bytes in chunks of {upload.chunk}, to {shown}{shapes}"


def _client(client: ClientPlan) -> str:
    options = "".join(f", {name}={value}" for name, value in client.options.items())
    rates = ", ".join(f"{name} {rate}" for name, rate in client.modifiers.items())
    beside = f", with {rates} of 1000" if rates else ""
    begins = f" after {client.start_ms} ms" if client.start_ms else ""
    return f"{client.name}: {client.kind} of {', '.join(client.uploads)}{begins}{options}{beside}"


def _fault(fault: FaultPlan) -> str:
    whom = f"replica {fault.replica}" if fault.whom == "replica" else fault.whom
    lasts = "" if fault.for_ms is None else f", for {fault.for_ms} ms"
    options = "".join(f", {name}={value}" for name, value in fault.options.items())
    return f"{fault.kind} of {whom} at {due(fault.trigger)}{lasts}{options}"
