"""Small plans for tests of workloads."""

from __future__ import annotations

from patchstorm.history.model import UploadInfo
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.model import Scalar
from patchstorm.scenario.plan import ClientPlan, FaultPlan, Plan, Trigger, UploadPlan

from .fake import OFFSET_ADDRESSED


def upload(
    number: int = 0,
    *,
    size: int = 1000,
    chunk: int = 100,
    target: str | None = None,
    overwrite: bool = False,
    expires_ms: int | None = None,
) -> UploadPlan:
    info = UploadInfo(
        id=f"u{number}",
        size=size,
        target=target or f"u{number}.bin",
        overwrite=overwrite,
        expires_ms=expires_ms,
    )
    return UploadPlan(number=number, info=info, chunk=chunk)


def plan(
    kind: str,
    *uploads: UploadPlan,
    seed: int = 1,
    capabilities: tuple[str, ...] = OFFSET_ADDRESSED,
    faults: tuple[FaultPlan, ...] = (),
    replicas: int = 3,
    **options: Scalar,
) -> Plan:
    """One client of this kind over the uploads (by default one of 1000 bytes in ten chunks)."""
    chosen = uploads or (upload(),)
    client = ClientPlan(
        name="c0", kind=kind, uploads=tuple(one.id for one in chosen), options=options
    )
    return Plan(
        scenario="test",
        title="a test",
        seed=seed,
        index=0,
        reading="offset-addressed" if "offset-addressed" in capabilities else "sequential",
        capabilities=capabilities,
        replicas=replicas,
        storage=None,
        policy="polite",
        closing="client",
        convergence_ms=15_000,
        uploads=chosen,
        clients=(client,),
        faults=faults,
        reaches=(),
    )


def network_fault(kind: str, **fields: object) -> FaultPlan:
    assert FAULTS[kind].aims == ("network",)
    after = int(str(fields.pop("after", 0)))
    return FaultPlan(
        id=f"{kind}-0",
        kind=kind,
        whom="network",
        trigger=Trigger(kind="after_requests", after_requests=after),
        **fields,  # type: ignore[arg-type]
    )
