"""Whether a plan can be run against real processes, and if not, why not."""

from __future__ import annotations

from patchstorm.live.fault_kinds import KINDS
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.model import Target


def reason_to_skip(plan: Plan, target: Target, *, bounded: bool) -> str | None:
    """Why this storm cannot be brought about; None if it can. ``bounded``: its disk has a size."""
    for fault in plan.world_faults:
        reason = _fault(fault, target, bounded)
        if reason is not None:
            return f"fault {fault.id} ({fault.kind}): {reason}"
    return None


def _fault(fault: FaultPlan, target: Target, bounded: bool) -> str | None:
    trigger = fault.trigger
    if fault.kind not in KINDS:
        return "real processes cannot be hit by it; use --world sim or --world fuse"
    if trigger.kind == "step" or trigger.op is not None:
        return "single file-system calls are seen only in the worlds sim and fuse"
    if trigger.phase is not None and trigger.phase not in target.phases:
        return (
            f"target {target.name} does not say what shows its phase `{trigger.phase}`; "
            "add it to [phases] of the target's file"
        )
    if fault.kind == "disk-full" and not bounded:
        return "only a disk of its own may be filled; give a storage such as `tmpfs,size=16MiB`"
    if fault.kind == "damage" and target.files.stored is None:
        return f"target {target.name} does not say where stored bytes lie (files.stored)"
    return None
