"""The stage of the world ``containers``: what the harness needs to know to run a storm there."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Final

from patchstorm.live.nfs.mounts import is_nfs
from patchstorm.live.stage import Stage, unsuited
from patchstorm.live.storage import Storage
from patchstorm.live.suits import reason_to_skip
from patchstorm.scenario.faults import within
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.containers import files, ground
from patchstorm.worlds.containers.abilities import (
    ContainerAbilities,
    NfsContainerAbilities,
    abilities,
)
from patchstorm.worlds.containers.fleet import running

STORM_S_MAX: Final = 600.0
"""A dozen containers take their time on a slow machine, and NFS takes grace periods and leases."""
OF_NFS: Final = within(NfsContainerAbilities) - within(ContainerAbilities)
"""What only mounts of NFS can meet."""


def _unsuited(plan: Plan, target: Target, spec: str) -> str | None:
    if target.container is None:
        return (
            f"target {target.name} names no image to run in; add a table [container] with `image` or "
            "`dockerfile` to the target's file"
        )
    if target.companion is not None:
        return f"target {target.name} shares a program among its replicas, which containers cannot reach"
    if is_nfs(spec):
        return reason_to_skip(plan, target, within(NfsContainerAbilities), bounded=True)
    for fault in plan.world_faults:
        if fault.kind in OF_NFS:
            return (
                f"fault {fault.id} ({fault.kind}): {spec} is shared without a file server; give a storage "
                "of NFS, such as `nfs4.2`"
            )
    return unsuited(plan, target, spec, within(ContainerAbilities))


def _opened(spec: str, plan: Plan, target: Target) -> AbstractAsyncContextManager[Storage]:
    if is_nfs(spec):
        return files.opened(spec, plan, target)
    return ground.opened(spec, plan, target)


CONTAINERS = Stage(
    name="containers",
    abilities=abilities,
    unsuited=_unsuited,
    prepare=ground.prepare,
    opened=_opened,
    running=running,
    storm_s_max=STORM_S_MAX,
)
