"""Which plans the simulator can run, and why others not."""

from __future__ import annotations

from patchstorm.run.triggers import patterns_of
from patchstorm.scenario.plan import Plan
from patchstorm.storage.parse import parse_flavour
from patchstorm.worlds.sim import faults as sim_faults
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.scale import cannot_describe, is_described


def reason_to_skip(plan: Plan, subject: Subject) -> str | None:
    """Why this plan cannot be run in the simulator; None if it can."""
    if plan.needs_programs:
        return "a client is a program of its own, which runs in real time; use --world processes"
    for fault in plan.world_faults:
        phase = fault.trigger.phase
        if phase is not None and phase not in subject.target.phases:
            return f"target {subject.target.name} does not say what shows its phase `{phase}`"
        shown = patterns_of(fault, subject.target)
        if phase is not None and not (shown.appeared or shown.vanished):
            return (
                f"phase {phase} of {subject.target.name} shows by what is written to "
                f"{', '.join(shown.changed)}, which the simulator does not watch; name a path that "
                "appears or vanishes"
            )
    local = parse_flavour(plan.storage or "tmpfs").nfs is None
    if is_described(plan) and (reason := cannot_describe(plan, subject)) is not None:
        return reason
    return subject.reason_to_skip(plan) or sim_faults.reason_to_skip(plan.world_faults, local)
