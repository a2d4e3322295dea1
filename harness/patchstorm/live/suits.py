"""Whether a plan can be run against real processes, and if not, why not."""

from __future__ import annotations

import shutil
from collections.abc import Collection

from patchstorm.live.calling import programs_missing
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.installing import not_installed
from patchstorm.target.model import Target


def reason_to_skip(
    plan: Plan, target: Target, faults: Collection[str], *, bounded: bool
) -> str | None:
    """Why this storm cannot be brought about; None if it can.

    ``faults`` are those that its world knows. ``bounded``: its disk has a size.
    """
    for fault in plan.world_faults:
        reason = _fault(fault, target, faults, bounded)
        if reason is not None:
            return f"fault {fault.id} ({fault.kind}): {reason}"
    return programs_missing(plan, target) or _lifetime(plan, target)


def lifetime_ms(plan: Plan) -> int | None:
    """How long the uploads of this storm are to live; None where the plan does not care."""
    return min((ms for upload in plan.uploads if (ms := upload.info.expires_ms)), default=None)


def _lifetime(plan: Plan, target: Target) -> str | None:
    lifetimes = {upload.info.expires_ms for upload in plan.uploads}
    if lifetimes <= {None}:
        return None
    if not target.start.lifetime:
        return (
            f"uploads expire, and target {target.name} does not say how to set their lifetime; "
            "add start.lifetime to the target's file"
        )
    if len(lifetimes) > 1:
        return "uploads of different lifetimes; a fleet of real servers has one for all"
    return None


def _fault(fault: FaultPlan, target: Target, faults: Collection[str], bounded: bool) -> str | None:
    trigger = fault.trigger
    if fault.kind not in faults:
        return "real processes cannot be hit by it; use --world sim"
    if trigger.kind == "step" or trigger.op is not None:
        return "single file-system calls are seen only in the worlds sim and fuse"
    if trigger.phase is not None and trigger.phase not in target.phases:
        return (
            f"target {target.name} does not say what shows its phase `{trigger.phase}`; "
            "add it to [phases] of the target's file"
        )
    if fault.kind == "disk-full" and not bounded:
        return "only a disk of its own may be filled; give a storage such as `tmpfs,size=16MiB`"
    if FAULTS[fault.kind].needs_companion:
        missing = _no_companion(target)
        if missing is not None:
            return missing
    if fault.kind == "companion-flush" and target.companion and not target.companion.flush:
        return _no_command(target, "flush", "is emptied")
    if fault.kind == "companion-expiry" and target.companion and not target.companion.expire:
        return _no_command(target, "expire", "has its leases end")
    if fault.kind == "damage" and target.files.stored is None:
        return f"target {target.name} does not say where stored bytes lie (files.stored)"
    return None


def _no_companion(target: Target) -> str | None:
    """Why nothing can be shared here, with the remedy."""
    if target.companion is None:
        return f"target {target.name} has no companion"
    absent = not_installed(target)
    if absent is not None:
        return f"target {target.name} is {absent}"
    program = target.companion.command[0]
    if "{" not in program and shutil.which(program) is None:
        return (
            f"target {target.name} needs `{program}`, which is not here: install it, or correct "
            "companion.command"
        )
    return None


def _no_command(target: Target, key: str, what: str) -> str:
    return (
        f"target {target.name} does not say how its companion {what}; add `{key}` to [companion] of "
        "the target's file"
    )
