"""The world ``containers``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from patchstorm.errors import UsageError
from patchstorm.run.outcome import Outcome
from patchstorm.scenario.faults import OF_REQUESTS, within
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.target.claims import DIRECTORY
from patchstorm.target.model import Target
from patchstorm.worlds.base import TMPFS_STORAGES, Row, World, flavour_of, is_tmpfs


class Containers(World):
    """Docker containers and what they share."""

    name = "containers"
    says = "containers on a network of their own over a shared tmpfs volume"
    contains = True

    def means(self) -> Means:
        from patchstorm.worlds.containers.abilities import ContainerAbilities

        return Means(faults=OF_REQUESTS | within(ContainerAbilities), balancer=True)

    def storages(self) -> Mapping[str, str]:
        return TMPFS_STORAGES

    def offers(self, storage: str) -> bool:
        return not storage.startswith(DIRECTORY) and is_tmpfs(storage)

    def check_storage(self, storage: str) -> None:
        flavour = flavour_of(storage)
        if flavour is not None and flavour.nfs is not None:
            raise UsageError(
                f"--storage {storage}: containers share a tmpfs volume, and no volume of NFS, in this "
                f"release; write `--world nfs --storage {storage}` for real NFS on any Linux machine"
            )

    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        from patchstorm.live.run import run_live
        from patchstorm.worlds.containers.stage import CONTAINERS as STAGE

        return await run_live(plan, target, out_dir=out_dir, stage=STAGE)

    async def doctor(self) -> AsyncIterator[Row]:
        from patchstorm.worlds.containers.doctor import containers

        async for row in containers():
            yield row


CONTAINERS = Containers()
