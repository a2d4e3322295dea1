"""Whether a plan can be brought about over mounts of the model, and if not, why not."""

from __future__ import annotations

from patchstorm.run.triggers import patterns_of
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.storage.parse import parse_flavour
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.abilities import Abilities


def reason_to_skip(plan: Plan, target: Target) -> str | None:
    """Why this storm cannot be brought about; None if it can."""
    if plan.needs_programs:
        return "a client is a program of its own, which runs in real time; use --world processes"
    if target.only_contained and target.companion is not None:
        return f"target {target.name} shares a program among its replicas, which containers cannot reach"
    local = parse_flavour(plan.storage or "tmpfs").nfs is None
    for fault in plan.world_faults:
        reason = _fault(fault, target, local)
        if reason is not None:
            return f"fault {fault.id} ({fault.kind}): {reason}"
    if any(upload.info.expires_ms is not None for upload in plan.uploads):
        return "uploads expire by the clocks of real servers, which nobody here can turn"
    return None


def _fault(fault: FaultPlan, target: Target, local: bool) -> str | None:
    if not FAULTS[fault.kind].within(Abilities):
        return "replicas over mounts cannot be hit by it; use --world sim"
    if FAULTS[fault.kind].needs_server and local:
        return "local storage has no server to lose; use an nfs flavour"
    phase = fault.trigger.phase
    if phase is not None and phase not in target.phases:
        return (
            f"target {target.name} does not say what shows its phase `{phase}`; "
            "add it to [phases] of the target's file"
        )
    if phase is not None and not any(patterns_of(fault, target)):
        return f"nothing shows the phase `{phase}`; add patterns to [phases] of the target's file"
    return None
