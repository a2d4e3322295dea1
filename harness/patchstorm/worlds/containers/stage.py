"""The stage of the world ``containers``: what the harness needs to know to run a storm there."""

from __future__ import annotations

from patchstorm.live.stage import Stage, unsuited
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.containers.faults import CONTAINER_KINDS
from patchstorm.worlds.containers.fleet import running
from patchstorm.worlds.containers.ground import opened, prepare


def _unsuited(plan: Plan, target: Target, spec: str) -> str | None:
    if target.container is None:
        return (
            f"target {target.name} names no image to run in; add a table [container] with `image` or "
            "`dockerfile` to the target's file"
        )
    if target.companion is not None:
        return f"target {target.name} shares a program among its replicas, which containers cannot reach"
    return unsuited(plan, target, spec, CONTAINER_KINDS)


CONTAINERS = Stage(
    name="containers",
    kinds=CONTAINER_KINDS,
    unsuited=_unsuited,
    prepare=prepare,
    opened=opened,
    running=running,
)
