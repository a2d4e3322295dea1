"""Whom a fault hits, and how its begin and its end are written down."""

from __future__ import annotations

from collections.abc import Callable

from patchstorm.history.recorder import Recorder
from patchstorm.scenario.faults.deed import Hit
from patchstorm.scenario.plan import FaultPlan
from patchstorm.scenario.strikes import struck


def hit_by(fault: FaultPlan, replicas: int, acting: Callable[[], int | None]) -> Hit:
    """The replicas that ``fault`` hits; ``acting`` finds who did what its trigger saw, if one can tell."""
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
