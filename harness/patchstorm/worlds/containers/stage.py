"""The stage of the world ``containers``: what the harness needs to know to run a storm there."""

from __future__ import annotations

from patchstorm.live.stage import Stage, unsuited
from patchstorm.scenario.faults import within
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.containers.abilities import ContainerAbilities
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
    return unsuited(plan, target, spec, within(ContainerAbilities))


CONTAINERS = Stage(
    name="containers",
    abilities=ContainerAbilities,
    unsuited=_unsuited,
    prepare=prepare,
    opened=opened,
    running=running,
)
