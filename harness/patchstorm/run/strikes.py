"""Whom a fault hits, and how its begin and its end are written down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from patchstorm.choice.strategy import PROCESS_DIES, STORAGE_LOSES_POWER
from patchstorm.history.recorder import Recorder
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.plan import FaultPlan, Trigger
from patchstorm.scenario.strikes import struck

DOWN_MS: Final = 150


def sudden(number: int, strike: int, replica: int) -> FaultPlan:
    """A strike that a strategy chose and no plan has: the replica dies, or the storage's power is lost."""
    whole = strike == STORAGE_LOSES_POWER
    return FaultPlan(
        id=f"sudden-{number}",
        kind="crash" if strike == PROCESS_DIES else "power-loss",
        whom="storage" if whole else "replica",
        replica=None if whole else replica,
        trigger=Trigger(kind="step"),
        for_ms=DOWN_MS,
    )


def lasts_ns(fault: FaultPlan, *, now_ns: int, grace_until_ns: int) -> int:
    """How much longer a fault that has a length lasts.

    An NFS server comes back with a grace period, in which it gives no new locks: part of its absence
    (RFC 8881, 8.4.2).
    """
    own_ns = (fault.for_ms or 0) * 1_000_000
    return max(own_ns, grace_until_ns - now_ns) if FAULTS[fault.kind].brings_grace else own_ns


def hit_by(
    fault: FaultPlan, replicas: int, acting: Callable[[], int | None], *, one_machine: bool = False
) -> Hit:
    """The replicas that ``fault`` hits; ``acting`` finds who did what its trigger saw, if one can tell.

    ``one_machine``: the replicas are containers of one, so they lose power together.
    """
    if one_machine and FAULTS[fault.kind].loses_power and fault.whom != "storage":
        return tuple(range(replicas))
    if fault.whom == "all":
        return tuple(range(replicas))
    if fault.whom == "acting":
        found = acting()
        if found is not None:
            return (found,)
    return () if fault.replica is None else (fault.replica % replicas,)


def note(
    recorder: Recorder, fault: FaultPlan, hit: Hit, path: str | None, now_ns: Callable[[], int],
    *, ends: bool = False,
) -> None:  # fmt: skip
    """Write an event for each replica that was hit, or one for none."""
    for replica in hit or (None,):
        recorder.add(
            struck(fault.kind, time_ns=now_ns(), replica=replica, id=fault.id, path=path, ends=ends)
        )
