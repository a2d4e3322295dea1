"""Which ground a target's replicas stand on: processes of this machine, or containers of an image."""

from __future__ import annotations

from patchstorm.live.warm.nursery import Nursery
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.ground import Ground


def ground_of(
    target: Target, replicas: int, *, keeps: bool = False, nursery: Nursery | None = None
) -> Ground:
    """A new one. Raises UnavailableStorage where nothing can be mounted, or nothing contained."""
    if target.only_contained:
        from patchstorm.worlds.fuse.boxes import Boxes

        return Boxes(replicas, keeps=keeps)
    return Ground(replicas, keeps=keeps, nursery=nursery)
